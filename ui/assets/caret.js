// Where the text cursor is in the report, for what writes there beside the keyboard: measurements, phrases.
//
// A Caret is `{id, section, lang, text, start, end}`: the sentence, its section, the language of the text that has
// the cursor ("zh" or "en"), that text, and the selection in UTF-16 units (start === end where nothing is selected).
// It is that of the text last focused in the study that is open, whether or not the focus is elsewhere by now.

let editor = null;
let asked = null;
const listeners = new Set();

/** Where the cursor is; null where no text of the open report has had the focus, or none may be written in. */
export function caret() {
  return editor?.caret() ?? null;
}

/** Put `text` at the cursor, in place of what is selected. Whether there was one and the text fits. */
export function insertAtCursor(text) {
  const at = caret();
  return Boolean(at) && replaceText(at, at.start, at.end, text);
}

/**
 * Put `text` in place of `start` to `end` of the text that `at` (a Caret, or `{id, lang}`) names; the cursor stands
 * behind it, or `select` ([start, end] within `text`) is selected. Whether it could be done; what is too long is told.
 * It is an edit like any other: saved, checked, undone by one step.
 */
export function replaceText(at, start, end, text, select = null) {
  return editor?.replaceText(at, start, end, text, select) ?? false;
}

/** Focus the text that `at` (`{id, lang}`) names and select from `start` to `end`. */
export function selectText(at, start, end = start) {
  editor?.select(at.id, at.lang, start, end);
}

/** Where the cursor is on the screen (a DOMRect), to put a list beside it; null where it is not to be seen. */
export function caretBox() {
  return editor?.caretBox() ?? null;
}

/** Call `listener(caret)` whenever the cursor or the text around it has changed; with null when the focus leaves. */
export function onCaret(listener) {
  listeners.add(listener);
}

/**
 * Have `autotext` asked before the editor acts on a key: `key(event, caret)` gets each keydown in a text (none while an
 * input method is composing) and gives true where it has dealt with it, e.g. Tab that takes a phrase. There is one.
 */
export function useAutotext(autotext) {
  asked = autotext;
}

/** The editor says that it is there: `caret()`, `replaceText(...)`, `select(...)`, `caretBox()`. */
export function serveCaret(served) {
  editor = served;
}

/** The editor tells of a cursor that moved. */
export function caretMoved() {
  const at = editor?.focused ? caret() : null;
  for (const listener of listeners) listener(at);
}

/** Whether autotext has dealt with a key; for the editor. */
export function autotextTakes(event) {
  const at = asked && caret();
  return Boolean(at) && asked.key(event, at) === true;
}

// Phrases: a few letters show what they stand for beside the cursor, Tab takes it, and Tab goes on to the next field.
// What sex or age exclude the service does not send.

import { getChanged } from "/ui/api.js";
import { caretBox, onCaret, replaceText, selectText, useAutotext } from "/ui/caret.js";
import { h } from "/ui/dom.js";
import { textFields } from "/ui/fields.js";
import { t } from "/ui/i18n.js";
import { on, state } from "/ui/state.js";

/** Letters at the cursor, behind no other letter or digit. */
const LETTERS = /(?:^|[^a-z0-9])([a-z0-9]{1,16})$/;
/** The most that are shown at once. */
const SHOWN = 6;

let phrases = [];
let of = null;
let box = null;
let shown = null;
/** Where somebody did not want what was shown; until he types on, nothing is. */
let refused = null;

/** Have the phrases of the open study offered where somebody writes in its report. */
export function mountAutotext() {
  box = h("div", { class: "rd rd-autotext", role: "status", hidden: true });
  document.body.append(box);
  useAutotext({ key });
  onCaret((at) => show(at));
  on("opening", () => {
    phrases = [];
    of = null;
    show(null);
  });
  on("view", () => loadPhrases());
  window.addEventListener("scroll", () => hide(), true);
}

/** Ask for the phrases of the open study, where that was not done yet, or `again`. */
export async function loadPhrases(again = false) {
  const { caseId, view } = state;
  if (!caseId || (of === caseId && !again) || !view?.actions.includes("edit")) return;
  of = caseId;
  try {
    const found = await getChanged(`/cases/${caseId}/phrases`, { fresh: true });
    if (state.caseId === caseId) phrases = found.phrases;
  } catch {
    // Without phrases one writes as before; the next study asks again.
    if (state.caseId === caseId) of = null;
  }
}

/** Those whose letters begin as what stands before the cursor, the whole word first. */
function matching(at) {
  const typed = at.start === at.end ? LETTERS.exec(at.text.slice(0, at.start))?.[1] : null;
  if (!typed) return null;
  const found = phrases.filter((phrase) => phrase.letters.startsWith(typed) && phrase[at.lang]);
  found.sort((a, b) => a.letters.length - b.letters.length);
  return found.length ? { typed, found } : null;
}

function show(at) {
  const match = at && matching(at);
  if (refused !== stamp(at)) refused = null;
  if (!match || refused) {
    hide();
    return;
  }
  shown = { at, ...match };
  const rows = match.found.slice(0, SHOWN).map((phrase, n) =>
    h("div", { class: n ? "" : "rd-first" }, h("kbd", { text: n ? phrase.letters : `${phrase.letters} ⇥` }), h("span", { text: phrase[at.lang] })),
  );
  box.replaceChildren(...rows);
  box.setAttribute("aria-label", t("phrase_offered"));
  box.hidden = false;
  place();
}

function stamp(at) {
  return at && JSON.stringify([at.id, at.lang, at.start, at.text]);
}

/** Beside the cursor, and inside the window. */
function place() {
  const cursor = caretBox();
  if (!cursor) {
    hide();
    return;
  }
  const { width, height } = box.getBoundingClientRect();
  const below = cursor.bottom + 4 + height <= window.innerHeight;
  box.style.left = `${Math.max(4, Math.min(cursor.left, window.innerWidth - width - 4))}px`;
  box.style.top = `${below ? cursor.bottom + 4 : Math.max(4, cursor.top - height - 4)}px`;
}

function hide() {
  shown = null;
  if (box) box.hidden = true;
}

/** Deal with a key in a text; whether it was for phrases or fields. */
function key(event, at) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "Escape" && shown) {
    event.preventDefault();
    refused = stamp(at);
    hide();
    return true;
  }
  if (event.key !== "Tab" || event.shiftKey) return false;
  const match = matching(at);
  const done = match && shown ? take(at, match) : nextField(at);
  if (done) event.preventDefault();
  return done;
}

function take(at, { typed, found }) {
  const [phrase] = found;
  const text = phrase[at.lang];
  const [first] = textFields(text);
  hide();
  return replaceText(at, at.start - typed.length, at.start, text, first ? [first.start, first.end] : null);
}

/** Select the next field of the same text; where it has none, Tab is the page's. */
function nextField(at) {
  const next = textFields(at.text).find((field) => field.start >= at.end);
  if (!next) return false;
  selectText(at, next.start, next.end);
  return true;
}

// What the keys of ui/keys.js do in the report pane, and what other parts of the page write at the cursor.

import { caret, insertAtCursor } from "/ui/caret.js";
import { part } from "/ui/dom.js";
import { t } from "/ui/i18n.js";
import { bind } from "/ui/keys.js";
import { emit, on, state } from "/ui/state.js";

/** States in which this person is done with a report. */
const DONE = ["signed", "submitted", "amend_submitted"];
/** The panes from left to right, and what gets the focus in each but the report. */
const PANES = [".rd-worklist", ".rd-viewer", ".rd-report"];
const STOPS = ['.rd-row[tabindex="0"]', ".rd-stage"];
/** Buttons of the bar, the one that finishes the report first. */
const FINISHING = ["sign", "submit"];

/** Bind the keys of `pane` (ReportPane) and its `find` line. */
export function bindReportKeys(pane, find) {
  const writing = () => pane.mode === "editing" && !pane.paused;
  /** Fields beside the report have an undo of their own. */
  const elsewhere = ({ target }) => Boolean(target.closest?.("input, textarea, select"));
  const undo = (forward) => (event) => {
    if (elsewhere(event) || !writing()) return false;
    return void pane.editor.travel(forward);
  };
  bind("report.undo", undo(false));
  bind("report.redo", undo(true));
  // The browser's own saving of the page is never meant.
  bind("report.save", () => void pane.autosave?.flush());
  bind("report.write", () => pane.editor.enter());
  bind("report.sign", () => finish(pane));
  bind("report.sign_next", () => finishAndGoOn(pane));
  bind("report.find", () => pane.editor.document && void find.show(selected()));
  bind("sentence.next", () => pane.editor.go(1));
  bind("sentence.previous", () => pane.editor.go(-1));
  bind("sentence.up", () => writing() && pane.editor.stepFocused(-1));
  bind("sentence.down", () => writing() && pane.editor.stepFocused(1));
  bind("sentence.delete", () => writing() && pane.editor.removeFocused());
  bind("sentence.confirm", ({ target }) => writing() && pane.following.confirmAt(target));
  bind("sentence.drop_side", ({ target }) => writing() && pane.following.dropAt(target));
  bind("warning.next", () => void pane.warnings.step(1));
  bind("warning.previous", () => void pane.warnings.step(-1));
  bind("pane.next", () => toPane(pane, 1));
  bind("pane.previous", () => toPane(pane, -1));
  on("told", (text) => pane.bar.tell(text));
  on("go_to", (place) => goTo(pane, place));
  on("measurement", (measured) => measure(pane, measured));
}

/** Put the focus into the next pane (1) or the one before (-1), seen from where it is. */
function toPane(pane, by) {
  const at = PANES.findIndex((selector) => document.activeElement?.closest(selector));
  const next = (at < 0 ? (by > 0 ? 0 : PANES.length - 1) : at + by + PANES.length) % PANES.length;
  if (next === PANES.length - 1) goTo(pane, "report");
  else document.querySelector(`${PANES[next]} ${STOPS[next]}`)?.focus();
}

/** Focus the first sentence, or the button that finishes the report. */
function goTo(pane, place) {
  if (place === "sign") pane.bar.focus(FINISHING.find((button) => pane.bar.offers(button)));
  else if (!pane.editor.enter()) part(pane.root, "add-findings").focus();
}

/** Put a measurement at the cursor, in the language of its text. */
function measure(pane, { text_zh: zh, text_en: en }) {
  const at = caret();
  if (!at) {
    pane.bar.tell(t("measured_nowhere"));
    return;
  }
  const text = at.lang === "zh" ? zh : en;
  const apart = at.lang === "en" && /[^\s(]$/.test(at.text.slice(0, at.start)) ? " " : "";
  insertAtCursor(apart + text);
}

/** Press the button that finishes the report; false where there is none. */
function finish(pane) {
  const name = FINISHING.find((button) => pane.bar.offers(button));
  return name ? void pane.bar.once(name, true) : false;
}

/** The same, and then the next study that waits. */
function finishAndGoOn(pane) {
  const name = FINISHING.find((button) => pane.bar.offers(button));
  if (!name) return false;
  const { caseId } = state;
  pane.bar.once(name, true).then(() => {
    if (state.caseId === caseId && DONE.includes(state.view?.working?.state)) emit("go_on", caseId);
  });
  return undefined;
}

/** The words that are selected in a text, for what is searched for. */
function selected() {
  const at = caret();
  return at ? at.text.slice(at.start, at.end) : "";
}

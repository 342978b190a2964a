// The mark at a sentence that the image does not support: struck out until a reader keeps or drops it.

import { h, part, setText } from "/ui/dom.js";
import { pick, t } from "/ui/i18n.js";
import { state } from "/ui/state.js";

export const NOT_SUPPORTED = "sentence_not_supported";

/** The mark of one row. `onKeep()` turns keeping on or off. */
export function makeMark({ onKeep, onDrop }) {
  const button = (name, action) =>
    h("button", { type: "button", class: "rd-button rd-small", dataset: { part: name }, onclick: action });
  return h(
    "div",
    { class: "rd-mark", role: "note", dataset: { part: "mark" }, hidden: true },
    h("span", { class: "rd-mark-chip", dataset: { part: "mark-chip" } }),
    button("keep", onKeep),
    button("drop", onDrop),
  );
}

/** Bring the mark in `row` to what the check (`issues` of the sentence) and the reader say of it. */
export function showMark(row, sentence, issues, readOnly) {
  const issue = issues.find((one) => one.code === NOT_SUPPORTED);
  const open = Boolean(issue) && !sentence.kept && supportOf(sentence) !== null;
  const mark = part(row, "mark");
  mark.hidden = !open && !sentence.kept;
  row.dataset.support = open ? "missing" : sentence.kept ? "kept" : "";
  if (mark.hidden) return;
  const chip = part(mark, "mark-chip");
  setText(chip, t(open ? "unsupported" : "unsupported_kept"));
  const message = open ? pick({ zh: issue.message_zh, en: issue.message_en }) : "";
  chip.title = [figure(sentence), message].filter(Boolean).join("\n");
  setText(part(mark, "keep"), t(open ? "keep" : "keep_undo"));
  part(mark, "keep").hidden = readOnly;
  setText(part(mark, "drop"), t("drop"));
  part(mark, "drop").hidden = readOnly || !open;
}

/** The figure behind a mark, in words; empty where nothing was measured. */
export function figure(sentence) {
  const support = supportOf(sentence);
  if (support === null) return "";
  const least = state.view?.least_support ?? null;
  if (least === null) return t("support_figure", { n: nats(support) });
  return t("support_figure_least", { n: nats(support), least: nats(least) });
}

/** The most that any one image supports it, in nats; null where that was not measured. */
function supportOf(sentence) {
  const measured = sentence.evidence.map((one) => one.support).filter((support) => support !== null);
  return measured.length ? Math.max(...measured) : null;
}

function nats(value) {
  return value.toFixed(2).replace("-", "\u2212");
}

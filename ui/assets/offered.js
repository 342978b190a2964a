// A draft that came after a person had begun: its sentences, to be taken over one by one or not at all.

import { h, part, setText } from "/ui/dom.js";
import { SECTIONS } from "/ui/document.js";
import { t } from "/ui/i18n.js";

/** Show what `view.offered` has in `element`; `take(section, sentence)` puts one into the report. */
export function renderOffered(element, view, { document: written, editable, take }) {
  const report = editable ? view.offered : null;
  element.hidden = !report;
  if (!report) return;
  const taken = new Set(SECTIONS.flatMap((section) => written[section].map(words)));
  const version = JSON.stringify([document.documentElement.lang, report, [...taken].sort()]);
  if (element.dataset.version === version) return;
  element.dataset.version = version;
  setText(part(element, "offered-title"), t("offered_title"));
  part(element, "offered-list").replaceChildren(
    ...SECTIONS.flatMap((section) =>
      report[section].map((sentence) => row(section, sentence, taken.has(words(sentence)), take)),
    ),
  );
}

function row(section, sentence, isTaken, take) {
  return h(
    "li",
    { class: "rd-sentence" },
    h("div", { class: "rd-side" }, h("span", { class: "rd-origin", dataset: { origin: sentence.origin }, text: t(`origin_${sentence.origin}`) })),
    h("p", { lang: "zh-CN", text: sentence.zh }),
    h("p", { lang: "en", text: sentence.en }),
    h("button", {
      type: "button",
      class: "rd-button",
      disabled: isTaken,
      text: t(isTaken ? "offered_taken" : "offered_take"),
      onclick: () => take(section, sentence),
    }),
  );
}

function words(sentence) {
  return JSON.stringify([sentence.zh.trim(), sentence.en.trim()]);
}

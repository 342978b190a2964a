// One change of a report, before and after, as the conflict panel and the versions show it.

import { h } from "/ui/dom.js";
import { t } from "/ui/i18n.js";

/** Kinds of change that leave the words as they are. */
const SAME_WORDS = ["moved", "kept", "confirmed"];

/** The parts of a list item for `change`; `who` says whose it is, `more` stands beside its kind. */
export function changeParts(change, { who = null, more = null } = {}) {
  const sameWords = SAME_WORDS.includes(change.kind);
  return [
    h("div", { class: "rd-change-head" }, h("b", { text: t(`change_${change.kind}`) }), who && h("span", { class: "rd-dim", text: t("by", { name: who }) }), more),
    words(change.before_zh, change.before_en, sameWords ? "" : "rd-before"),
    sameWords ? null : words(change.after_zh, change.after_en, "rd-after"),
  ];
}

function words(zh, en, className) {
  if (zh === null) return null;
  return h("p", { class: className }, h("span", { lang: "zh-CN", text: zh }), h("span", { lang: "en", text: en }));
}

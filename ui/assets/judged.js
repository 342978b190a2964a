// What is wrong with the images of a study, and what to correct at the scanner.

import { h } from "/ui/dom.js";
import { pick, t } from "/ui/i18n.js";

/** Show the verdict in `element`, a details element; nothing where there is nothing to say. A verdict
    that kept a model from drafting is open from the start. */
export function renderJudged(element, quality) {
  const remarks = quality?.remarks ?? [];
  element.hidden = remarks.length === 0;
  if (element.hidden) return element.replaceChildren();
  const withheld = ["poor", "refuse"].includes(quality.verdict);
  if (element.dataset.verdict !== quality.verdict) element.open = withheld;
  element.dataset.verdict = quality.verdict;
  const heading = t("quality_of", { verdict: t(`verdict_${quality.verdict}`), n: remarks.length });
  element.replaceChildren(
    h("summary", {}, heading),
    h("ul", {}, ...remarks.map((one) => h("li", { dataset: { severity: one.severity } }, pick(one)))),
  );
}

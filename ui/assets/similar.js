// Signed cases of the site whose pictures are alike: a folded line, and their impressions for who opens it.

import { h } from "/ui/dom.js";
import { has, pick, t } from "/ui/i18n.js";
import { StudyPanel } from "/ui/studypanel.js";

/** States in which nothing is shown. */
const SILENT = ["off", "elsewhere", "not_embedded"];

/** Keep `element`, a details element, showing what is like the open study. */
export async function mountSimilar(element) {
  await new Similar(element, "similar").mount();
}

class Similar extends StudyPanel {
  clear() {
    if (this.element.open) this.element.open = false;
    super.clear();
  }

  render() {
    const found = this.found;
    this.element.hidden = !found || SILENT.includes(found.state);
    if (this.element.hidden) return this.element.replaceChildren();
    const building = found.state === "building" ? t("similar_building") : "";
    const note = [found.cases.length ? t("similar_note") : t("similar_none"), building].filter(Boolean).join(" ");
    this.element.replaceChildren(
      h("summary", { text: t("similar", { n: found.cases.length }) }),
      h("p", { class: "rd-dim", text: note }),
      h("ul", { "aria-label": t("similar_title") }, ...found.cases.map(line)),
    );
  }
}

function line(one) {
  const impression = pick(one) || one.zh || one.en;
  return h(
    "li",
    {},
    h("span", { class: impression ? "" : "rd-dim", text: impression || t("similar_no_impression") }),
    h(
      "span",
      { class: "rd-similar-about" },
      h("span", { class: "rd-dim", text: examined(one) }),
      h("span", { class: "rd-dim rd-number", text: t("similar_likeness", { n: one.likeness.toFixed(2) }) }),
      h("a", { class: "rd-link", href: `/#${one.case_id}`, target: "_blank", rel: "noopener", text: t("prior_open") }),
    ),
  );
}

function examined(one) {
  const body = `body_${one.body_part.toLowerCase()}`;
  const view = has(`view_${one.view}`) ? t(`view_${one.view}`) : "";
  return [one.modality, has(body) ? t(body) : one.body_part, view].filter(Boolean).join(" ");
}

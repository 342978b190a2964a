// The workstation of those who read no reports: studies are sent in, or there are only the pages to go to.

import { h } from "/ui/dom.js";
import { onLanguage, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { attachUpload } from "/ui/upload.js";

const PAGES = [
  ["quality", "/quality", "quality"],
  ["alerts", "/alerts", "alerts_title"],
  ["register", "/alerts/register", "register"],
  ["models", "/flywheel", "flywheel"],
  ["configure", "/signature-rules", "signature_rules"],
  ["audit", "/audit", "audit_title"],
];

/** Put what this person may do in place of the panes. */
export function mountDesk() {
  const desk = h("main", { class: "rd rd-desk", dataset: { part: "desk" } });
  const results = h("div", { class: "rd-desk-results", dataset: { part: "results" } });
  const chooser = h("input", { type: "file", multiple: true, hidden: true, dataset: { part: "file" } });
  const button = h("button", { type: "button", class: "rd-button rd-primary", dataset: { part: "upload" } });
  const intake = may("intake");
  if (intake) attachUpload(button, chooser, { place: results });
  const draw = () => {
    button.textContent = t("upload");
    const pages = PAGES.filter(([needed]) => may(needed));
    desk.replaceChildren(...[
      intake ? h("section", { class: "rd-desk-intake" }, h("h1", { text: t("desk_intake") }), h("p", { class: "rd-dim", text: t("desk_intake_hint") }), h("p", {}, button), chooser, results) : null,
      pages.length ? h("section", {}, h("h2", { text: t("desk_pages") }), h("ul", { class: "rd-desk-pages" }, ...pages.map(page))) : null,
      intake || pages.length ? null : h("section", {}, h("p", { text: t("desk_nothing") })),
    ].filter(Boolean));
  };
  onLanguage(draw);
  draw();
  document.body.append(desk);
}

function page([needed, href, name]) {
  return h("li", {}, h("a", { class: "rd-link", href, text: t(name) }), h("span", { class: "rd-dim", text: t(`desk_${needed}`) }));
}

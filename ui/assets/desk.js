// The workstation of those who neither read reports nor send images: there are only the pages to go to.

import { h } from "/ui/dom.js";
import { onLanguage, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";

const PAGES = [
  ["quality", "/quality", "quality"],
  ["quality", "/questions", "questions", "desk_questions"],
  ["alerts", "/alerts", "alerts_title"],
  ["register", "/alerts/register", "register"],
  ["models", "/flywheel", "flywheel"],
  ["configure", "/signature-rules", "signature_rules"],
  ["configure", "/reading", "reading"],
  ["accounts", "/administration", "administration"],
  ["configure", "/templates", "templates"],
  ["configure", "/outbox", "outbox"],
  ["audit", "/audit", "audit_title"],
];

/** Put what this person may do in place of the panes. */
export function mountDesk() {
  const desk = h("section", { class: "rd rd-desk", dataset: { part: "desk" } });
  const draw = () => {
    const pages = PAGES.filter(([needed]) => may(needed));
    const list = h("ul", { class: "rd-desk-pages" }, ...pages.map(page));
    const all = pages.length ? [h("h2", { text: t("desk_pages") }), list] : [h("p", { text: t("desk_nothing") })];
    desk.replaceChildren(h("section", {}, ...all));
  };
  onLanguage(draw);
  draw();
  document.body.append(desk);
}

function page([needed, href, name, about = `desk_${needed}`]) {
  return h("li", {}, h("a", { class: "rd-link", href, text: t(name) }), h("span", { class: "rd-dim", text: t(about) }));
}

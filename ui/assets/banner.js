// Who was examined, of what, when, and why.

import { h } from "/ui/dom.js";
import { formatDate, has, personNames, t } from "/ui/i18n.js";

/** Fill `element` with the identity and clinical history of `view`. */
export function renderBanner(element, view) {
  const { identity, case: study } = view;
  const { patient } = identity;
  const known = (value) => value || t("unknown");
  const age = identity.age_years === null ? t("unknown") : t("years", { n: identity.age_years });
  const sex = has(`sex_${patient.sex}`) ? t(`sex_${patient.sex}`) : t("unknown");
  const bodyKey = `body_${study.body_part.toLowerCase()}`;
  const examined = [study.modality, has(bodyKey) ? t(bodyKey) : study.body_part, viewName(study.view)];
  const [name, ...others] = personNames(patient.name);
  const facts = [
    ["patient_id", known(patient.patient_id)],
    ["accession", known(identity.accession)],
    ["study_date", identity.study_time ? formatDate(identity.study_time) : t("unknown")],
    ...(view.reading_site ? [["read_for", study.site]] : []),
  ];
  const version = JSON.stringify([document.documentElement.lang, identity, study, view.reading_site]);
  if (element.dataset.version === version && element.childElementCount) return;
  element.dataset.version = version;
  element.replaceChildren(
    h(
      "div",
      { class: "rd-who" },
      h("strong", { text: known(name) }),
      ...others.map((other) => h("span", { class: "rd-dim", text: other })),
      h("span", { text: `${sex} · ${age}` }),
      h("span", { class: "rd-exam", text: examined.filter(Boolean).join(" · ") }),
    ),
    h(
      "dl",
      { class: "rd-facts" },
      ...facts.map(([key, value]) => h("div", {}, h("dt", { text: t(key) }), h("dd", { text: value }))),
    ),
    h("p", { class: "rd-history" }, h("b", { text: t("history") }), h("span", { text: identity.history || t("no_history") })),
  );
}

function viewName(view) {
  return has(`view_${view}`) ? t(`view_${view}`) : "";
}

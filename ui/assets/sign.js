// The moment before a signature: in whose name, on which patient, which version.

import { h } from "/ui/dom.js";
import { has, personNames, t } from "/ui/i18n.js";
import { state } from "/ui/state.js";

export class SignDialog {
  constructor(dialog) {
    this.dialog = dialog;
  }

  /** Ask. Resolves to whether to sign. `byKey`: whoever works with keys has the button under his next one. */
  confirm(view, { byKey }) {
    const { dialog } = this;
    const { patient, accession, age_years: age } = view.identity;
    const version = (view.versions.at(-1)?.version ?? 0) + 1;
    const sex = has(`sex_${patient.sex}`) ? t(`sex_${patient.sex}`) : "";
    const who = [personNames(patient.name).join(" ") || t("unknown"), sex, age === null ? "" : t("years", { n: age })];
    const open = view.issues.filter((issue) => !issue.dismissed).length;
    const warnings = open ? h("p", { class: "rd-warn", text: t("sign_warnings", { n: open }) }) : null;
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", { text: t("sign_title", { version }) }),
      h("p", { class: "rd-sign-who", text: who.filter(Boolean).join(" · ") }),
      h("p", { class: "rd-dim", text: t("sign_ids", { id: patient.patient_id || t("unknown"), accession: accession || t("unknown") }) }),
      h("p", { text: t("sign_statement") }),
      warnings,
      h("p", { dataset: { part: "author" } }, h("span", { class: "rd-dim", text: t("sign_as") }), " ", h("b", { text: state.session.name })),
      h(
        "div",
        { class: "rd-dialog-acts" },
        h("button", { type: "button", class: "rd-button", text: t("cancel"), onclick: () => dialog.close("") }),
        h("button", { type: "submit", value: "sign", class: "rd-button rd-primary", dataset: { part: "confirm" }, text: t("sign_confirm") }),
      ),
    );
    dialog.replaceChildren(form);
    dialog.returnValue = "";
    dialog.showModal();
    if (byKey) form.querySelector("[type=submit]").focus();
    else dialog.focus();
    return new Promise((resolve) => {
      dialog.addEventListener(
        "close",
        () => resolve(dialog.returnValue === "sign"),
        { once: true },
      );
    });
  }
}

// The moment before a signature: in whose name, on which patient, which version, and what the site asks for it.

import { h } from "/ui/dom.js";
import { imagesField } from "/ui/imagesdrawn.js";
import { formatDate, has, personNames, t } from "/ui/i18n.js";
import { passwordField } from "/ui/password.js";
import { hasOpen } from "/ui/presencestrip.js";
import { underReview } from "/ui/standing.js";
import { state } from "/ui/state.js";

export class SignDialog {
  constructor(dialog) {
    this.dialog = dialog;
  }

  /**
   * Ask. Resolves to what goes with the signature (a reason, a password), or to null where it is not given. `byKey`:
   * whoever works with keys has the button under his next one. `problem`: why the last try was refused; `others`: who
   * else has the study open.
   */
  confirm(view, { byKey, problem = "", others = [] }) {
    const { dialog } = this;
    const { rule, working } = view;
    const reviewed = underReview(view);
    const reason = !reviewed && rule.reason_needed ? reasonField() : null;
    const password = rule.reauthenticate && !state.session.demo ? passwordField("password", "current-password") : null;
    const { patient, accession, age_years: age } = view.identity;
    const version = (view.versions.at(-1)?.version ?? 0) + 1;
    const sex = has(`sex_${patient.sex}`) ? t(`sex_${patient.sex}`) : "";
    const who = [personNames(patient.name).join(" ") || t("unknown"), sex, age === null ? "" : t("years", { n: age })];
    const open = view.issues.filter((issue) => !issue.dismissed).length;
    const warnings = open ? h("p", { class: "rd-warn", text: t("sign_warnings", { n: open }) }) : null;
    const images = imagesField(view);
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", { text: t(reviewed ? "sign_reviewed_title" : "sign_title", { version }) }),
      h("p", { class: "rd-sign-who", text: who.filter(Boolean).join(" · ") }),
      h("p", { class: "rd-dim", text: t("sign_ids", { id: patient.patient_id || t("unknown"), accession: accession || t("unknown") }) }),
      h("p", { text: t(reviewed ? "sign_reviewed_statement" : "sign_statement") }),
      warnings,
      images.element,
      others.length ? h("div", { class: "rd-warn", role: "alert", dataset: { part: "sign-others" } }, ...others.map((other) => h("p", { text: hasOpen(other) })), h("p", { text: t("sign_others") })) : null,
      reviewed ? h("p", { dataset: { part: "written-by" }, text: t("submitted_by", { name: working.author, time: formatDate(working.submitted_at) }) }) : null,
      h("p", { dataset: { part: "author" } }, h("span", { class: "rd-dim", text: t(reviewed ? "review_as" : "sign_as") }), " ", h("b", { text: state.session.name })),
      reason && h("label", {}, h("span", { text: t("emergency_reason") }), reason),
      password?.element,
      problem ? h("p", { class: "rd-bad", role: "alert", dataset: { part: "sign-problem" }, text: problem }) : null,
      h(
        "div",
        { class: "rd-dialog-acts" },
        h("button", { type: "button", class: "rd-button", text: t("cancel"), onclick: () => dialog.close("") }),
        h("button", { type: "submit", value: "sign", class: "rd-button rd-primary", dataset: { part: "confirm" }, text: t(reviewed ? "sign_reviewed_now" : "sign_confirm") }),
      ),
    );
    dialog.replaceChildren(form);
    dialog.returnValue = "";
    dialog.showModal();
    const first = reason ?? password?.input;
    if (first) first.focus();
    else if (byKey) form.querySelector("[type=submit]").focus();
    else dialog.focus();
    return new Promise((resolve) => {
      const done = () => {
        images.close();
        const given = { images_seen: images.seen(), ...(reason && { reason: reason.value }), ...(password && { password: password.input.value }) };
        dialog.replaceChildren();
        resolve(dialog.returnValue === "sign" ? given : null);
      };
      dialog.addEventListener("close", done, { once: true });
    });
  }
}

function reasonField() {
  const field = h("textarea", { class: "rd-input rd-remark", rows: 2, maxlength: 1000, required: true, dataset: { part: "reason" } });
  field.addEventListener("input", () => field.setCustomValidity(field.value.trim() ? "" : t("remark_empty")));
  return field;
}

// What the hospital's system corrected of the study's patient, when, and what a reader has to say of it.

import { h } from "/ui/dom.js";
import { formatDate, has, personNames, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { state } from "/ui/state.js";
import { StudyPanel } from "/ui/studypanel.js";

/** Keep `element` showing what was corrected of the open study's patient. */
export async function mountPatientChanges(element) {
  await new PatientChanges(element, "patient-changes").mount();
}

class PatientChanges extends StudyPanel {
  /** Also while the study is open: a correction comes whenever it comes. */
  version() {
    const { identity, case: study } = state.view;
    return JSON.stringify([super.version(), identity.patient, study.issues]);
  }

  render() {
    if (!this.found) return;
    const { changes, doubts, answer } = this.found;
    const lines = changes.map((change) => this.changed(change));
    if (doubts.length) lines.push(this.question());
    if (answer) lines.push(this.answered());
    if (this.told) lines.push(h("p", { class: "rd-bad", role: "alert", text: this.told }));
    this.element.hidden = !lines.length;
    this.element.replaceChildren(...lines);
  }

  changed({ at, fields, by }) {
    const what = fields.map((name) => t(`patient_field_${name}`)).join(t("list_comma"));
    const { sent } = this.found;
    return h(
      "p",
      { class: "rd-prior-line" },
      h("b", { text: t(fields.includes("number") ? "patient_merged" : "patient_corrected") }),
      h("span", { text: what }),
      h("span", { class: "rd-dim", text: `${formatDate(at)} · ${by}` }),
      h("span", { class: "rd-prior-who rd-dim", text: t("patient_as_sent", { patient: facts(sent) }) }),
    );
  }

  question() {
    const { proposed, sent, doubts } = this.found;
    const differs = doubts.map((code) => t(`patient_doubt_${code}`)).join(t("list_comma"));
    return h(
      "div",
      { class: "rd-prior-ask" },
      h(
        "p",
        { class: "rd-prior-line" },
        h("b", { text: t("patient_question") }),
        h("span", { class: "rd-warn", text: differs }),
      ),
      h("p", { class: "rd-prior-line rd-prior-who", text: t("patient_as_sent", { patient: facts(sent) }) }),
      proposed ? h("p", { class: "rd-prior-line rd-prior-who", text: t("patient_proposed", { patient: facts(proposed) }) }) : null,
      decides() && proposed
        ? h(
            "p",
            { class: "rd-prior-line" },
            h("span", { class: "rd-prior-acts" }, this.button(true, "rd-button"), this.button(false, "rd-button")),
          )
        : null,
    );
  }

  answered() {
    const same = this.found.answer === "same";
    return h(
      "p",
      { class: "rd-prior-line rd-dim" },
      h("span", { text: t(same ? "patient_said_same" : "patient_said_other", { name: this.found.by ?? "" }) }),
      decides() ? this.button(!same, "rd-link") : null,
    );
  }

  button(same, kind) {
    const text = t(same ? "patient_is_same" : "patient_is_other");
    return h("button", { type: "button", class: kind, text, onclick: () => this.say("same", same) });
  }
}

/** Name, sex, birth date and number in one line. */
function facts(patient) {
  const [name] = personNames(patient.name);
  const sex = has(`sex_${patient.sex}`) ? t(`sex_${patient.sex}`) : t("unknown");
  const number = `${t("patient_id")} ${patient.patient_id || t("unknown")}`;
  return [name || t("unknown"), sex, patient.birth_date ?? t("unknown"), number].join(" · ");
}

/** Whether the person at the page may say whose the study is: who reads it from another site may not. */
function decides() {
  return !state.view.reading_site && may("write", state.view);
}

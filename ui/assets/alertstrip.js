// On the report: open critical values of the study, and the notification that a signature waits for.

import { findingName, inDraft, isOverdue, timeLeft } from "/ui/alarm.js";
import { takeStep } from "/ui/alertstep.js";
import { getChanged } from "/ui/api.js";
import { h } from "/ui/dom.js";
import { onLanguage, personNames, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { emit, on, state } from "/ui/state.js";

const NOTHING = { alerts: [], in_draft: [], unreadable: [] };
let strip = null;

/** Bring the strip in `element` to life; `dialog` holds the form of a step. */
export function mountAlertStrip(element, dialog) {
  strip = new AlertStrip(element, dialog);
  on("opening", () => strip.show(NOTHING));
  on("view", () => strip.load());
  onLanguage(() => strip.render());
}

/** Have everything notified that the open study's signature waits for; false where it is not done. */
export async function notified() {
  await strip.load();
  for (let held = strip.holding(); held; held = strip.holding()) {
    if (!(await strip.take(held, held.next, t("notify_before_signing")))) return false;
  }
  return true;
}

class AlertStrip {
  constructor(element, dialog) {
    this.element = element;
    this.dialog = dialog;
    this.found = NOTHING;
    dialog.addEventListener("close", () => dialog.replaceChildren());
  }

  async load() {
    const { caseId, view } = state;
    if (!view || !may("alerts", view)) return;
    try {
      const found = await getChanged(`/cases/${caseId}/alerts`, { fresh: true });
      if (caseId === state.caseId) this.show(found);
    } catch {
      // The header says that the service does not answer; what was known stays.
      if (caseId === state.caseId) this.render();
    }
  }

  show(found) {
    this.found = found;
    this.render();
  }

  /** The first alert that the report may not be signed over. */
  holding() {
    return this.found.alerts.find((alert) => alert.holds_signature);
  }

  render() {
    const now = Date.now();
    const open = this.found.alerts.filter((alert) => alert.is_open);
    const lines = [
      ...this.found.unreadable.map((id) => ["overdue", "", t("alert_unreadable", { id }), null]),
      ...open.map((alert) => [isOverdue(alert, now) ? "overdue" : "open", findingName(alert), alertState(alert, now), alert]),
      ...inDraft(this.found.in_draft).map((text) => ["draft", "", text, null]),
    ];
    this.element.hidden = lines.length === 0;
    const version = JSON.stringify([lines, document.documentElement.lang]);
    if (this.element.dataset.version === version) return;
    this.element.dataset.version = version;
    this.element.replaceChildren(...lines.map((line) => this.line(...line)));
  }

  line(kind, name, text, alert) {
    const move = alert && !alert.in_report ? "withdraw" : alert?.next;
    const button = move && h("button", { type: "button", class: "rd-button", dataset: { move }, text: t(`ask_${move}`), onclick: () => this.take(alert, move, t("alert_step_title")) });
    return h("p", { class: "al-strip-line", dataset: { kind } }, h("strong", { text: name }), h("span", { text }), button || "");
  }

  /** Ask for one step in the dialog; true where it was taken. */
  async take(alert, move, title) {
    const place = h("div");
    const stated = alert.events.filter((event) => event.text && event.move === "find").at(-1);
    this.dialog.replaceChildren(
      h("h2", { text: title }),
      h("p", { text: patientOf(alert) }),
      h("p", { class: "rd-sign-who", text: findingName(alert) }),
      h("p", { class: "al-said", text: stated?.text ?? "" }),
      place,
    );
    const step = takeStep(place, alert, move);
    this.dialog.showModal();
    const closed = new Promise((resolve) => {
      this.dialog.addEventListener("close", () => resolve(null), { once: true });
    });
    const after = await Promise.race([step, closed]);
    this.dialog.close();
    if (after) emit("saved");
    await this.load();
    return Boolean(after);
  }
}

function alertState(alert, now) {
  const gone = alert.in_report ? "" : t("alert_not_in_report");
  return [t(`alert_${alert.state}`), timeLeft(alert, now), gone].filter(Boolean).join(" · ");
}

function patientOf({ patient }) {
  if (!patient) return t("identity_unreadable");
  return [...personNames(patient.name), patient.id].filter(Boolean).join(" · ");
}

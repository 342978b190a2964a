// The small form with which a person takes one step with a critical-value alert.

import { send, sentenceOf } from "/ui/api.js";
import { h } from "/ui/dom.js";
import { t } from "/ui/i18n.js";
import { state } from "/ui/state.js";

const CHANNELS = ["phone", "in_person", "message", "system"];
/** Steps whose text must be given. */
const REASONED = ["withdraw", "note"];

/**
 * The form for `move`. Resolves to the alert after the step, or to null where the person gave up.
 * `host` holds the form meanwhile.
 */
export function takeStep(host, alert, move) {
  return new Promise((resolve) => {
    const done = (value) => {
      host.replaceChildren();
      resolve(value);
    };
    const form = new StepForm(alert, move, done);
    host.replaceChildren(form.element);
    form.focus();
  });
}

class StepForm {
  constructor(alert, move, done) {
    this.alert = alert;
    this.move = move;
    this.done = done;
    this.recipient = move === "notify" ? input({ required: true, maxlength: 64, autocomplete: "off", dataset: { part: "recipient" }, placeholder: t("step_recipient_hint") }) : null;
    this.channels = move === "notify" ? CHANNELS.map((name) => this.choice(name)) : [];
    this.text = h("textarea", { class: "rd-input al-text", rows: 2, maxlength: 1000, required: REASONED.includes(move), dataset: { part: "text" } });
    this.problem = h("p", { class: "rd-bad", role: "alert", dataset: { part: "problem" } });
    this.button = h("button", { type: "submit", class: "rd-button rd-primary", dataset: { part: "take" }, text: t(`move_${move}`) });
    this.element = h(
      "form",
      { class: "al-form", dataset: { move } },
      this.recipient && labelled(t("step_recipient"), this.recipient),
      this.recipient && h("fieldset", { class: "al-channels" }, h("legend", { text: t("step_channel") }), ...this.channels),
      labelled(t(`step_text_${move}`), this.text),
      h("p", { class: "rd-dim al-now", text: t("step_now", { name: state.session.name }) }),
      this.problem,
      h("div", { class: "al-acts" }, h("button", { type: "button", class: "rd-button", text: t("cancel"), onclick: () => done(null) }), this.button),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.take();
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      event.preventDefault();
      done(null);
    });
  }

  choice(name) {
    const radio = h("input", { type: "radio", name: `channel-${this.alert.alert_id}`, value: name, required: true });
    return h("label", {}, radio, h("span", { text: t(`channel_${name}`) }));
  }

  focus() {
    (this.recipient ?? this.text).focus();
  }

  async take() {
    this.button.disabled = true;
    this.problem.textContent = "";
    const chosen = this.element.querySelector("input[type=radio]:checked");
    try {
      const after = await send("POST", `/alerts/${this.alert.alert_id}/${this.move}`, {
        base_revision: this.alert.revision,
        text: this.text.value,
        recipient: this.recipient?.value ?? "",
        channel: chosen?.value ?? null,
      });
      this.done(after);
    } catch (error) {
      this.problem.textContent = sentenceOf(error, "step_unreachable");
      this.button.disabled = false;
    }
  }
}

function input(props) {
  return h("input", { class: "rd-input", ...props });
}

function labelled(text, field) {
  return h("label", {}, h("span", { text }), field);
}

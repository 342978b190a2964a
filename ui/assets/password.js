// Fields for secrets, and what is said where one is refused: the same on the sign-in page and over a locked page.

import { sentenceOf } from "/ui/api.js";
import { h } from "/ui/dom.js";
import { pick, t } from "/ui/i18n.js";

/** A labelled field; `kind` is what a browser fills it in with: `username`, `name`. */
export function textField(name, kind, { value = "", readOnly = false } = {}) {
  const input = h("input", {
    class: "rd-input",
    name,
    id: `field-${name}`,
    autocomplete: kind,
    autocapitalize: "none",
    spellcheck: "false",
    maxlength: 1000,
    required: true,
    readonly: readOnly,
    value,
    dataset: { part: name },
  });
  return { input, element: h("div", { class: "rd-secret" }, label(name), input) };
}

/** A labelled field for a password; `kind` is `current-password` or `new-password`. */
export function passwordField(name, kind) {
  const { input, element } = textField(name, kind);
  input.type = "password";
  const button = h("button", { type: "button", class: "rd-tool", "aria-controls": input.id });
  const say = () => {
    const hidden = input.type === "password";
    button.setAttribute("aria-pressed", String(!hidden));
    button.textContent = t(hidden ? "password_show" : "password_hide");
  };
  button.addEventListener("click", () => {
    input.type = input.type === "password" ? "text" : "password";
    say();
    input.focus();
  });
  say();
  element.append(h("div", { class: "rd-secret-row" }, input, button));
  return { input, element };
}

/** Says in `element` why something was refused; while one has to wait, counts down and holds `button`. */
export class Refusal {
  constructor(element, button) {
    this.element = element;
    this.button = button;
  }

  clear() {
    clearTimeout(this.timer);
    this.element.replaceChildren();
    this.button.disabled = false;
  }

  say(text) {
    this.clear();
    this.element.textContent = text;
  }

  /** Show `error`: of the service, or of the way to it. */
  show(error) {
    this.clear();
    this.element.textContent = sentenceOf(error, "sign_in_unreachable");
    const seconds = error.code === "sign_in_wait" ? Number(error.error.message_en.match(/\d+/)?.[0]) : 0;
    if (seconds) this.count(error.error, seconds, Date.now() + seconds * 1000);
  }

  count(sentences, first, until) {
    const rest = Math.ceil((until - Date.now()) / 1000);
    this.button.disabled = rest > 0;
    if (rest <= 0) {
      this.clear();
      return;
    }
    const { message_zh: zh, message_en: en } = sentences;
    this.element.textContent = pick({ zh, en }).replace(String(first), String(rest));
    this.timer = setTimeout(() => this.count(sentences, first, until), 500);
  }
}

function label(name) {
  return h("label", { for: `field-${name}`, text: t(`field_${name}`) });
}

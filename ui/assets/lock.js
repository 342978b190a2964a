// What covers a page while the service answers nobody: who is asked for, his password, and the ways out.

import { h } from "/ui/dom.js";
import { onGate, reason } from "/ui/gate.js";
import { language, onLanguage, ready, t } from "/ui/i18n.js";
import { Refusal, passwordField, textField } from "/ui/password.js";
import { hasUnsaved, here, isLeaving, known, signInAgain, signOut, unlock } from "/ui/session.js";

let shown = null;

/** Cover the page whenever the gate is shut. */
export function watchLock() {
  onGate((code) => change(code));
  onLanguage(() => shown?.draw());
  // No key of the page below does anything meanwhile.
  window.addEventListener("keydown", (event) => shown?.key(event), { capture: true });
}

async function change(code) {
  if (isLeaving()) return;
  if (!code) {
    shown?.close();
    shown = null;
    return;
  }
  const person = known();
  if (code === "session_of_another" && !hasUnsaved()) {
    // Nothing of his is left here: the page is that of who is signed in.
    location.reload();
    return;
  }
  if (!person || (code === "sign_in_needed" && !hasUnsaved())) {
    location.replace(`/sign-in?${new URLSearchParams({ why: code, next: here() })}`);
    return;
  }
  shown ??= new Lock(person);
  await ready;
  if (shown && reason()) shown.open(reason());
}

class Lock {
  constructor(person) {
    this.person = person;
    this.before = document.activeElement;
    this.dialog = h("dialog", { class: "rd rd-dialog rd-lock", closedby: "none" });
    this.dialog.addEventListener("cancel", (event) => event.preventDefault());
    this.dialog.addEventListener("close", () => {
      // However it was closed: a locked page stays covered.
      if (shown === this) this.dialog.showModal();
    });
    // At once, before its words are there: patients' data does not wait for them.
    document.body.append(this.dialog);
    this.dialog.showModal();
  }

  open(code) {
    if (this.code === code) return;
    this.code = code;
    this.draw();
  }

  close() {
    this.refusal?.clear();
    this.dialog.remove();
    if (this.before?.isConnected) this.before.focus({ preventScroll: true });
  }

  draw() {
    if (!this.code || (this.lang === language() && this.drawn === this.code)) return;
    Object.assign(this, { lang: language(), drawn: this.code });
    const locked = this.code === "session_locked";
    const another = this.code === "session_of_another";
    const { name, login, demo, openid } = this.person;
    // The browser's own keeper of passwords wants to know whose it is.
    this.login = textField("login", "username", { value: login, readOnly: true });
    this.password = demo || openid ? null : passwordField("password", "current-password");
    this.factor = null;
    this.problem = h("p", { class: "rd-bad", role: "alert", dataset: { part: "lock-problem" } });
    this.button = h("button", { type: "submit", class: "rd-button rd-primary", dataset: { part: "unlock" }, text: t(locked ? "unlock" : "sign_in") });
    this.refusal = new Refusal(this.problem, this.button);
    const way = (part, action) => h("button", { type: "button", class: "rd-link", dataset: { part }, text: t(part), onclick: () => this.leave(action) });
    this.form = h(
      "form",
      {},
      h("h2", { text: t(another ? "another_title" : locked ? "locked_title" : "ended_title") }),
      h("p", { class: "rd-sign-who", dataset: { part: "lock-who" }, text: name }),
      h("p", { text: t(another ? "another_why" : openid ? "openid_lock_why" : locked ? "locked_why" : "ended_why") }),
      demo || openid ? null : this.login.element,
      this.password?.element,
      this.problem,
      h("div", { class: "rd-dialog-acts" }, ...(another ? [way("lock_leave", () => location.reload())] : [way("lock_sign_out", () => signOut()), way("lock_other", () => signOut(here()))]), h("span", { class: "rd-spring" }), this.button),
      hasUnsaved() ? h("p", { class: "rd-dim", text: t("lock_unsaved", { name }) }) : null,
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.enter();
    });
    this.dialog.replaceChildren(this.form);
    (this.password?.input ?? this.button).focus();
  }

  async enter() {
    if (this.person.openid) {
      // In a tab of its own: this one keeps what was typed, and goes on once somebody is in there.
      window.open("/sign-in?unlock");
      return;
    }
    const given = this.password?.input.value ?? "";
    this.refusal.clear();
    this.button.disabled = true;
    try {
      await (this.code === "session_locked" ? unlock(given) : signInAgain(given, this.factor?.input.value));
    } catch (error) {
      if (error.code === "sign_in_needed") {
        // It has ended meanwhile; a password given once more begins another.
        this.open("sign_in_needed");
        return;
      }
      if (error.code === "second_factor_needed" && !this.factor) this.askFactor();
      this.refusal.show(error);
      (this.factor ?? this.password)?.input.select();
    }
  }

  /** A field for the code of who signs in anew: the lock alone asks for none. */
  askFactor() {
    this.factor = textField("code", "one-time-code");
    this.problem.before(this.factor.element);
  }

  async leave(action) {
    this.refusal.clear();
    try {
      await action();
    } catch (error) {
      this.refusal.show(error);
    }
  }

  key(event) {
    if (this.dialog.contains(event.target)) {
      event.stopImmediatePropagation();
      // The buttons and fields below still get it; a form of its own has no other keys.
      if (event.key === "Escape") event.preventDefault();
      return;
    }
    event.stopImmediatePropagation();
    if (event.key !== "Tab") event.preventDefault();
  }
}

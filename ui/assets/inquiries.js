// On the report's page: what clinicians ask the radiologist about it, and his answers, which may begin an addendum.

import { send, sentenceOf } from "/ui/api.js";
import { inquiryState } from "/ui/conversation.js";
import { arrange, h, setText } from "/ui/dom.js";
import { formatDate, language, onLanguage, t } from "/ui/i18n.js";
import { keepsUnsaved, may } from "/ui/session.js";
import { on, state } from "/ui/state.js";
import { refresh } from "/ui/study.js";

const MOST_ANSWER = 2000;

/** Keep `element` showing the questions of the open study; hidden where there are none. */
export function mountInquiries(element) {
  const panel = new Inquiries(element);
  on("opening", () => panel.clear());
  on("view", () => panel.update());
  onLanguage(() => panel.update());
  keepsUnsaved(() => panel.unsaved);
}

class Inquiries {
  constructor(element) {
    this.element = element;
    this.clear();
  }

  clear() {
    this.items = new Map();
    /** What was refused, or came meanwhile, by question. */
    this.told = new Map();
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  /** Whether an answer is being written. */
  get unsaved() {
    return [...this.element.querySelectorAll("textarea")].some((field) => field.value.trim());
  }

  update() {
    const { view } = state;
    if (!view || !may("write", view)) return;
    const shown = view.inquiries.filter((asked) => asked.state !== "withdrawn");
    this.element.hidden = !shown.length;
    arrange(this.element, shown.map((asked) => this.item(asked, view)));
  }

  /** One question. What is being written under it stays, whatever becomes of it meanwhile. */
  item(asked, view) {
    const id = asked.inquiry_id;
    const newest = view.versions.at(-1)?.version;
    const version = JSON.stringify([language(), asked, newest, view.actions, view.working.state, this.told.get(id)]);
    const known = this.items.get(id);
    if (known?.version === version) return known.element;
    const typed = known?.element.querySelector("textarea")?.value ?? "";
    const other = asked.answers.at(-1)?.by;
    // A colleague answered while this one was writing: he is told before he sends his own.
    if (known && typed.trim() && asked.answers.length > known.answers) this.told.set(id, t("inquiry_answered_meanwhile", { name: other }));
    const focused = known?.element.contains(document.activeElement);
    const element = this.draw(asked, view, newest, typed);
    this.items.set(id, { version, element, answers: asked.answers.length });
    if (asked.state === "asked" && view.may_answer) this.see(asked);
    if (focused) queueMicrotask(() => element.querySelector("textarea")?.focus());
    return element;
  }

  draw(asked, view, newest, typed) {
    const open = ["asked", "seen"].includes(asked.state);
    const field = h("textarea", { class: "rd-input", rows: 2, maxlength: MOST_ANSWER, dataset: { part: "answer" } });
    field.value = typed;
    const form = h(
      "form",
      { class: "iq-form" },
      h("label", {}, h("span", { text: t("inquiry_your_answer") }), field),
      h("button", { type: "submit", class: "rd-button rd-primary", dataset: { part: "send-answer" }, text: t("inquiry_answer") }),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.value.trim()) this.answer(asked, field);
      else field.focus();
    });
    const act = (name, label, body, title = "") => h("button", { type: "button", class: "rd-button", dataset: { part: name }, title, text: t(label), onclick: () => this.step(asked, name, body) });
    const take = open && view.may_answer && !asked.to_me ? act("take", "inquiry_take", { base_revision: asked.revision }) : "";
    const reason = { base_step: view.working.steps, reason: t("inquiry_addendum_reason") };
    const addendum = asked.answers.length && view.actions.includes("amend") ? act("addendum", "inquiry_addendum", reason, t("inquiry_addendum_hint")) : "";
    // A further answer is seldom needed: it is a press away, and open where one is being written.
    // A resident reads what is asked of his attending, and answers of his own reports.
    const place = !view.may_answer ? h("p", { class: "rd-dim", text: t("inquiry_of_attending") }) : open ? form : h("details", { class: "iq-more", open: Boolean(typed.trim()) }, h("summary", { text: t("inquiry_answer_more") }), form);
    const old = newest && asked.version < newest ? h("p", { class: "rd-warn", text: t("asking_as_of", { version: asked.version, newest }) }) : "";
    return h(
      "article",
      { class: "iq-item", dataset: { inquiry: String(asked.inquiry_id), state: asked.state } },
      h("p", { class: "rd-question" }, h("span", { text: t("inquiry_asks", { name: asked.asked_by, question: asked.question }) }), h("small", { text: formatDate(asked.asked_at) })),
      h("p", { class: "rd-dim", text: inquiryState(asked) }),
      old,
      ...asked.answers.map((answer) => h("p", { class: "rd-answer iq-answer" }, h("b", { text: t("asking_by_person", { name: answer.by, time: formatDate(answer.at) }) }), " ", h("span", { text: answer.text }))),
      place,
      h("div", { class: "iq-acts" }, take, addendum),
      h("p", { class: "rd-bad", role: "alert", text: this.told.get(asked.inquiry_id) ?? "" }),
    );
  }

  /** Send what is in `field`; refused, it stays there. */
  async answer(asked, field) {
    field.readOnly = true;
    const kept = await this.step(asked, "answer", { base_revision: asked.revision, text: field.value }, () => (field.value = ""));
    if (!kept) field.readOnly = false;
  }

  /** Take a step; whether it was taken. `done` is called before anything is drawn anew. */
  async step(asked, name, body, done = () => undefined) {
    const { caseId } = state;
    let taken = true;
    this.told.delete(asked.inquiry_id);
    try {
      await send("POST", `/cases/${caseId}/inquiries/${asked.inquiry_id}/${name}`, body);
      done();
    } catch (error) {
      taken = false;
      this.told.set(asked.inquiry_id, sentenceOf(error));
    }
    if (caseId !== state.caseId) return taken;
    await refresh(true);
    this.update();
    return taken;
  }

  /** That a radiologist has it before him is told to who asked; a refusal says nothing here. */
  see(asked) {
    if (document.hidden) return;
    send("POST", `/cases/${state.caseId}/inquiries/${asked.inquiry_id}/see`, { base_revision: asked.revision }).catch(() => undefined);
  }
}

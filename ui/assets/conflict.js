// Someone else saved first: what they changed, and what shall become of my words.

import { changeParts } from "/ui/changes.js";
import { h } from "/ui/dom.js";
import { formatDate, t } from "/ui/i18n.js";
import { collisions, merge } from "/ui/merge.js";
import { refresh } from "/ui/study.js";

/** Refusals after which nothing of mine can be saved, and what is said of them. */
const CLOSED = {
  report_is_signed: ["conflict_signed", "conflict_signed_hint"],
  report_under_review: ["conflict_submitted", "conflict_submitted_hint"],
};

export class ConflictPanel {
  /** `pane` holds the document and the autosave that was refused. */
  constructor(element, pane) {
    this.element = element;
    this.pane = pane;
    this.body = null;
  }

  get open() {
    return this.body !== null;
  }

  /** `body`: the refusal, with `current` (their working report) and `changes`. */
  show(body) {
    this.body = body;
    this.pane.bar.saveState("conflict");
    this.render();
    this.element.querySelector("button")?.focus();
  }

  close() {
    this.body = null;
    this.element.hidden = true;
    this.element.replaceChildren();
    delete this.element.dataset.version;
  }

  render() {
    if (!this.body) return;
    const version = `${document.documentElement.lang}/${this.body.current.revision}`;
    if (this.element.dataset.version === version && !this.element.hidden) return;
    this.element.dataset.version = version;
    const { current, changes } = this.body;
    const name = current.editor || t("somebody");
    const closed = CLOSED[this.body.error.code];
    const submitted = this.body.error.code === "report_under_review";
    const { own } = this.body;
    const intro = t(closed?.[0] ?? (own ? "conflict_intro_own" : "conflict_intro"), {
      name: submitted ? current.author : name,
      time: formatDate(submitted ? current.submitted_at : current.saved_at),
    });
    this.element.hidden = false;
    this.element.replaceChildren(
      h("h2", { text: t(own ? "conflict_title_own" : "conflict_title") }),
      h("p", { text: intro }),
      h("ul", { class: "rd-changes" }, ...changes.map((change) => this.change(change))),
      h(
        "div",
        { class: "rd-conflict-acts" },
        closed
          ? null
          : h("button", { type: "button", class: "rd-button rd-primary", dataset: { part: "reapply" }, text: t(own ? "reapply_mine_own" : "reapply_mine"), onclick: () => this.reapply() }),
        h("button", { type: "button", class: "rd-button", dataset: { part: "theirs" }, text: t(own ? "take_theirs_own" : "take_theirs"), onclick: () => this.theirs() }),
        h("span", { class: "rd-dim", text: t(closed?.[1] ?? (own ? "conflict_hint_own" : "conflict_hint")) }),
      ),
    );
  }

  change(change) {
    const mine = this.pane.document.find(change.sentence_id)?.sentence;
    const both = this.clashes().includes(change.sentence_id);
    return h(
      "li",
      {},
      ...changeParts(change, {
        who: change.editor || t("somebody"),
        more: both ? h("span", { class: "rd-tag", text: t("both_changed") }) : null,
      }),
      both ? h("p", { class: "rd-mine" }, h("em", { text: t("mine") }), h("span", { lang: "zh-CN", text: mine.zh }), h("span", { lang: "en", text: mine.en })) : null,
    );
  }

  clashes() {
    const { base } = this.pane.autosave;
    return collisions(base.report, this.pane.document.toReport(), this.body.current.report);
  }

  reapply() {
    const { current } = this.body;
    const mine = this.pane.document.toReport();
    const merged = merge(this.pane.autosave.base.report, mine, current.report);
    this.close();
    this.pane.adopt(current, merged);
  }

  theirs() {
    const { current } = this.body;
    this.close();
    this.pane.adopt(current);
    refresh(true);
  }
}

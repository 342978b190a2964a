// Someone else saved first: what they changed, and what shall become of my words.

import { h } from "/ui/dom.js";
import { formatDate, t } from "/ui/i18n.js";
import { collisions, merge } from "/ui/merge.js";
import { refresh } from "/ui/study.js";

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
    const signed = current.state === "signed";
    const intro = t(signed ? "conflict_signed" : "conflict_intro", { name, time: formatDate(current.saved_at) });
    this.element.hidden = false;
    this.element.replaceChildren(
      h("h2", { text: t("conflict_title") }),
      h("p", { text: intro }),
      h("ul", { class: "rd-changes" }, ...changes.map((change) => this.change(change))),
      h(
        "div",
        { class: "rd-conflict-acts" },
        signed
          ? null
          : h("button", { type: "button", class: "rd-button rd-primary", dataset: { part: "reapply" }, text: t("reapply_mine"), onclick: () => this.reapply() }),
        h("button", { type: "button", class: "rd-button", dataset: { part: "theirs" }, text: t("take_theirs"), onclick: () => this.theirs() }),
        h("span", { class: "rd-dim", text: t(signed ? "conflict_signed_hint" : "conflict_hint") }),
      ),
    );
  }

  change(change) {
    const mine = this.pane.document.find(change.sentence_id)?.sentence;
    const both = this.clashes().includes(change.sentence_id);
    const sameWords = ["moved", "kept"].includes(change.kind);
    const words = (zh, en, className) =>
      zh === null ? null : h("p", { class: className }, h("span", { lang: "zh-CN", text: zh }), h("span", { lang: "en", text: en }));
    return h(
      "li",
      {},
      h(
        "div",
        { class: "rd-change-head" },
        h("b", { text: t(`change_${change.kind}`) }),
        h("span", { class: "rd-dim", text: t("by", { name: change.editor || t("somebody") }) }),
        both ? h("span", { class: "rd-tag", text: t("both_changed") }) : null,
      ),
      words(change.before_zh, change.before_en, sameWords ? "" : "rd-before"),
      sameWords ? null : words(change.after_zh, change.after_en, "rd-after"),
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

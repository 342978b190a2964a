// AI sentences: what says that they are, one key that keeps one, one that takes it out and one for why; and what the
// AI wrote at first.

import { ApiError, send } from "/ui/api.js";
import { caret } from "/ui/caret.js";
import { SECTIONS } from "/ui/document.js";
import { h, part, setText } from "/ui/dom.js";
import { language, t } from "/ui/i18n.js";
import { shown, withKey } from "/ui/keyhelp.js";
import { bind, keysOf } from "/ui/keys.js";
import { siteLanguages } from "/ui/languages.js";
import { state } from "/ui/state.js";

/** Why a drafted sentence is taken out, in the order of its keys. */
const REASONS = ["not_there", "wrong_side", "wrong_degree", "not_relevant", "other"];
const LANG_TAG = { zh: "zh-CN", en: "en" };

export class DraftedSentences {
  /** `pane` has the report that is being edited: `document`, `editor`, `bar`. */
  constructor(root, pane) {
    this.pane = pane;
    this.note = part(root, "ai-note");
    this.question = part(root, "reject-reason");
    this.first = part(root, "first-draft");
    bind("sentence.keep", () => this.keep());
    bind("sentence.reject", () => this.reject());
    REASONS.forEach((reason, number) => bind(`reject.reason_${number + 1}`, () => this.answer(reason)));
    this.clear();
  }

  clear() {
    this.editable = false;
    this.asked = null;
    this.question.hidden = true;
    this.note.hidden = true;
    this.first.hidden = true;
    this.first.open = false;
  }

  render(editable, view) {
    this.editable = editable;
    this.renderNote(view);
    if (!editable) this.asked = null;
    this.renderQuestion();
    this.renderFirst(view);
  }

  /** How much of an unsigned report nobody stands for yet. */
  renderNote(view) {
    const { document: written } = this.pane;
    const open = written && view.working.state !== "signed" ? SECTIONS.flatMap((section) => written[section].filter((s) => isOpen(s) && s.origin !== "template")) : [];
    this.note.hidden = !open.length;
    if (!open.length) return;
    const keys = [withKey(t("key_sentence_keep"), "sentence.keep"), withKey(t("key_sentence_reject"), "sentence.reject")];
    setText(this.note, t("ai_note", { n: open.length }));
    this.note.title = this.editable ? keys.join("\n") : "";
  }

  /** The sentence that has the cursor. */
  get here() {
    const id = document.activeElement?.closest?.(".rd-sentence[data-id]")?.dataset.id ?? caret()?.id;
    return (id && this.pane.document?.find(id)) || null;
  }

  /** Stand for the sentence at the cursor as it is, and go on to the next one that nobody stands for. */
  keep() {
    const at = this.editable ? this.here : null;
    if (!at) return false;
    const { document: written, editor } = this.pane;
    written.history.together(() => siteLanguages().forEach((lang) => written.confirm(at.sentence.id, lang)));
    this.goOn(at);
    editor.render();
    this.renderNote(state.view);
    return true;
  }

  /** Take the sentence at the cursor out; why is asked. */
  reject() {
    const at = this.editable ? this.here : null;
    if (!at) return false;
    this.pane.editor.remove(at.sentence.id);
    this.goOn(at, 0);
    return true;
  }

  /** Put the cursor into the next sentence that nobody stands for, else into what stands there now. */
  goOn({ section, index, sentence }, by = 1) {
    const { document: written, editor } = this.pane;
    const rest = [...written[section].slice(index + by), ...(section === "findings" ? written.impression : [])];
    const next = rest.find(isOpen) ?? written[section][index] ?? written[section].at(-1);
    const lang = siteLanguages().find((each) => next?.[each]) ?? siteLanguages()[0];
    if (next && next.id !== sentence.id) editor.focus(next.id, lang);
  }

  /** A sentence was taken out: of a drafted one it is asked why. Nobody has to answer. */
  removed({ sentence }) {
    const drafted = state.view?.draft && SECTIONS.some((section) => state.view.draft.report[section].some(({ id }) => id === sentence.id));
    this.asked = drafted && !state.view.offered ? { caseId: state.caseId, id: sentence.id } : null;
    this.renderQuestion();
  }

  async answer(reason) {
    const { asked } = this;
    if (!asked) return false;
    this.asked = null;
    this.renderQuestion();
    try {
      await send("POST", `/cases/${asked.caseId}/rejections`, { sentence_id: asked.id, reason });
      if (asked.caseId === state.caseId) this.pane.bar.tell(t("reject_noted", { reason: t(`reject_${reason}`) }));
    } catch (error) {
      if (asked.caseId === state.caseId) this.pane.bar.tell(error instanceof ApiError ? error.sentence : t("unreachable"));
    }
    return true;
  }

  renderQuestion() {
    const version = JSON.stringify([language(), this.asked]);
    this.question.hidden = !this.asked;
    if (this.question.dataset.version === version) return;
    this.question.dataset.version = version;
    if (!this.asked) return this.question.replaceChildren();
    const button = (reason, number) =>
      h("button", { type: "button", class: "rd-button rd-small", dataset: { reason }, title: t(`key_reject_reason_${number + 1}`), onclick: () => this.answer(reason) }, h("kbd", { text: keysOf(`reject.reason_${number + 1}`).map(shown)[0] ?? "" }), " ", t(`reject_${reason}`));
    this.question.replaceChildren(
      h("span", { text: t("reject_why") }),
      ...REASONS.map(button),
      h("button", { type: "button", class: "rd-icon", text: "×", title: t("close"), "aria-label": t("close"), onclick: () => this.unasked() }),
    );
  }

  unasked() {
    this.asked = null;
    this.renderQuestion();
  }

  /** What the AI wrote at first, sentence by sentence, and what became of it. */
  renderFirst(view) {
    const report = view.offered ? null : view.draft?.report;
    const sentences = report ? SECTIONS.flatMap((section) => report[section]) : [];
    this.first.hidden = !sentences.length || !this.pane.document;
    if (this.first.hidden) return;
    const now = new Map(SECTIONS.flatMap((section) => this.pane.document[section].map((sentence) => [sentence.id, sentence])));
    const became = sentences.map((sentence) => [sentence, fate(sentence, now.get(sentence.id))]);
    const version = JSON.stringify([language(), siteLanguages(), became.map(([{ id }, what]) => [id, what])]);
    if (this.first.dataset.version === version) return;
    this.first.dataset.version = version;
    setText(part(this.first, "first-draft-title"), t("first_draft"));
    part(this.first, "first-draft-list").replaceChildren(
      ...became.map(([sentence, what]) =>
        h(
          "li",
          { dataset: { fate: what } },
          h("span", { class: "rd-dim", text: t(`first_${what}`) }),
          ...siteLanguages().filter((lang) => sentence[lang]).map((lang) => h("p", { lang: LANG_TAG[lang], text: sentence[lang] })),
        ),
      ),
    );
  }
}

/** Whether a machine wrote any of a sentence that nobody stands for yet. */
function isOpen(sentence) {
  return siteLanguages().some((lang) => sentence[lang] && sentence.origins[lang] !== "person" && !sentence.confirmed.includes(lang));
}

function fate(drafted, now) {
  if (!now) return "deleted";
  const same = siteLanguages().every((lang) => now[lang] === drafted[lang]);
  return same ? (isOpen(now) ? "unchanged" : "confirmed") : "changed";
}

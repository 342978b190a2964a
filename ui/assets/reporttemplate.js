// The template of an examination in its report: the key for a normal report, grey lines, and the key that confirms
// those on the screen. What nobody confirmed says nothing, leaves nowhere and keeps the report from being signed.

import { ApiError, send } from "/ui/api.js";
import { loadPhrases } from "/ui/autotext.js";
import { SECTIONS } from "/ui/document.js";
import { h, part, setText } from "/ui/dom.js";
import { textFields } from "/ui/fields.js";
import { pick, t } from "/ui/i18n.js";
import { withKey } from "/ui/keyhelp.js";
import { bind } from "/ui/keys.js";
import { siteLanguages } from "/ui/languages.js";
import { mountPhrases } from "/ui/phrases.js";

/** Said of a line against which the report states something else: nobody confirms that unseen. */
const CONTRADICTED = "template_contradicted";

/** The languages in which a sentence stands as its template has it, unconfirmed. */
export function greyIn(sentence) {
  return siteLanguages().filter((lang) => sentence[lang].trim() && sentence.origins[lang] === "template" && !sentence.confirmed.includes(lang));
}

/** Show on `row` that its sentence, or one language of it, is nobody's word. */
export function showGrey(row, sentence) {
  const grey = greyIn(sentence);
  for (const lang of ["zh", "en"]) row.dataset[lang === "zh" ? "greyZh" : "greyEn"] = String(grey.includes(lang));
}

export class TemplatePanel {
  /** `pane` has the report that is being edited: `document`, `editor`, `warnings`, `bar`, `mode`, `paused`. */
  constructor(root, pane) {
    this.pane = pane;
    this.element = part(root, "template");
    this.count = h("span", { role: "status", dataset: { part: "template-count" } });
    this.normalButton = h("button", { type: "button", class: "rd-button", dataset: { part: "template-normal" }, onclick: () => this.normal() });
    this.confirmButton = h("button", { type: "button", class: "rd-button", dataset: { part: "template-confirm" }, onclick: () => this.confirm() });
    this.dialog = part(root, "phrases-dialog");
    this.phrasesButton = h("button", { type: "button", class: "rd-link", dataset: { part: "phrases-open" }, onclick: () => this.phrases() });
    this.element.replaceChildren(this.normalButton, this.confirmButton, this.count, this.phrasesButton);
    bind("report.normal", () => this.editable && this.begin(() => this.normal()));
    bind("report.confirm", () => this.editable && this.begin(() => this.confirm()));
  }

  get editable() {
    return this.pane.mode === "editing" && !this.pane.paused && Boolean(this.pane.document);
  }

  begin(action) {
    action();
    return true;
  }

  /** The sentences with a grey text, in reading order. */
  get grey() {
    return SECTIONS.flatMap((section) => this.pane.document[section]).filter((s) => greyIn(s).length);
  }

  render() {
    this.element.hidden = !this.editable;
    if (!this.editable) return;
    const open = this.grey.length;
    setText(this.normalButton, t("template_normal"));
    this.normalButton.title = `${withKey(t("key_report_normal"), "report.normal")}\n${t("template_normal_hint")}`;
    this.normalButton.disabled = Boolean(this.asking);
    setText(this.confirmButton, t("template_confirm"));
    this.confirmButton.title = `${withKey(t("key_report_confirm"), "report.confirm")}\n${t("template_confirm_hint")}`;
    this.confirmButton.hidden = !open;
    setText(this.phrasesButton, t("phrases_own"));
    setText(this.count, open ? t("template_grey", { n: open }) : "");
  }

  /** Put the lines of the template into the report that nothing in it stands in the place of. */
  async normal() {
    if (this.asking) return;
    const { document: doc, bar } = this.pane;
    this.asking = true;
    this.render();
    try {
      const found = await send("POST", `/cases/${doc.caseId}/template`, { report: doc.toReport() });
      if (this.pane.document === doc) this.take(doc, found);
    } catch (error) {
      if (this.pane.document === doc) bar.tell(error instanceof ApiError ? error.sentence : t("unreachable"));
    } finally {
      this.asking = false;
      this.render();
    }
  }

  take(doc, { template, report, added, removed }) {
    const isGrey = (id) => doc.find(id) && greyIn(doc.find(id).sentence).length;
    const [gone, lines] = doc.history.together(() => [doc.removeAll(removed.filter(isGrey)), doc.insert(report, added.filter((id) => !doc.find(id)))]);
    this.draw();
    // In a low window they may stand below its edge.
    const first = lines.length ? this.row(lines[0]) : null;
    if (first && !isOnScreen(first)) first.scrollIntoView({ block: "center" });
    const name = pick({ zh: template.name_zh, en: template.name_en });
    if (!lines.length && !gone.length) {
      this.pane.bar.tell(t("template_nothing", { name }));
      return;
    }
    this.pane.bar.offer(t("template_added", { n: lines.length, name }), () => {
      doc.history.together(() => {
        doc.removeAll(lines.filter(isGrey));
        doc.putBack(gone);
      });
      this.draw();
    });
  }

  /** Confirm the grey lines that the reader sees; where he sees none, bring the next into sight. */
  confirm() {
    const { document: doc, bar, editor } = this.pane;
    const grey = this.grey;
    const seen = grey.filter((s) => isOnScreen(this.row(s.id)));
    const sure = seen.filter((s) => !this.contradicted(s.id) && !open(s));
    const done = sure.flatMap((s) => greyIn(s).map((lang) => [s.id, lang]));
    doc.history.together(() => done.forEach(([id, lang]) => doc.confirm(id, lang)));
    this.draw();
    if (done.length) {
      bar.offer(t("template_confirmed", { n: sure.length }), () => {
        doc.history.together(() => done.filter(([id]) => doc.find(id)).forEach(([id, lang]) => doc.confirm(id, lang, false)));
        this.draw();
      });
    }
    const next = seen.find((s) => !sure.includes(s)) ?? grey.find((s) => !seen.includes(s));
    if (!next) {
      if (!done.length) bar.tell(t("template_none_left"));
      return;
    }
    if (!done.length) bar.tell(t(why(this, next, seen)));
    this.row(next.id)?.scrollIntoView({ block: seen.includes(next) ? "center" : "start" });
    if (seen.includes(next) && open(next)) editor.focus(next.id, greyIn(next)[0]);
  }

  /** This person's own phrases, to be written and dropped. */
  async phrases() {
    const list = h("div", {});
    const close = h("button", { type: "button", class: "rd-button", text: t("close"), onclick: () => this.dialog.close() });
    this.dialog.setAttribute("aria-label", t("phrases_own"));
    this.dialog.replaceChildren(h("h2", { text: t("phrases_own") }), list, h("div", { class: "rd-dialog-acts" }, close));
    this.dialog.showModal();
    await mountPhrases(list, "/phrases", () => loadPhrases(true));
  }

  contradicted(id) {
    return this.pane.warnings.ofSentence(id).some((issue) => issue.code === CONTRADICTED);
  }

  row(id) {
    return this.pane.root.querySelector(`.rd-sentence[data-id="${CSS.escape(id)}"]`);
  }

  draw() {
    this.pane.editor.render();
    this.render();
  }
}

/** Why a line was left as it is. */
function why(panel, sentence, seen) {
  if (!seen.includes(sentence)) return "template_more";
  return panel.contradicted(sentence.id) ? "template_contradicts" : "template_open";
}

/** Whether a text of the sentence still has a field that is to be filled in. */
function open(sentence) {
  return greyIn(sentence).some((lang) => textFields(sentence[lang]).length);
}

/** Whether all of a row can be read: inside its pane and the window, and nothing before it. */
function isOnScreen(row) {
  if (!row) return false;
  const box = row.getBoundingClientRect();
  const pane = row.closest(".rd-body").getBoundingClientRect();
  if (!box.height || box.top < pane.top - 1 || box.bottom > Math.min(pane.bottom, window.innerHeight) + 1) return false;
  // What is fixed above or below the report may lie over its edges.
  const across = box.left + box.width / 2;
  return [box.top + 2, box.top + box.height / 2, box.bottom - 2].every((down) => row.contains(document.elementFromPoint(across, down)));
}

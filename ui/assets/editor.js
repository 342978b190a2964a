// The sentences on the page: one row each, Chinese and English side by side.

import { autotextTakes } from "/ui/caret.js";
import { arrange, autoGrow, h, part, setText } from "/ui/dom.js";
import { SECTIONS } from "/ui/document.js";
import { attachDrag } from "/ui/drag.js";
import { makeSides, showSides } from "/ui/following.js";
import { t } from "/ui/i18n.js";
import { figure, makeMark, showMark } from "/ui/mark.js";
import { showGrey } from "/ui/reporttemplate.js";
import { serveTextareas } from "/ui/textareacaret.js";
import { makeUnderlay } from "/ui/underline.js";

const LANGUAGES = ["zh", "en"];

export class Editor {
  /**
   * `lists` maps a section to its `<ol>`; `warnings` (Warnings) are shown at their sentences;
   * `onDelete(removed)` hears what can be undone.
   */
  constructor(lists, { warnings, onDelete }) {
    this.lists = lists;
    this.warnings = warnings;
    this.onDelete = onDelete;
    this.rows = new Map();
    this.cited = new Set();
    for (const section of SECTIONS) {
      attachDrag(lists[section], (id, index) => {
        this.document.place(id, section, index);
        this.render();
      });
    }
    serveTextareas(this);
    new ResizeObserver(() => this.grow()).observe(lists.findings);
  }

  /** Show `doc` (a ReportDocument), editable or not. */
  open(doc, { readOnly }) {
    this.document = doc;
    this.readOnly = readOnly;
    this.rows.clear();
    this.render();
  }

  /** Whether a person's cursor is in one of the rows. */
  get focused() {
    return SECTIONS.some((section) => this.lists[section].contains(document.activeElement));
  }

  close() {
    this.document = null;
    this.rows.clear();
    this.cited.clear();
    for (const section of SECTIONS) this.lists[section].replaceChildren();
  }

  /** Mark the sentences an answer rests on and bring the first into sight. */
  cite(ids) {
    this.cited = new Set(ids);
    this.render();
    this.reveal(ids[0]);
  }

  /** Bring a sentence into sight. */
  reveal(id) {
    this.rows.get(id)?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  focus(id, lang) {
    const area = this.rows.get(id)?.querySelector(`textarea[data-lang="${lang}"]`);
    area?.focus();
    area?.scrollIntoView({ block: "nearest" });
  }

  /** Bring the rows to what the document says; a field being typed in is never touched. */
  render() {
    for (const section of SECTIONS) {
      const rows = this.document[section].map((s, index) => this.row(s, section, index));
      arrange(this.lists[section], rows);
    }
    this.grow();
  }

  grow() {
    for (const area of document.querySelectorAll(".rd-sentence textarea")) autoGrow(area);
  }

  row(sentence, section, index) {
    let row = this.rows.get(sentence.id);
    if (!row) {
      row = this.make(sentence.id);
      this.rows.set(sentence.id, row);
    }
    for (const lang of LANGUAGES) {
      const area = row.querySelector(`textarea[data-lang="${lang}"]`);
      const label = t("sentence_label", { section: t(section), n: index + 1, lang: t(`lang_${lang}`) });
      area.setAttribute("aria-label", label);
      area.placeholder = this.readOnly ? "" : t(`write_${lang}`);
      area.readOnly = this.readOnly;
      if (area.value !== sentence[lang]) area.value = sentence[lang];
    }
    this.decorate(row, sentence);
    return row;
  }

  decorate(row, sentence) {
    const badge = part(row, "origin");
    badge.dataset.origin = sentence.origin;
    setText(badge, t(`origin_${sentence.origin}`));
    badge.title = [t(`origin_${sentence.origin}_hint`), figure(sentence)].filter(Boolean).join("\n");
    row.classList.toggle("rd-cited", this.cited.has(sentence.id));
    for (const [name, key] of [["up", "move_up"], ["down", "move_down"], ["delete", "delete"], ["handle", "drag"]]) {
      const control = part(row, name);
      control.title = t(key);
      control.setAttribute("aria-label", t(key));
      control.hidden = this.readOnly;
    }
    const issues = this.warnings.ofSentence(sentence.id);
    showMark(row, sentence, issues, this.readOnly);
    showSides(row, sentence, issues, this.readOnly);
    showGrey(row, sentence);
    const list = part(row, "issues");
    const notes = this.warnings.itemsOf(issues, this.readOnly);
    // Those that stay are left as they are: one of them may have the cursor.
    arrange(list, notes);
    this.warnings.lines(row, sentence);
  }

  make(id) {
    const field = (lang) => {
      const area = h("textarea", {
        rows: 1,
        lang: lang === "zh" ? "zh-CN" : "en",
        spellcheck: lang === "en" ? "true" : "false",
        maxlength: 2000,
        dataset: { lang },
        oninput: (event) => this.typed(id, lang, event.target),
        onkeydown: (event) => this.key(event, id, lang),
      });
      return h("div", { class: "rd-field" }, area, makeUnderlay(area));
    };
    const button = (name, sign, action) =>
      h("button", { type: "button", class: "rd-icon", dataset: { part: name }, text: sign, onclick: action });
    return h(
      "li",
      { class: "rd-sentence", dataset: { id } },
      h(
        "div",
        { class: "rd-side" },
        h("span", { class: "rd-handle", draggable: "true", dataset: { part: "handle" }, text: "⠿" }),
        h("span", { class: "rd-origin", dataset: { part: "origin" } }),
      ),
      ...LANGUAGES.map(field),
      h(
        "div",
        { class: "rd-acts" },
        button("up", "↑", () => this.step(id, -1)),
        button("down", "↓", () => this.step(id, 1)),
        button("delete", "×", () => this.remove(id)),
      ),
      makeMark({ onKeep: () => this.keep(id), onDrop: () => this.remove(id) }),
      makeSides(),
      h("ul", { class: "rd-issues", dataset: { part: "issues" } }),
    );
  }

  typed(id, lang, area) {
    // A sentence is one line: pasted line breaks become spaces. Characters without width are dropped, as
    // reports/characters.py does with a machine's; those that turn the direction of writing are refused there.
    const text = area.value
      .replace(/\s*[\u0000-\u001f\u007f-\u009f\u2028\u2029]+\s*/g, " ")
      .replace(/[\u00ad\u180e\u200b\u2060\ufeff]/g, "");
    if (text !== area.value) area.value = text;
    autoGrow(area);
    this.document.edit(id, lang, text);
    this.decorate(this.rows.get(id), this.document.find(id).sentence);
  }

  key(event, id, lang) {
    // While an input method is composing, its keys are its own.
    if (event.isComposing || this.readOnly) return;
    if (autotextTakes(event)) return;
    if (event.altKey && ["ArrowUp", "ArrowDown"].includes(event.key)) {
      event.preventDefault();
      this.step(id, event.key === "ArrowUp" ? -1 : 1);
      this.focus(id, lang);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const added = this.document.add(this.document.find(id).section, id);
      this.render();
      this.focus(added, lang);
    } else if (event.key === "Escape") {
      event.target.blur();
    }
  }

  add(section, lang) {
    const id = this.document.add(section);
    this.render();
    this.focus(id, lang);
  }

  step(id, by) {
    this.document.step(id, by);
    this.render();
  }

  keep(id) {
    this.document.keep(id, !this.document.find(id).sentence.kept);
    this.render();
  }

  remove(id) {
    const removed = this.document.remove(id);
    this.render();
    this.onDelete(removed);
  }
}

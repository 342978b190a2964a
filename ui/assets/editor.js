// The sentences on the page: one row each, Chinese and English side by side, each text a field of the bundle `editor`.

import { TextField } from "/ui/bundles/editor.js";
import { autotextTakes, caretMoved, serveCaret } from "/ui/caret.js";
import { arrange, h, part, setText } from "/ui/dom.js";
import { LANGUAGES, MOST_CHARACTERS, MOST_SENTENCES, SECTIONS } from "/ui/document.js";
import { attachDrag } from "/ui/drag.js";
import { makeSides, showSides } from "/ui/following.js";
import { t } from "/ui/i18n.js";
import { press } from "/ui/keys.js";
import { siteLanguages } from "/ui/languages.js";
import { figure, makeMark, showMark } from "/ui/mark.js";
import { showGrey } from "/ui/reporttemplate.js";
import { pieces } from "/ui/underline.js";

/** From how many characters below the most on it is said how many are left. */
const NEAR = 200;
/** How long an input method may take to give what it holds; then it is taken as it stands. */
const COMPOSED_MS = 500;

export class Editor {
  /**
   * `lists` maps a section to its `<ol>`; `warnings` (Warnings) are shown at their sentences;
   * `onDelete(removed)` hears what can be undone, `onTell(text)` what a person has to be told.
   */
  constructor(lists, { warnings, onDelete, onTell }) {
    this.lists = lists;
    this.warnings = warnings;
    this.onDelete = onDelete;
    this.tell = onTell;
    this.rows = new Map();
    /** The fields of a row: sentence id -> `{zh, en}`. */
    this.fields = new Map();
    /** `{id, lang}` of the text that had the focus last. */
    this.last = null;
    this.pointed = null;
    this.found = [];
    this.cited = new Set();
    serveCaret(this);
    for (const section of SECTIONS) {
      attachDrag(lists[section], (id, index) => {
        this.document.place(id, section, index);
        this.render();
      });
    }
  }

  /** Show `doc` (a ReportDocument), editable or not. */
  open(doc, { readOnly }) {
    this.empty();
    this.document = doc;
    this.readOnly = readOnly;
    this.render();
  }

  /** Whether a person's cursor is in one of the rows. */
  get focused() {
    return SECTIONS.some((section) => this.lists[section].contains(document.activeElement));
  }

  close() {
    this.empty();
    this.document = null;
    this.cited.clear();
    for (const section of SECTIONS) this.lists[section].replaceChildren();
  }

  empty() {
    this.eachField((field) => field.destroy());
    this.fields.clear();
    this.rows.clear();
    this.last = null;
    this.found = [];
  }

  /** The languages the site writes in. */
  get languages() {
    return siteLanguages();
  }

  /** Whether an input method holds characters that are in no sentence yet. */
  get composing() {
    return [...this.fields.values()].some((fields) => Object.values(fields).some((field) => field.composing));
  }

  /** Have an input method give what it holds; resolves once that is in the document. */
  async settled() {
    if (!this.composing) return;
    document.activeElement.blur();
    const until = performance.now() + COMPOSED_MS;
    while (this.composing) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (performance.now() > until) this.eachField((field) => field.endComposition());
    }
  }

  eachField(act) {
    for (const fields of this.fields.values()) for (const field of Object.values(fields)) act(field);
  }

  /** Where the cursor is, as ui/caret.js says it. */
  caret() {
    const found = this.last && !this.readOnly && this.document?.find(this.last.id);
    if (!found) return null;
    const { id, lang } = this.last;
    return { id, section: found.section, lang, text: found.sentence[lang], ...this.fields.get(id)[lang].selection };
  }

  caretBox() {
    return this.caret() && this.fields.get(this.last.id)[this.last.lang].caretBox();
  }

  replaceText({ id, lang }, start, end, text, select) {
    const field = this.fields.get(id)?.[lang];
    if (!field || this.readOnly) return false;
    this.document.history.apart();
    const done = field.replace(start, end, text, select);
    if (done) this.document.history.apart();
    else this.tooLong();
    return done;
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

  /** Put the cursor into a text, at `at` where that is given. */
  focus(id, lang, at = null) {
    this.select(id, lang, at);
  }

  /** Focus a text and select from `start` to `end`; null: as it was. */
  select(id, lang, start = null, end = start) {
    const field = this.fields.get(id)?.[this.languages.includes(lang) ? lang : this.languages[0]];
    if (!field) return;
    field.focus(start, end);
    field.dom.scrollIntoView({ block: "nearest" });
  }

  /** Bring the rows to what the document says; a text that is being composed is left alone, and so are the rows. */
  render() {
    if (this.composing) return;
    const focus = this.focused ? document.activeElement : null;
    for (const section of SECTIONS) {
      const rows = this.document[section].map((s, index) => this.row(s, section, index));
      arrange(this.lists[section], rows);
    }
    for (const id of this.rows.keys()) if (!this.document.find(id)) this.drop(id);
    // Moving an element takes the focus from it.
    if (focus?.isConnected && document.activeElement !== focus) focus.focus({ preventScroll: true });
  }

  drop(id) {
    for (const field of Object.values(this.fields.get(id))) field.destroy();
    this.fields.delete(id);
    this.rows.delete(id);
  }

  row(sentence, section, index) {
    let row = this.rows.get(sentence.id);
    if (!row) {
      row = this.make(sentence.id);
      this.rows.set(sentence.id, row);
    }
    for (const lang of LANGUAGES) {
      const field = this.fields.get(sentence.id)[lang];
      const label = t("sentence_label", { section: t(section), n: index + 1, lang: t(`lang_${lang}`) });
      field.label(label, this.readOnly ? "" : t(`write_${lang}`));
      field.setReadOnly(this.readOnly);
      field.show(sentence[lang]);
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
    const length = Math.max(...this.languages.map((lang) => sentence[lang].length));
    if (!this.readOnly && length > MOST_CHARACTERS - NEAR) {
      notes.push(this.hint(list, "room", t("characters_left", { n: MOST_CHARACTERS - length, most: MOST_CHARACTERS })));
    }
    // Those that stay are left as they are: one of them may have the cursor.
    arrange(list, notes);
    for (const lang of this.languages) this.underline(sentence, lang);
  }

  /** The note `name` of a row, kept while it stands. */
  hint(list, name, text) {
    const hint = list.querySelector(`:scope > [data-hint=${name}]`) ?? h("li", { class: "rd-hint", dataset: { hint: name } });
    setText(hint, text);
    return hint;
  }

  /** Underline the words that warnings point at, and mark those that are found. */
  underline(sentence, lang) {
    const { id } = sentence;
    const text = sentence[lang];
    const found = this.found.filter((match) => match.id === id && match.lang === lang);
    this.fields.get(id)[lang].mark(pieces(text, this.warnings.spans(sentence, lang), { found, pointed: this.pointed }));
  }

  /** Show which words a warning (its key) is about; null for none. */
  point(key) {
    this.pointed = key;
    this.underlineAll();
  }

  /** Mark what a search found: `{id, lang, start, end, current}`. */
  markFound(matches) {
    this.found = matches;
    this.underlineAll();
  }

  underlineAll() {
    if (!this.document) return;
    for (const section of SECTIONS) {
      for (const sentence of this.document[section]) {
        if (this.rows.has(sentence.id)) for (const lang of this.languages) this.underline(sentence, lang);
      }
    }
  }

  make(id) {
    const fields = Object.fromEntries(LANGUAGES.map((lang) => [lang, new TextField(this.owner(id, lang), lang, MOST_CHARACTERS)]));
    this.fields.set(id, fields);
    const field = (lang) => h("div", { class: "rd-field" }, fields[lang].dom);
    const button = (name, sign, action) =>
      h("button", { type: "button", class: "rd-icon", tabindex: "-1", dataset: { part: name }, text: sign, onclick: action });
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

  /** What hears of one field. */
  owner(id, lang) {
    return {
      typed: (field, text) => this.typed(id, lang, text),
      moved: (field) => this.moved(id, lang, field),
      key: (field, event) => this.key(event, id, lang, field),
      pasted: (field, lines, at) => this.paste(id, lang, lines, at),
      tooLong: () => this.tooLong(),
    };
  }

  typed(id, lang, text) {
    const found = this.document?.find(id);
    if (!found || found.sentence[lang] === text) return;
    this.document.edit(id, lang, text);
    this.decorate(this.rows.get(id), this.document.find(id).sentence);
  }

  moved(id, lang, field) {
    if (field.dom.contains(document.activeElement)) this.last = { id, lang };
    caretMoved();
  }

  tooLong() {
    this.tell(t("sentence_full", { most: MOST_CHARACTERS }));
  }

  /** Whether `section` takes one more sentence; it is told where it does not. */
  takesOneMore(section) {
    if (this.document[section].length < MOST_SENTENCES) return true;
    this.tell(t("section_full", { most: MOST_SENTENCES }));
    return false;
  }

  /** Whether a key in a field is dealt with. Those of the table in ui/keys.js come after it. */
  key(event, id, lang, field) {
    if (this.readOnly) return false;
    this.last = { id, lang };
    if (autotextTakes(event)) return true;
    const { start, end } = field.selection;
    const { length } = field.text;
    // ProseMirror would keep some of the table's keys from the page.
    if (event.ctrlKey || event.metaKey || event.altKey) return press(event);
    if (event.key === "Enter") this.split(id, lang, field);
    else if (event.key === "Escape") field.dom.blur();
    else if (event.key === "Backspace" && start === 0 && end === 0) this.join(id, lang);
    else if (event.key === "Delete" && start === length && end === length) this.joinNext(id, lang);
    else if (event.shiftKey) return false;
    else if (event.key === "ArrowUp") return field.atEdge("up") && this.cross(id, lang, -1);
    else if (event.key === "ArrowDown") return field.atEdge("down") && this.cross(id, lang, 1);
    else if (event.key === "ArrowLeft") return start === 0 && end === 0 && this.cross(id, lang, -1);
    else if (event.key === "ArrowRight") return start === length && end === length && this.cross(id, lang, 1, 0);
    else return false;
    return true;
  }

  /** Put the cursor into the same language of the sentence before or after: at `at`, or its end. Whether there is one. */
  cross(id, lang, by, at = null) {
    const order = SECTIONS.flatMap((section) => this.document[section]);
    const other = order[order.findIndex((sentence) => sentence.id === id) + by];
    if (!other) return false;
    this.select(other.id, lang, at ?? other[lang].length);
    return true;
  }

  /** Break a sentence at the cursor; what is selected goes. At its beginning an empty one comes before it. */
  split(id, lang, field) {
    const { start, end } = field.selection;
    const { section, index, sentence } = this.document.find(id);
    if (!this.takesOneMore(section)) return;
    const added = this.document.history.together(() => {
      if (start !== end) this.document.edit(id, lang, sentence[lang].slice(0, start) + sentence[lang].slice(end));
      if (start || !field.text) return this.document.split(id, lang, start);
      this.document.place(this.document.add(section, id), section, index);
      return id;
    });
    this.render();
    this.focus(added, lang, 0);
  }

  join(id, lang) {
    this.joined(this.document.join(id, lang), lang);
  }

  joinNext(id, lang) {
    const { section, index } = this.document.find(id);
    const next = this.document[section][index + 1];
    if (next) this.joined(this.document.join(next.id, lang), lang);
  }

  joined(done, lang) {
    if (!done) return;
    if (done.tooLong) {
      this.tooLong();
      return;
    }
    this.render();
    this.focus(done.id, lang, done.at);
  }

  /** Put pasted lines in: one goes on in the sentence, more become sentences; what is too much is told and not put in. */
  paste(id, lang, lines, { start, end }) {
    const done = this.document.putLines(id, lang, start, end, lines);
    if (done.tooMany) {
      const bound = done.tooMany === "characters" ? MOST_CHARACTERS : MOST_SENTENCES;
      this.tell(t(`pasted_too_many_${done.tooMany}`, { most: bound, n: lines.length }));
      return;
    }
    this.render();
    this.focus(done.id, lang, done.at);
  }

  /** Take the last step back, or (`forward`) do again what was undone; what it changed gets the cursor. */
  travel(forward = false) {
    if (!this.document || this.readOnly || this.composing) return;
    const place = forward ? this.document.redo() : this.document.undo();
    if (!place) {
      this.tell(t(forward ? "nothing_to_redo" : "nothing_to_undo"));
      return;
    }
    this.render();
    if (place.id) this.focus(place.id, place.lang, place.at);
  }

  /** Put the cursor behind the sentence after (1) or before (-1) the one that has it; whether there is one. */
  go(by) {
    return this.focused && this.caret() !== null && this.cross(this.last.id, this.last.lang, by);
  }

  /** Move the sentence that has the cursor; whether one has. */
  stepFocused(by) {
    if (!this.focused || !this.caret()) return false;
    const { id, lang } = this.last;
    this.step(id, by);
    this.focus(id, lang);
    return true;
  }

  /** Delete the sentence that has the cursor; whether one has. */
  removeFocused() {
    if (!this.focused || !this.caret()) return false;
    this.remove(this.last.id);
    return true;
  }

  /** Put the cursor where it last was, or into the first sentence. */
  enter() {
    const [first] = SECTIONS.flatMap((section) => this.document?.[section] ?? []);
    const at = this.last && this.document?.find(this.last.id) ? this.last : first && { id: first.id, lang: this.languages[0] };
    if (!at) return false;
    this.focus(at.id, at.lang);
    return true;
  }

  add(section, lang) {
    if (!this.takesOneMore(section)) return;
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
    const had = this.rows.get(id)?.contains(document.activeElement);
    const removed = this.document.remove(id);
    this.render();
    this.onDelete(removed);
    // Whoever deletes by keys goes on at the next sentence.
    const { section, index } = removed;
    const next = this.document[section][Math.min(index, this.document[section].length - 1)];
    if (had && next) this.focus(next.id, this.last?.lang ?? this.languages[0]);
    else if (had) part(this.lists[section].parentElement, `add-${section}`)?.focus();
  }
}

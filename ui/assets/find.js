// Finding words in the open report: a line above the sentences, each match marked where it stands.

import { h, setText } from "/ui/dom.js";
import { SECTIONS } from "/ui/document.js";
import { onLanguage, t } from "/ui/i18n.js";

export class FindBar {
  /** `element` is filled once it is opened; `editor` shows the matches. */
  constructor(element, editor) {
    this.element = element;
    this.editor = editor;
    this.matches = [];
    this.at = 0;
    this.input = h("input", { type: "search", class: "rd-input", maxlength: 200, autocomplete: "off", spellcheck: "false", oninput: () => this.search() });
    this.count = h("span", { class: "rd-dim", role: "status" });
    this.before = h("button", { type: "button", class: "rd-icon", text: "↑", onclick: () => this.step(-1) });
    this.after = h("button", { type: "button", class: "rd-icon", text: "↓", onclick: () => this.step(1) });
    this.shut = h("button", { type: "button", class: "rd-icon", text: "×", onclick: () => this.leave() });
    element.append(this.input, this.count, this.before, this.after, this.shut);
    element.addEventListener("keydown", (event) => this.key(event));
    onLanguage(() => this.words());
    this.words();
  }

  get open() {
    return !this.element.hidden;
  }

  /** Open it, with `text` to be searched for. */
  show(text) {
    this.element.hidden = false;
    if (text) this.input.value = text;
    this.input.focus();
    this.input.select();
    this.search();
  }

  close() {
    this.element.hidden = true;
    this.matches = [];
    this.editor.markFound([]);
  }

  /** Go on writing at the match that is shown. */
  leave() {
    const match = this.matches[this.at];
    this.close();
    if (match) this.editor.select(match.id, match.lang, match.start, match.end);
    else this.editor.enter();
  }

  /** Look again: the report has changed. */
  refresh() {
    if (!this.open || !this.editor.document) return;
    const now = matchesOf(this.editor.document, this.editor.languages, this.input.value);
    if (JSON.stringify(now) === JSON.stringify(this.matches)) return;
    this.matches = now;
    this.mark();
  }

  search() {
    this.matches = matchesOf(this.editor.document, this.editor.languages, this.input.value);
    this.at = 0;
    this.mark();
    this.reveal();
  }

  step(by) {
    if (!this.matches.length) return;
    this.at = (this.at + by + this.matches.length) % this.matches.length;
    this.mark();
    this.reveal();
  }

  mark() {
    this.at = Math.min(this.at, Math.max(0, this.matches.length - 1));
    this.editor.markFound(this.matches.map((match, place) => ({ ...match, current: place === this.at })));
    const typed = this.input.value !== "";
    setText(this.count, typed ? t("find_place", { n: this.matches.length ? this.at + 1 : 0, all: this.matches.length }) : "");
    this.count.classList.toggle("rd-bad", typed && !this.matches.length);
    for (const button of [this.before, this.after]) button.disabled = this.matches.length < 2;
  }

  reveal() {
    const match = this.matches[this.at];
    if (match) this.editor.reveal(match.id);
  }

  key(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && event.target === this.input) this.step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") this.leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  words() {
    for (const [element, key] of [[this.input, "find_in_report"], [this.before, "find_previous"], [this.after, "find_next"], [this.shut, "find_close"]]) {
      element.setAttribute("aria-label", t(key));
      element.title = t(key);
    }
    this.input.placeholder = t("find_in_report");
    if (this.open) this.mark();
  }
}

/** `{id, lang, start, end}` of each place where `wanted` stands, in reading order; letters count in either case. */
function matchesOf(report, languages, wanted) {
  const words = folded(wanted);
  if (!words || !report) return [];
  return SECTIONS.flatMap((section) => report[section]).flatMap((sentence) =>
    languages.flatMap((lang) => starts(folded(sentence[lang]), words).map((start) => ({ id: sentence.id, lang, start, end: start + words.length }))),
  );
}

/** Small letters, where that leaves every character at its place. */
function folded(text) {
  const small = text.toLowerCase();
  return small.length === text.length ? small : text;
}

function starts(text, words) {
  const found = [];
  for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + words.length)) found.push(at);
  return found;
}

// The other language of a report: what is written in one is offered in the other by a machine, 3 seconds after a
// pause at most, or the sentence says that nothing is. What a person wrote or confirmed is never overwritten.
//   Alt+Enter    confirms the machine's text of the sentence where the cursor is, or takes that back
//   Alt+Shift+X  drops the side where the cursor is: the sentence stays in the other language

import { send } from "/ui/api.js";
import { LANGUAGES, SECTIONS, asserted } from "/ui/document.js";
import { h, part, setText } from "/ui/dom.js";
import { t } from "/ui/i18n.js";
import { other, siteLanguages, writtenLanguage } from "/ui/languages.js";
import { on } from "/ui/state.js";

/** A pause: nothing was typed for so long. */
const PAUSE_MS = 600;
/** From the pause on, a sentence without an answer counts as not translated. */
const PATIENCE_MS = 2300;
/** Codes of the checks that hold the two sides of a sentence against each other. */
export const SIDES_DIFFER = ["side_mismatch", "number_mismatch", "negation_mismatch", "finding_mismatch"];

let current = null;

/** What is to be said of one side of a sentence: `{kind, text, hint}`, or null. Kinds: machine, confirmed, waiting,
 * missing, differs. */
export function sideMark(sentence, lang) {
  const kind = kindOf(sentence, lang);
  return kind && { kind, text: t(`side_${kind}`), hint: t(`side_${kind}_hint`) };
}

function kindOf(sentence, lang) {
  if (siteLanguages().length < 2 || !sentence[other(lang)]?.trim()) return null;
  if (current?.waiting.has(sentence.id) && lang === other(writtenLanguage())) return "waiting";
  if (!sentence[lang].trim()) return "missing";
  const left = current?.differing.has(sentence.id) && lang === other(writtenLanguage());
  if (left || current?.document?.oneSided(sentence.id) === lang) return "differs";
  if (sentence.origins[lang] !== "translation") return null;
  return sentence.confirmed.includes(lang) ? "confirmed" : "machine";
}

/** Whether this page's person may say of the text in `lang` that it stands. */
export function confirmable(sentence, lang) {
  return Boolean(sentence[lang]) && sentence.origins[lang] === "translation";
}

export class Following {
  /** `pane` holds the report (`document`, `editor`, `mode`, `composing`). */
  constructor(pane) {
    this.pane = pane;
    current = this;
    this.close();
    on("edited", () => this.edited());
    on("saved", () => this.again());
    on("written-language", () => this.pane.document && this.open(this.pane.document));
  }

  close() {
    clearTimeout(this.timer);
    this.document = null;
    this.handled = new Map();
    this.waiting = new Set();
    this.differing = new Set();
    this.failed = new Set();
  }

  /** Follow what is written in `doc` (a ReportDocument) from now on; as it stands, it is as it should be. */
  open(doc) {
    this.close();
    this.document = doc;
    for (const s of this.sentences()) this.handled.set(s.id, s[writtenLanguage()].trim());
  }

  sentences() {
    return SECTIONS.flatMap((section) => this.document[section]);
  }

  /** Sentences whose words are not those that were followed last. */
  pending() {
    const lang = writtenLanguage();
    return this.sentences().filter((s) => (this.handled.get(s.id) ?? "") !== s[lang].trim());
  }

  /** Somebody changed something: what follows is asked for when he pauses. */
  edited() {
    if (!this.document || siteLanguages().length < 2) return;
    clearTimeout(this.timer);
    this.forgetGone();
    if (this.pending().length) this.timer = setTimeout(() => this.paused(), PAUSE_MS);
  }

  forgetGone() {
    const there = new Set(this.sentences().map((s) => s.id));
    for (const known of [this.handled, this.waiting, this.differing, this.failed]) {
      for (const id of [...known.keys()]) if (!there.has(id)) known.delete(id);
    }
    const target = other(writtenLanguage());
    for (const s of this.sentences()) if (!asserted(s, target)) this.differing.delete(s.id);
  }

  /** What was not answered is asked for again once the service answers. */
  again() {
    if (!this.failed.size || !this.document) return;
    for (const id of this.failed) this.handled.delete(id);
    this.failed.clear();
    this.edited();
  }

  paused() {
    // An input method holds characters that are in no field yet.
    if (this.pane.composing) this.timer = setTimeout(() => this.paused(), PAUSE_MS);
    else this.follow();
  }

  async follow() {
    const doc = this.document;
    const lang = writtenLanguage();
    const asked = [];
    for (const s of this.pending()) {
      this.handled.set(s.id, s[lang].trim());
      if (!this.settleAlone(s, lang)) asked.push({ id: s.id, lang, text: s[lang].trim() });
    }
    for (const { id } of asked) this.waiting.add(id);
    this.render();
    if (!asked.length) return;
    const late = setTimeout(() => this.unanswered(doc, asked), PATIENCE_MS);
    performance.mark("radraft.follow.asked");
    try {
      const { offers } = await send("POST", `/cases/${doc.caseId}/follow`, { sentences: asked });
      this.take(doc, asked, offers);
    } catch {
      this.take(doc, asked, {});
      if (this.document === doc) for (const { id } of asked) this.failed.add(id);
    } finally {
      clearTimeout(late);
    }
  }

  /** Whether a sentence needs nobody to be asked: it says again what it said, says nothing, or its other side is a
   * person's. */
  settleAlone(s, lang) {
    const target = other(lang);
    if (asserted(s, target)) {
      this.differing.add(s.id);
      return true;
    }
    const original = this.document.original.get(s.id);
    if (original && original[lang].trim() === s[lang].trim() && original[target]) {
      this.put(s.id, target, original[target], original.origins[target]);
      return true;
    }
    if (s[lang].trim()) return false;
    this.put(s.id, target, "");
    return true;
  }

  /** The answer for those sentences that still say what was asked; one of an older text is thrown away. */
  take(doc, asked, offers) {
    if (this.document !== doc) return;
    for (const { id, lang, text } of asked) {
      this.waiting.delete(id);
      const s = doc.find(id)?.sentence;
      if (!s || s[lang].trim() !== text || lang !== writtenLanguage()) continue;
      const target = other(lang);
      if (asserted(s, target)) this.differing.add(id);
      else this.put(id, target, offers[id]?.text ?? "", "translation");
    }
    performance.mark("radraft.follow.taken");
    this.render();
  }

  /** Nothing came in time: a machine's text of other words than these is worth nothing. */
  unanswered(doc, asked) {
    this.take(doc, asked, {});
  }

  put(id, lang, text, origin) {
    if (this.document.find(id).sentence[lang] === text) return;
    // It belongs to the words that it follows: they are undone together.
    this.document.history.follow(() => this.document.offer(id, lang, text, origin));
  }

  render() {
    if (this.document && this.pane.editor.document) this.pane.editor.render();
  }

  /** Confirm the machine's side of a sentence, or take that back; whether there was one. */
  confirm(id) {
    const s = this.document?.find(id)?.sentence;
    const lang = s && LANGUAGES.find((each) => confirmable(s, each));
    if (!lang) return false;
    this.document.confirm(id, lang, !s.confirmed.includes(lang));
    this.render();
    return true;
  }

  /** Take one side of a sentence away; whether the other stays. */
  drop(id, lang) {
    const s = this.document?.find(id)?.sentence;
    if (!s?.[lang] || !s[other(lang)].trim()) return false;
    this.document.offer(id, lang, "", "person");
    // It is followed again when its words are others.
    this.handled.set(id, lang === writtenLanguage() ? "" : s[writtenLanguage()].trim());
    this.render();
    return true;
  }

  /** Confirm the machine's side of the sentence around `target`; false where there is none. */
  confirmAt(target) {
    const row = target.closest(".rd-sentence[data-id]");
    return row ? this.confirm(row.dataset.id) : false;
  }

  /** Drop the side that `target` is in; false where that would leave nothing. */
  dropAt(target) {
    const row = target.closest(".rd-sentence[data-id]");
    const side = target.closest("[data-lang]")?.dataset.lang;
    return row && side ? this.drop(row.dataset.id, side) : false;
  }
}

/** The line below a sentence's words that says what its sides are; brought to `sentence` in `row`. `issues`: its own. */
export function showSides(row, sentence, issues, readOnly) {
  const line = part(row, "sides");
  const marks = LANGUAGES.map((lang) => [lang, sideMark(sentence, lang)]).filter(([, mark]) => mark);
  const apart = !readOnly && issues.some((issue) => SIDES_DIFFER.includes(issue.code)) && sentence.zh.trim() && sentence.en.trim();
  const version = JSON.stringify([document.documentElement.lang, marks, Boolean(apart), readOnly]);
  line.hidden = !marks.length && !apart;
  if (line.dataset.version === version) return;
  line.dataset.version = version;
  for (const lang of LANGUAGES) row.dataset[`side${lang === "zh" ? "Zh" : "En"}`] = sideMark(sentence, lang)?.kind ?? "";
  const { id } = sentence;
  const parts = [
    ...marks.flatMap(([lang, mark]) => [
      h("span", { class: "rd-side-mark", title: mark.hint, dataset: { kind: mark.kind, side: lang }, text: `${t(`lang_${lang}`)} · ${mark.text}` }),
      !readOnly && ["machine", "confirmed"].includes(mark.kind)
        ? button("confirm-side", t(mark.kind === "machine" ? "side_confirm" : "side_unconfirm"), t("side_confirm_hint"), () => current.confirm(id))
        : null,
      !readOnly && ["machine", "differs"].includes(mark.kind) && !apart ? dropButton(id, lang) : null,
    ]),
    ...(apart ? LANGUAGES.map((lang) => dropButton(id, lang)) : []),
  ];
  line.replaceChildren(...parts.filter(Boolean));
}

/** The empty line that `showSides` fills. */
export function makeSides() {
  return h("div", { class: "rd-sides", dataset: { part: "sides" }, hidden: true });
}

function dropButton(id, lang) {
  return button("drop-side", t("side_drop", { lang: t(`lang_${lang}`) }), t("side_drop_hint"), () => current.drop(id, lang), lang);
}

function button(name, text, title, onclick, lang = "") {
  return h("button", { type: "button", class: "rd-button rd-small", dataset: { part: name, side: lang }, text, title, onclick });
}

/** Say in `element` that a report has text in a language that its site does not use. */
export function showHidden(element, doc) {
  const languages = siteLanguages();
  const hidden = LANGUAGES.find((lang) => !languages.includes(lang));
  const count = hidden && doc ? SECTIONS.flatMap((section) => doc[section]).filter((s) => s[hidden].trim()).length : 0;
  element.hidden = !count;
  if (count) setText(element, t("language_hidden", { n: count, lang: t(`lang_${hidden}`) }));
}

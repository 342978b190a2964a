// Warnings of the checks: at the sentence they point at, with what a reader may do about them.
//   F7, Shift+F7    next or previous warning, from anywhere on the page
//   on a warning    1 to 4 dismiss it with a reason, M puts the mend in, J shows the other place,
//                   Enter goes to the words, Escape back to where one was

import { ApiError, send } from "/ui/api.js";
import { arrange, h, part, setText } from "/ui/dom.js";
import { SECTIONS } from "/ui/document.js";
import { language, pick, t } from "/ui/i18n.js";
import { NOT_SUPPORTED } from "/ui/mark.js";
import { state } from "/ui/state.js";
import { refresh } from "/ui/study.js";
import { spanOf } from "/ui/underline.js";

export const REASONS = ["not_applicable", "as_it_stands", "wrong_warning", "other"];
/** The code of a report without a sentence. */
const EMPTY = "report_empty";
const SIGNS = { block: "\u25a0", warn: "\u25b2", hint: "\u25cb" };
const KINDS = ["block", "warn", "hint"];

/** Of a template's line: its words are grey, and the report says how many there are. */
const UNCONFIRMED = "template_unconfirmed";

export class Warnings {
  /** `pane` holds the report (`editor`, `autosave`, `bar`), its elements are below `root`. */
  constructor(root, pane) {
    this.root = root;
    this.pane = pane;
    this.items = new Map();
    this.clear();
    part(root, "open-warnings").addEventListener("click", () => this.step(1));
  }

  clear() {
    this.all = [];
    this.checked = new Map();
    this.items.clear();
    this.from = null;
  }

  /** Take what the service says of `report`. */
  set(issues, report) {
    this.all = issues;
    this.checked = new Map(SECTIONS.flatMap((section) => report[section]).map((s) => [s.id, s]));
  }

  /** Those that nobody dismissed, of sentences that are there. */
  get open() {
    const known = (issue) => !issue.sentence_id || this.pane.document?.find(issue.sentence_id);
    // That an empty report cannot be signed needs no saying before anybody wrote; what is said of its images does.
    const due = (issue) => issue.code !== EMPTY || !this.pane.unbegun;
    return this.all.filter((issue) => !issue.dismissed && known(issue) && due(issue));
  }

  ofSentence(id) {
    return this.open.filter((issue) => issue.sentence_id === id && issue.code !== UNCONFIRMED);
  }

  /** Open warnings that stand at sentences. */
  get ofAll() {
    return this.open.filter((issue) => issue.code !== UNCONFIRMED);
  }

  /** The words of one text that open warnings point at: `{start, end, severity, key}`. */
  spans(sentence, lang) {
    return this.ofAll.flatMap((issue) =>
      issue.at
        .filter((pointer) => pointer.sentence_id === sentence.id && pointer.lang === lang)
        .map((pointer) => spanOf(pointer, this.checked.get(sentence.id)?.[lang], sentence[lang]))
        .filter(Boolean)
        .map(({ start, end }) => ({ start, end, severity: issue.severity, key: issue.key })),
    );
  }

  /** The list items of `issues` (of one sentence, or of the whole report), kept while they stand. */
  itemsOf(issues, readOnly) {
    return issues
      .filter((issue) => issue.code !== NOT_SUPPORTED)
      .map((issue, index) => this.item(issue, `${issue.sentence_id}/${index}/${issue.key}`, readOnly));
  }

  item(issue, name, readOnly) {
    const stale = !this.stands(issue);
    // Its key stands for its words and places.
    const { key, severity, mend, dismissible } = issue;
    const version = JSON.stringify([key, severity, mend, dismissible, said(issue), readOnly, stale, this.placeName(issue)]);
    let item = this.items.get(name);
    if (!item) {
      item = h("li", { class: "rd-warning", tabindex: "-1" });
      item.addEventListener("keydown", (event) => this.key(event, item));
      item.addEventListener("focusin", () => this.point(item, true));
      item.addEventListener("focusout", () => this.point(item, false));
      this.items.set(name, item);
    }
    item.issue = issue;
    if (item.version === version) return item;
    item.version = version;
    Object.assign(item.dataset, { key, code: issue.code, severity, stale: String(stale) });
    item.replaceChildren(...this.content(issue, item, readOnly, stale));
    return item;
  }

  content(issue, item, readOnly, stale) {
    const button = (name, text, action, title = "") =>
      h("button", { type: "button", class: "rd-button rd-small", dataset: { part: name }, text, title, onclick: action });
    const mend = !readOnly && !stale && this.change(issue);
    const other = this.placeName(issue);
    const dismissible = !readOnly && issue.dismissible;
    return [
      h("span", { class: "rd-severity", text: `${SIGNS[issue.severity]} ${t(`severity_${issue.severity}`)}` }),
      issue.lang ? h("span", { class: "rd-tag", text: t(`lang_${issue.lang}`) }) : null,
      h("span", { class: "rd-said", text: stale ? t("warning_rechecked", { said: said(issue) }) : said(issue) }),
      mend
        ? h("span", { class: "rd-change" }, h("del", { text: mend.words }), "\u2192", h("ins", { text: issue.mend || t("mend_delete") }))
        : null,
      mend ? button("mend", t("mend"), () => this.mend(issue)) : null,
      other ? button("jump", t("warning_other", { place: other }), () => this.jump(issue)) : null,
      dismissible ? button("dismiss", t("dismiss"), () => this.reasons(item).toggleAttribute("hidden"), t("dismiss_hint")) : null,
      dismissible ? this.makeReasons(issue, item) : null,
    ].filter(Boolean);
  }

  makeReasons(issue, item) {
    const words = h("input", { class: "rd-input", maxlength: 500, dataset: { part: "own-words" }, "aria-label": t("dismiss_own_words"), placeholder: t("dismiss_own_words") });
    const form = h("form", { class: "rd-own-words", hidden: true }, words, h("button", { class: "rd-button rd-small", text: t("dismiss_now") }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.dismiss(issue, "other", words.value);
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      form.hidden = true;
      this.reasons(item).hidden = true;
      this.focus(item);
    });
    const choices = REASONS.map((reason, index) =>
      h("button", {
        type: "button",
        class: "rd-button rd-small",
        dataset: { reason },
        text: `${index + 1} ${t(`dismiss_${reason}`)}`,
        onclick: () => this.choose(issue, form, reason),
      }),
    );
    return h("div", { class: "rd-reasons", dataset: { part: "reasons" }, hidden: true }, ...choices, form);
  }

  reasons(item) {
    return part(item, "reasons");
  }

  choose(issue, form, reason) {
    if (reason !== "other") {
      this.dismiss(issue, reason);
      return;
    }
    form.closest("[data-part=reasons]").hidden = false;
    form.hidden = false;
    part(form, "own-words").focus();
  }

  /** Whether the words that it is about are those that were checked. */
  stands(issue) {
    return [issue.sentence_id, ...issue.at.map((pointer) => pointer.sentence_id)].every((id) => {
      if (!id) return true;
      const now = this.pane.document?.find(id)?.sentence;
      const then = this.checked.get(id);
      return now && then && now.zh.trim() === then.zh.trim() && now.en.trim() === then.en.trim();
    });
  }

  /** Where the first pointer's words are now, or null: nothing is changed that was not checked. */
  change(issue) {
    if (issue.mend === null || !issue.at.length) return null;
    return this.place(issue.at[0]);
  }

  place(pointer) {
    const now = this.pane.document?.find(pointer.sentence_id)?.sentence;
    if (!now) return null;
    return spanOf(pointer, this.checked.get(pointer.sentence_id)?.[pointer.lang], now[pointer.lang]);
  }

  /** The first pointer to another sentence than its own, or to the other language. */
  other(issue) {
    const own = issue.at[0];
    return issue.at.find(
      (pointer) => pointer.sentence_id !== issue.sentence_id || (own && pointer.sentence_id === own.sentence_id && pointer.lang !== own.lang),
    );
  }

  placeName(issue) {
    const pointer = this.other(issue);
    const found = pointer && this.pane.document?.find(pointer.sentence_id);
    if (!found) return "";
    return t("sentence_label", { section: t(found.section), n: found.index + 1, lang: t(`lang_${pointer.lang}`) });
  }

  /** Everything to step through, in reading order: warnings, and marks of the image's support. */
  get stops() {
    return [...this.root.querySelectorAll(".rd-warning, .rd-sentence[data-support=missing] [data-part=keep]")].filter(
      (stop) => stop.checkVisibility(),
    );
  }

  /** Focus the next warning (1) or the one before (-1), seen from where the cursor is. */
  step(by) {
    const { stops } = this;
    if (!stops.length) return;
    const here = document.activeElement;
    if (here?.matches?.(".rd-text")) this.from = here;
    const side = by > 0 ? Node.DOCUMENT_POSITION_FOLLOWING : Node.DOCUMENT_POSITION_PRECEDING;
    const inside = here?.closest?.(".rd-sentence, .rd-warning");
    const beyond = stops.filter((stop) => stop !== inside && inside && inside.compareDocumentPosition(stop) & side && !stop.contains(here));
    const next = by > 0 ? (beyond[0] ?? stops[0]) : (beyond.at(-1) ?? stops.at(-1));
    this.focus(next);
  }

  focus(stop) {
    stop.focus({ preventScroll: true });
    stop.scrollIntoView({ block: "nearest" });
  }

  /** Focus the first that keeps the report from being signed. */
  focusBlock() {
    const block = this.stops.find((stop) => stop.dataset.severity === "block" || stop.dataset.part === "keep");
    if (block) this.focus(block);
  }

  point(item, on) {
    this.pane.editor.point(on ? item.dataset.key : null);
  }

  key(event, item) {
    if (event.target !== item || event.ctrlKey || event.metaKey || event.altKey) return;
    const { issue } = item;
    const reason = REASONS[Number(event.key) - 1];
    const readOnly = !this.pane.autosave;
    const actions = {
      m: () => !readOnly && this.mend(issue),
      j: () => this.jump(issue),
      Enter: () => this.select(issue.at[0] ?? { sentence_id: issue.sentence_id, lang: issue.lang ?? "zh" }),
      Escape: () => (this.from?.isConnected ? this.from.focus() : item.blur()),
    };
    const action = reason && issue.dismissible && !readOnly ? () => this.choose(issue, this.reasons(item).querySelector("form"), reason) : actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  jump(issue) {
    const pointer = this.other(issue);
    if (pointer) this.select(pointer);
  }

  /** Put the cursor on a pointer's words. */
  select(pointer) {
    if (!pointer.sentence_id) return;
    const span = pointer.end !== undefined && this.place(pointer);
    this.pane.editor.select(pointer.sentence_id, pointer.lang, span ? span.start : null, span ? span.end : null);
  }

  /** Put the mend in place of the first pointer's words; that is an edit like any other. */
  mend(issue) {
    const span = this.change(issue);
    if (!span) return;
    const { sentence_id: id, lang } = issue.at[0];
    const before = this.pane.document.find(id).sentence[lang];
    const put = (text) => {
      if (!this.pane.document.find(id)) return;
      this.pane.document.edit(id, lang, text);
      this.pane.editor.render();
    };
    put(before.slice(0, span.start) + issue.mend + before.slice(span.end));
    this.pane.bar.offer(t("mended"), () => put(before));
  }

  /** Dismiss a warning of what is saved; what is not saved yet is saved first. */
  async dismiss(issue, reason, text = "") {
    const { stops } = this;
    const next = stops[stops.findIndex((stop) => stop.dataset.key === issue.key) + 1];
    const done = await this.say("dismissals", { key: issue.key, reason, text });
    if (!done) return;
    this.pane.bar.offer(t("dismissed"), () => this.restore(issue));
    const following = next?.isConnected ? next : this.stops[0];
    if (following) this.focus(following);
  }

  restore(issue) {
    return this.say("dismissals/restore", { key: issue.key });
  }

  async say(path, body) {
    const { autosave, bar } = this.pane;
    await autosave?.flush();
    if (!autosave || autosave.dirty) {
      bar.tell(t("dismiss_after_saving"));
      return false;
    }
    try {
      const base_revision = autosave.base.revision;
      const answer = await send("POST", `/cases/${state.caseId}/${path}`, { base_revision, ...body });
      this.set(answer.issues, autosave.base.report);
      this.pane.render();
    } catch (error) {
      bar.tell(error instanceof ApiError ? error.sentence : t("unreachable"));
      await refresh(true);
      return false;
    }
    // The other panes' view follows.
    refresh(true);
    return true;
  }

  /** The list of the whole report, the dismissed ones, and the numbers beside Sign. */
  render(silent, readOnly) {
    const whole = silent ? [] : this.open.filter((issue) => !issue.sentence_id);
    arrange(part(this.root, "report-issues"), this.itemsOf(whole, readOnly));
    this.renderDismissed(silent, readOnly);
    const counted = part(this.root, "open-warnings");
    const open = silent ? [] : this.open;
    counted.hidden = !open.length;
    const numbers = KINDS.map((kind) => [kind, open.filter((issue) => issue.severity === kind).length]).filter(([, n]) => n);
    const version = JSON.stringify([language(), numbers]);
    if (counted.version === version) return;
    counted.version = version;
    counted.title = t("open_warnings_hint");
    counted.setAttribute("aria-label", numbers.map(([kind, n]) => `${t(`severity_${kind}`)} ${n}`).join(", "));
    counted.replaceChildren(
      ...numbers.map(([kind, n]) => h("span", { class: "rd-count", dataset: { severity: kind }, text: `${SIGNS[kind]} ${n}` })),
      h("span", { text: t("open_warnings", { n: open.length }) }),
    );
  }

  renderDismissed(silent, readOnly) {
    const gone = silent ? [] : this.all.filter((issue) => issue.dismissed);
    const box = part(this.root, "dismissed");
    box.hidden = !gone.length;
    setText(part(box, "dismissed-title"), t("dismissed_number", { n: gone.length }));
    const version = JSON.stringify([language(), readOnly, gone.map(({ key, dismissed: { reason, text, by } }) => [key, reason, text, by])]);
    if (box.version === version) return;
    box.version = version;
    const line = (issue) => {
      const { reason, text, by } = issue.dismissed;
      const why = t("dismissed_by", { name: by, reason: text || t(`dismiss_${reason}`) });
      const back = readOnly ? null : h("button", { type: "button", class: "rd-link", text: t("undo"), onclick: () => this.restore(issue) });
      return h("li", {}, h("span", { text: said(issue) }), h("span", { class: "rd-dim", text: why }), back);
    };
    part(box, "dismissed-list").replaceChildren(...gone.map(line));
  }
}

function said(issue) {
  return pick({ zh: issue.message_zh, en: issue.message_en });
}

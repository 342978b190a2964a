// Left pane: the studies, what state they are in, and moving between them.

import { alarmed, renderAlarm } from "/ui/alarm.js";
import { ApiError, getChanged, send } from "/ui/api.js";
import { arrange, h, part, setText } from "/ui/dom.js";
import { Filters } from "/ui/filters.js";
import { bodyPart, number, onLanguage, personName, ready, since, t, translate } from "/ui/i18n.js";
import { keysHint, mountKeys } from "/ui/keyhelp.js";
import { bind } from "/ui/keys.js";
import { heard, others } from "/ui/presence.js";
import { hasOpen } from "/ui/presencestrip.js";
import { may, signedIn } from "/ui/session.js";
import { emit, on, state } from "/ui/state.js";
import { open, remembered } from "/ui/study.js";
import { isLate, limitText, renderLate } from "/ui/turnround.js";
import { discard, textOf, unsavedStudies } from "/ui/unsaved.js";
import { attachUpload } from "/ui/upload.js";

const POLL_MS = 3000;
/** A search is asked again more seldom: it is counted each time, after its lines are there. */
const SEARCH_POLL_MS = 15000;
/** From the last key until what was typed is searched for. */
const TYPING_MS = 250;
/** Priorities that a line says: what is routine, or not known, says nothing. */
const URGENT = ["stat", "emergency", "inpatient"];
/** Stages that stand beside the search; the head's count of late studies is another one. */
const NAMED = ["all", "todo", "review", "drafting", "signed"];

/** Bring the worklist in `root` to life. */
export async function mount(root) {
  await Promise.all([ready, signedIn]);
  if (!may("read_signed")) {
    root.replaceChildren();
    return;
  }
  const list = new Worklist(root);
  translate(root);
  onLanguage(() => {
    translate(root);
    list.filters.render();
    list.render();
  });
  if (may("intake")) attachUpload(part(root, "upload"), part(root, "file"));
  else for (const name of ["upload", "file"]) part(root, name).remove();
  for (const event of ["opening", "presence", "unsaved"]) on(event, () => list.render());
  for (const event of ["saved", "saved_elsewhere", "uploaded", "signed"]) on(event, () => list.poll());
  on("filters", (stage) => list.choose(stage ?? list.stage));
  on("keep_view", (name) => list.filters.keep(name, list.stage));
  on("columns", () => list.render());
  mountKeys(part(root, "keys"));
  for (const name of ["report", "sign"]) part(root, `to-${name}`).addEventListener("click", () => emit("go_to", name));
  bind("study.next", () => void list.step(1));
  bind("study.previous", () => void list.step(-1));
  bind("list.next", () => void list.step(1));
  bind("list.previous", () => void list.step(-1));
  bind("list.search", () => list.search.focus());
  bind("study.skip", () => void list.goOn());
  on("go_on", () => list.goOn());
  await Promise.all([list.filters.columns.load(), list.poll()]);
}

/** Where a study stands: the report's state once a person has touched it, else the case's. */
export function phase(row) {
  return [null, "drafted"].includes(row.report_state) ? row.state : row.report_state;
}

class Worklist {
  constructor(root) {
    this.root = root;
    this.list = part(root, "list");
    this.empty = part(root, "empty");
    this.search = part(root, "search");
    this.rows = [];
    this.unreadable = [];
    this.unreadable_alerts = [];
    this.open_alerts = [];
    this.inquiries = { studies: 0, mine: 0 };
    this.near = 0;
    this.over = 0;
    /** Null while a search is not counted yet. */
    this.total = 0;
    this.countedOf = "";
    this.stages = {};
    this.next = null;
    this.items = new Map();
    this.stage = "all";
    this.searched = "";
    /** Where each page up to this one begins: the place after which it stands, and its first line's number. */
    this.pages = [{ after: "", start: 0 }];
    this.loaded = false;
    this.refusal = "";
    this.asking = 0;
    /** What stands behind the open study in the page, or stood there while it still waited. */
    this.following = new Set();
    /** Whether there is anything but signed reports to list. */
    this.whole = may("read_unsigned");
    this.filters = new Filters(part(root, "asked"), part(root, "more"));
    this.search.addEventListener("input", () => this.typed());
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.find();
      if (event.key !== "Escape") return;
      this.search.value = "";
      this.search.blur();
      this.find();
    });
    this.buttons = NAMED.map((name) =>
      h("button", { type: "button", class: "rd-filter", dataset: { filter: name }, onclick: () => this.choose(name) }),
    );
    part(root, "late").addEventListener("click", () => this.choose(this.stage === "late" ? "all" : "late"));
    part(root, "asked-line").addEventListener("click", () => this.filters.ask({ asked: !this.filters.asked.asked }));
    part(root, "filters").append(...this.buttons);
    part(root, "filters").hidden = !this.whole;
    part(root, "previous").addEventListener("click", () => this.turn(-1));
    part(root, "next").addEventListener("click", () => this.turn(1));
  }

  typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.find(), TYPING_MS);
  }

  find() {
    clearTimeout(this.typing);
    const text = this.search.value.trim();
    if (text === this.searched) return;
    this.searched = text;
    this.first();
  }

  choose(stage) {
    this.stage = stage;
    this.first();
  }

  /** List from the beginning. */
  first() {
    this.pages = [{ after: "", start: 0 }];
    return this.poll({ fresh: true });
  }

  /** The next page or the one before; whether there is one. */
  async turn(by) {
    const { start } = this.pages.at(-1);
    if (by > 0 && this.next) this.pages.push({ after: this.next, start: start + this.rows.length });
    else if (by < 0 && this.pages.length > 1) this.pages.pop();
    else return false;
    await this.poll({ fresh: true });
    this.list.scrollTop = 0;
    return true;
  }

  async poll({ fresh = false } = {}) {
    clearTimeout(this.timer);
    const mine = ++this.asking;
    try {
      const answer = await this.ask(fresh);
      // Of two answers the one asked for later counts.
      if (mine !== this.asking) return;
      emit("online", true);
      if (answer) Object.assign(this, this.searched ? this.beside(answer) : answer);
      this.loaded = true;
      this.refusal = "";
      // All of a page was signed meanwhile: there is one before it.
      if (!this.rows.length && this.pages.length > 1) return void this.turn(-1);
      this.render();
      if (!state.caseId) this.openFirst();
      if (this.searched && !(await this.count(mine))) return;
    } catch (error) {
      if (mine !== this.asking) return;
      const known = error instanceof ApiError && !error.passing;
      emit("online", known);
      this.refusal = known ? error.sentence : "";
      this.render();
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), this.searched ? SEARCH_POLL_MS : POLL_MS);
  }

  /** A page; null where it is what the last call got. What is searched for stands in no address. */
  ask(fresh) {
    const { search, ...asked } = this.asked;
    const { after } = this.pages.at(-1);
    if (after) asked.after = after;
    if (search) return send("POST", "/worklist/search", { ...asked, search, part: "lines" });
    return getChanged(`/worklist?${new URLSearchParams(asked)}`, { fresh });
  }

  /** How much a search found in all; whether that is still asked for when it is known. */
  async count(mine) {
    const asked = this.asked;
    const counts = await send("POST", "/worklist/search", { ...asked, part: "counts" });
    if (mine !== this.asking) return false;
    Object.assign(this, counts, { countedOf: JSON.stringify(asked) });
    this.render();
    return true;
  }

  /** The lines of a search, beside what was counted of the same before. */
  beside(answer) {
    if (this.countedOf !== JSON.stringify(this.asked)) return answer;
    const { total, near, over, stages } = this;
    return { ...answer, total, near, over, stages };
  }

  /** What is searched for, on whichever page. */
  get asked() {
    return { ...this.filters.parameters, stage: this.stage, search: this.searched };
  }

  async openFirst() {
    // What somebody is on is not opened for another who asked for none.
    await heard;
    if (state.caseId) return;
    const known = remembered();
    const here = this.rows.find((row) => row.case_id === known);
    // It may stand on another page.
    if (known && (here || this.next)) return void open(known);
    const waiting = this.rows.filter((row) => !["received", "drafting", "signed"].includes(phase(row)));
    const first = waiting.find((row) => !others(row.case_id).length) ?? waiting[0] ?? this.rows[0];
    if (first) open(first.case_id);
  }

  render() {
    const now = Date.now();
    const focus = this.list.contains(document.activeElement) ? document.activeElement : null;
    arrange(this.list, this.rows.map((row) => this.item(row, now)));
    // Moving an element takes the focus from it.
    if (focus?.isConnected && document.activeElement !== focus) focus.focus({ preventScroll: true });
    this.oneStop();
    keysHint(part(this.root, "hint"), "worklist_keys");
    for (const button of this.buttons) {
      const name = button.dataset.filter;
      const count = this.stages[name] ?? 0;
      setText(button, t("filter_count", { name: t(`filter_${name}`), n: this.total === null ? "…" : number(count) }));
      button.setAttribute("aria-pressed", String(name === this.stage));
      // Where nobody submits, there is no such list.
      button.hidden = name === "review" && !count && name !== this.stage;
    }
    if (this.whole) renderLate(part(this.root, "late"), this, this.stage === "late");
    if (may("alerts")) renderAlarm(part(this.root, "alarm"), this.open_alerts);
    if (this.whole) this.renderAsked();
    this.filters.renderButton();
    this.damaged();
    this.unsaved();
    const known = new Set(this.rows.map((row) => row.case_id));
    for (const id of this.items.keys()) if (!known.has(id)) this.items.delete(id);
    this.renderEmpty();
    this.renderPager();
  }

  /** The list is one stop of the Tab key: the open study, or the first line. */
  oneStop() {
    const at = this.rows.findIndex((row) => row.case_id === state.caseId);
    this.remember(at);
    this.rows.forEach((row, place) => {
      this.items.get(row.case_id).firstElementChild.tabIndex = place === Math.max(0, at) ? 0 : -1;
    });
  }

  /** A report that is signed moves to another place of the list: what it had behind it comes next all the same. */
  remember(at) {
    const row = this.rows[at];
    if (!row || (this.placed === row.case_id && !isUnread(row))) return;
    this.placed = row.case_id;
    this.following = new Set(this.rows.slice(at + 1).map(({ case_id }) => case_id));
  }

  /** How many studies wait for an answer to a clinician, whatever is listed; pressed, only those are. */
  renderAsked() {
    const button = part(this.root, "asked-line");
    const { studies, mine } = this.inquiries;
    const chosen = Boolean(this.filters.asked.asked);
    button.hidden = !studies && !chosen;
    button.dataset.mine = String(mine > 0);
    button.setAttribute("aria-pressed", String(chosen));
    setText(button, [t("inquiries_open", { n: studies }), mine ? t("inquiries_mine", { n: mine }) : ""].filter(Boolean).join(" · "));
  }

  renderEmpty() {
    const none = t(may("intake") ? "worklist_empty" : this.whole ? "worklist_none" : "worklist_none_signed");
    const asked = this.searched || this.stage !== "all" || Object.keys(this.filters.parameters).length;
    setText(this.empty, this.refusal || (this.rows.length || !this.loaded ? "" : asked ? t("nothing_matches") : none));
    this.empty.hidden = this.rows.length > 0 && !this.refusal;
  }

  renderPager() {
    const { start } = this.pages.at(-1);
    part(this.root, "pager").hidden = this.rows.length === 0;
    const last = start + this.rows.length;
    // Studies arrive and are signed while one turns pages: there are at least as many as are shown.
    const total = this.total === null ? "…" : number(Math.max(this.total, last));
    const values = { first: number(start + 1), last: number(last), total };
    setText(part(this.root, "range"), t("page_place", values));
    for (const [name, sign, dead] of [["previous", "page_back_sign", this.pages.length < 2], ["next", "page_on_sign", !this.next]]) {
      const button = part(this.root, name);
      setText(button, t(sign));
      button.disabled = dead;
    }
  }

  /** Studies and alerts whose record cannot be read are named, so that nobody takes them for not there. */
  damaged() {
    const list = part(this.root, "unreadable");
    const texts = [
      ...this.unreadable.map((id) => t("row_unreadable", { id })),
      ...this.unreadable_alerts.map((id) => t("alert_unreadable", { id })),
    ];
    list.hidden = texts.length === 0;
    const version = JSON.stringify(texts);
    if (list.dataset.version === version) return;
    list.dataset.version = version;
    list.replaceChildren(...texts.map((text) => h("li", { text })));
  }

  /** Name the studies whose text is only in this browser: they may stand on no line of this page. */
  unsaved() {
    const list = part(this.root, "kept");
    const studies = unsavedStudies();
    list.hidden = !studies.size;
    const names = [...studies].map(([id, problem]) => [id, problem, this.rows.find((row) => row.case_id === id)?.patient_name]);
    const version = JSON.stringify([document.documentElement.lang, names]);
    if (list.dataset.version === version) return;
    list.dataset.version = version;
    const line = ([id, problem, name]) =>
      h(
        "li",
        { dataset: { problem } },
        h("button", { type: "button", class: "rd-link", text: t("unsaved_open", { name: name ? personName(name) : id }), onclick: () => open(id) }),
        h("span", { text: t(`unsaved_${problem}`) }),
        ...(problem === "waiting" ? [] : [copyButton(id), h("button", { type: "button", class: "rd-link", dataset: { part: "discard-kept" }, text: t("unsaved_discard"), onclick: () => discard(id) })]),
      );
    list.replaceChildren(h("li", { text: t("unsaved_number", { n: studies.size }) }), ...names.map(line));
  }

  item(row, now) {
    let item = this.items.get(row.case_id);
    if (!item) {
      item = makeItem(row.case_id);
      this.items.set(row.case_id, item);
    }
    const where = phase(row);
    const unaided = ["failed", "not_covered"].includes(row.state) && where !== row.state;
    const chip = part(item, "chip");
    chip.dataset.phase = where;
    setText(chip, t(`phase_${where}`));
    const shows = (name, text) => (this.filters.columns.chosen.has(name) ? text : "");
    const priority = part(item, "priority");
    priority.dataset.priority = row.priority;
    setText(priority, URGENT.includes(row.priority) ? shows("priority", t(`urgent_${row.priority}`)) : "");
    setText(part(item, "modality"), shows("modality", row.modality || t("unknown_short")));
    setText(part(item, "body"), shows("body_part", bodyPart(row.body_part)));
    setText(part(item, "name"), personName(row.patient_name) || t("unknown"));
    setText(part(item, "age"), shows("age", [sex(row.patient_sex), years(row.age_years)].filter(Boolean).join(" ")));
    const waited = part(item, "since");
    setText(waited, shows("waiting", since(row.received_at, now)));
    waited.title = limitText(row);
    const late = part(item, "late");
    late.dataset.standing = waited.dataset.standing = row.standing ?? "";
    setText(late, isLate(row) ? `${t(`standing_${row.standing}`)} · ${limitText(row)}` : "");
    setText(part(item, "place"), row.reading_site ? t("read_elsewhere", row) : "");
    alarmed(part(item, "alarm"), row, now);
    const asked = row.inquiries;
    setText(part(item, "asked"), asked ? t(asked.mine ? "row_asked_mine" : "row_asked", { n: asked.number, time: since(asked.oldest, now) }) : "");
    setText(part(item, "tag"), unaided ? t("unaided") : "");
    this.filters.columns.details(part(item, "details"), row);
    onIt(part(item, "on"), others(row.case_id));
    const problem = unsavedStudies().get(row.case_id);
    part(item, "unsaved").dataset.problem = problem ?? "";
    setText(part(item, "unsaved"), problem ? t(`unsaved_${problem}`) : "");
    const here = row.case_id === state.caseId;
    item.firstElementChild.setAttribute("aria-current", String(here));
    return item;
  }

  /** The study after or before the open one; past the end of a page, that of the page there. */
  async step(by) {
    const at = this.rows.findIndex((row) => row.case_id === state.caseId);
    const past = at >= 0 && !this.rows[at + by];
    if (past && !(await this.turn(by))) return;
    const next = past ? this.rows.at(by > 0 ? 0 : -1) : this.rows[at < 0 ? 0 : at + by];
    if (next) this.goTo(next);
  }

  /** Open a study of the list; the focus goes with it where it was in the list. */
  goTo(row) {
    const within = this.list.contains(document.activeElement);
    open(row.case_id);
    const button = this.items.get(row.case_id)?.firstElementChild;
    button?.scrollIntoView({ block: "nearest" });
    if (within) button?.focus({ preventScroll: true });
  }

  /** Open the next study of the list that waits to be read, over its pages; one that nobody is on comes first. */
  async goOn() {
    const from = state.caseId;
    const behind = this.rows.findIndex((row) => this.following.has(row.case_id));
    const start = behind < 0 ? this.rows.length : behind;
    let after = this.rows.slice(start);
    for (;;) {
      const next = nextUnread(after, from) ?? (this.next ? null : nextUnread(this.rows.slice(0, start), from));
      if (next) return this.goTo(next);
      if (!(await this.turn(1))) break;
      after = this.rows;
    }
    emit("told", t("nothing_unread"));
    return undefined;
  }
}

/** A report that was signed meanwhile takes no text any more: it can be had as it is. */
function copyButton(id) {
  const button = h("button", { type: "button", class: "rd-link", text: t("unsaved_copy") });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(textOf(id));
    setText(button, t("unsaved_copied"));
  });
  return button;
}

/** Whether a report waits for somebody to read and sign it. */
function isUnread(row) {
  return !["received", "drafting", "submitted", "signed"].includes(phase(row));
}

/** The first of `rows` that waits to be read and is not `from`; one that nobody is on comes first. */
function nextUnread(rows, from) {
  const waiting = rows.filter((row) => row.case_id !== from && isUnread(row));
  return waiting.find((row) => !others(row.case_id).length) ?? waiting[0];
}

/** "M" -> its word; empty when not sent. */
export function sex(code) {
  return ["M", "F", "O"].includes(code) ? t(`sex_${code}`) : "";
}

export function years(age) {
  return age === null || age === undefined ? "" : t("years", { n: age });
}

/** Name in a line who is on its study. */
function onIt(element, people) {
  const [first, ...rest] = people;
  const name = first && (first.own ? t("presence_you") : first.name);
  setText(element, first ? [name, rest.length ? t("presence_more", { n: rest.length }) : ""].filter(Boolean).join(" ") : "");
  element.title = people.map(hasOpen).join("\n");
}

function makeItem(caseId) {
  const span = (name, className) => h("span", { class: className, dataset: { part: name } });
  return h(
    "li",
    {},
    h(
      "button",
      { type: "button", class: "rd-row", dataset: { case: caseId }, onclick: () => open(caseId) },
      h("span", { class: "rd-row-top" }, span("name", "rd-name"), span("age", "rd-dim"), span("since", "rd-since")),
      h("span", { class: "rd-row-low" }, span("chip", "rd-chip"), span("priority", "rd-priority"), span("modality", "rd-modality"), span("body", "rd-dim"), span("tag", "rd-tag"), span("on", "rd-row-on")),
      span("unsaved", "rd-row-unsaved"),
      span("asked", "rd-row-asked"),
      span("place", "rd-row-place"),
      span("details", "rd-row-details"),
      span("late", "rd-row-late"),
      h("span", { class: "rd-row-alarm", dataset: { part: "alarm" } }),
    ),
  );
}

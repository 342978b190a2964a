// Left pane: the studies, what state they are in, and moving between them.

import { alarmed, renderAlarm } from "/ui/alarm.js";
import { ApiError, getChanged } from "/ui/api.js";
import { arrange, h, isTyping, part, setText } from "/ui/dom.js";
import { has, onLanguage, personName, ready, since, t, translate } from "/ui/i18n.js";
import { may, signedIn } from "/ui/session.js";
import { emit, on, state } from "/ui/state.js";
import { open, remembered } from "/ui/study.js";
import { isLate, limitText, renderLate } from "/ui/turnround.js";
import { attachUpload } from "/ui/upload.js";

const POLL_MS = 3000;
const FILTERS = {
  all: () => true,
  todo: (row) => !["received", "drafting", "signed"].includes(phase(row)),
  review: (row) => ["submitted", "amend_submitted"].includes(phase(row)),
  drafting: (row) => ["received", "drafting"].includes(phase(row)),
  signed: (row) => phase(row) === "signed",
  late: isLate,
};
/** Filters that stand beside the search; the head's count of late studies is the other one. */
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
    list.render();
  });
  if (may("intake")) attachUpload(part(root, "upload"), part(root, "file"));
  else for (const name of ["upload", "file"]) part(root, name).remove();
  on("opening", () => list.render());
  for (const event of ["saved", "uploaded", "signed"]) on(event, () => list.poll());
  document.addEventListener("keydown", (event) => list.key(event));
  await list.poll();
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
    this.near = 0;
    this.over = 0;
    this.total = 0;
    this.cut = false;
    this.items = new Map();
    this.filter = "all";
    this.loaded = false;
    this.refusal = "";
    /** Whether there is anything but signed reports to list. */
    this.whole = may("read_unsigned");
    this.search.addEventListener("input", () => this.render());
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        this.search.value = "";
        this.search.blur();
        this.render();
      }
    });
    this.buttons = NAMED.map((name) =>
      h("button", { type: "button", class: "rd-filter", dataset: { filter: name }, onclick: () => this.choose(name) }),
    );
    part(root, "late").addEventListener("click", () => this.choose(this.filter === "late" ? "all" : "late"));
    part(root, "filters").append(...this.buttons);
    part(root, "filters").hidden = !this.whole;
  }

  choose(filter) {
    this.filter = filter;
    this.render();
  }

  async poll() {
    clearTimeout(this.timer);
    try {
      const answer = await getChanged("/worklist");
      emit("online", true);
      if (answer) Object.assign(this, answer);
      this.loaded = true;
      this.refusal = "";
      this.render();
      if (!state.caseId) this.openFirst();
    } catch (error) {
      const known = error instanceof ApiError && !error.passing;
      emit("online", known);
      this.refusal = known ? error.sentence : "";
      this.render();
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), POLL_MS);
  }

  openFirst() {
    const known = this.rows.find((row) => row.case_id === remembered());
    const first = known ?? this.rows.find(FILTERS.todo) ?? this.rows[0];
    if (first) open(first.case_id);
  }

  shown() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return this.rows.filter((row) => {
      const name = `${row.patient_name.replace(/[\^=]/g, " ")} ${row.patient_name.replace(/[\^=]/g, "")}`;
      const text = `${name} ${row.modality} ${row.body_part} ${bodyPart(row.body_part)}`.toLowerCase();
      return FILTERS[this.filter](row) && words.every((word) => text.includes(word));
    });
  }

  render() {
    const shown = this.shown();
    const now = Date.now();
    arrange(this.list, shown.map((row) => this.item(row, now)));
    for (const button of this.buttons) {
      const name = button.dataset.filter;
      const count = this.rows.filter(FILTERS[name]).length;
      setText(button, t("filter_count", { name: t(`filter_${name}`), n: count }));
      button.setAttribute("aria-pressed", String(name === this.filter));
      // Where nobody submits, there is no such list.
      button.hidden = name === "review" && !count && name !== this.filter;
    }
    if (this.whole) renderLate(part(this.root, "late"), this, this.filter === "late");
    if (may("alerts")) renderAlarm(part(this.root, "alarm"), this.rows);
    this.damaged();
    const known = new Set(this.rows.map((row) => row.case_id));
    for (const id of this.items.keys()) if (!known.has(id)) this.items.delete(id);
    const none = t(may("intake") ? "worklist_empty" : this.whole ? "worklist_none" : "worklist_none_signed");
    const note = this.rows.length ? t("nothing_matches") : none;
    setText(this.empty, this.refusal || (shown.length || !this.loaded ? "" : note));
    this.empty.hidden = shown.length > 0 && !this.refusal;
    const cut = part(this.root, "cut");
    cut.hidden = !this.cut;
    setText(cut, t("worklist_cut", { n: this.rows.length, total: this.total }));
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
    setText(part(item, "modality"), row.modality || t("unknown_short"));
    setText(part(item, "body"), bodyPart(row.body_part));
    setText(part(item, "name"), personName(row.patient_name) || t("unknown"));
    setText(part(item, "age"), [sex(row.patient_sex), years(row.age_years)].filter(Boolean).join(" "));
    const waited = part(item, "since");
    setText(waited, since(row.received_at, now));
    waited.title = limitText(row);
    const late = part(item, "late");
    late.dataset.standing = waited.dataset.standing = row.standing ?? "";
    setText(late, isLate(row) ? `${t(`standing_${row.standing}`)} · ${limitText(row)}` : "");
    alarmed(part(item, "alarm"), row, now);
    setText(part(item, "tag"), unaided ? t("unaided") : "");
    item.firstElementChild.setAttribute("aria-current", String(row.case_id === state.caseId));
    return item;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const inList = event.target instanceof Node && this.list.contains(event.target);
    if (isTyping(event.target)) return;
    if (event.key === "/") {
      event.preventDefault();
      this.search.focus();
      return;
    }
    const free = inList || event.target === document.body;
    const arrow = free && { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const step = { j: 1, k: -1, J: 1, K: -1 }[event.key] || arrow;
    if (step) {
      event.preventDefault();
      this.step(step);
    }
  }

  step(by) {
    const shown = this.shown();
    const at = shown.findIndex((row) => row.case_id === state.caseId);
    const next = shown[at < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, at + by))];
    if (!next) return;
    open(next.case_id);
    this.items.get(next.case_id)?.firstElementChild.scrollIntoView({ block: "nearest" });
  }
}

/** "M" -> its word; empty when not sent. */
export function sex(code) {
  return ["M", "F", "O"].includes(code) ? t(`sex_${code}`) : "";
}

export function years(age) {
  return age === null || age === undefined ? "" : t("years", { n: age });
}

export function bodyPart(code) {
  const key = `body_${code.toLowerCase()}`;
  return has(key) ? t(key) : code;
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
      h("span", { class: "rd-row-low" }, span("chip", "rd-chip"), span("modality", "rd-modality"), span("body", "rd-dim"), span("tag", "rd-tag")),
      span("late", "rd-row-late"),
      h("span", { class: "rd-row-alarm", dataset: { part: "alarm" } }),
    ),
  );
}

// Reading for other sites: how much waits and is read where, and the rules of each site, set by its administrator.

import { mountAccount } from "/ui/account.js";
import { getChanged, send, sentenceOf } from "/ui/api.js";
import { h, part, setText } from "/ui/dom.js";
import { formatDate, onLanguage, t, translate } from "/ui/i18n.js";
import { beginPage, fixedWords, look } from "/ui/standalone.js";

const DAYS = [1, 2, 3, 4, 5, 6, 7];
const PRIORITIES = ["stat", "emergency", "inpatient", "routine", "unknown"];
const EMPTY = { reading_site: "", modalities: [], weekdays: [], from_hour: 0, to_hour: 24, more_than: 0, priorities: [] };
let shown = { rules: [], queues: [] };

function load() {
  return look(async () => {
    shown = await getChanged("/reading", { fresh: true });
  }, draw);
}

function draw() {
  fixedWords();
  document.title = t("reading");
  drawQueues();
  part(document, "sites").replaceChildren(...shown.rules.map((held) => new SiteRules(held).element));
}

function drawQueues() {
  const head = ["site", "place", "waiting", "oldest", "signed", "median"];
  const rows = shown.queues.map((queue) => [
    queue.site,
    queue.reading_site === queue.site ? t("reading_own") : queue.reading_site,
    queue.waiting,
    queue.oldest ? formatDate(queue.oldest) : "–",
    queue.signed,
    queue.median_minutes === null ? "–" : t("reading_minutes", { n: Math.round(queue.median_minutes) }),
  ]);
  const load = new Map();
  for (const queue of shown.queues) load.set(queue.reading_site, (load.get(queue.reading_site) ?? 0) + queue.waiting);
  const number = (column) => (["waiting", "signed", "median"].includes(head[column]) ? "number" : "");
  part(document, "queues").replaceChildren(
    h("thead", {}, h("tr", {}, ...head.map((name, column) => h("th", { class: number(column), scope: "col", text: t(`reading_${name}`) })))),
    h(
      "tbody",
      {},
      ...rows.map((row, place) =>
        h("tr", { dataset: { site: shown.queues[place].site, reads: shown.queues[place].reading_site } }, ...row.map((text, column) => h("td", { class: number(column), text: String(text) }))),
      ),
      rows.length ? "" : h("tr", {}, h("td", { class: "rd-dim", colspan: head.length, text: t("reading_nothing") })),
    ),
    h(
      "tfoot",
      {},
      ...[...load].sort().map(([site, waiting]) =>
        h("tr", { dataset: { load: site } }, h("th", { scope: "row", colspan: 2, text: t("reading_load", { site }) }), h("td", { class: "number", text: String(waiting) }), h("td", { colspan: 3 })),
      ),
    ),
  );
}

class SiteRules {
  constructor(held) {
    this.held = held;
    this.list = h("div", { class: "rr-sites" });
    this.save = h("button", { type: "submit", class: "rd-button rd-primary", text: t("rule_save"), disabled: !held.damaged });
    const add = h("button", { type: "button", class: "rd-button", dataset: { part: "add" }, text: t("reading_add"), onclick: () => this.add(EMPTY) });
    const by = held.by ? t("rule_changed_by", { name: held.by, time: formatDate(held.at) }) : t("reading_unset");
    this.said = h("span", { class: held.damaged ? "rd-bad" : "rd-dim", role: "status", text: held.damaged ? t("reading_damaged") : by });
    this.element = h(
      "form",
      { class: "rr-site", dataset: { site: held.site } },
      h("h3", { text: held.site }),
      this.list,
      h("div", { class: "rr-acts" }, add, this.save, this.said),
    );
    this.list.append(...held.rules.map((rule) => this.rule(rule)));
    this.element.addEventListener("input", () => this.edited());
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.put();
    });
  }

  edited() {
    this.save.disabled = false;
  }

  add(rule) {
    const made = this.rule(rule);
    this.list.append(made);
    this.edited();
    made.querySelector("input").focus();
  }

  rule(rule) {
    const text = (name, value, hint) => labelled(name, h("input", { class: "rd-input", name, value, placeholder: hint ?? "", maxlength: 64, required: name === "reading_site" }));
    const number = (name, least, most) => labelled(name, h("input", { class: "rd-input", type: "number", name, value: rule[name], min: least, max: most, required: true }));
    const day = (value) => check("weekdays", value, t(`weekday_${value}`), rule.weekdays.includes(value));
    const priority = (value) => check("priorities", value, t(`priority_${value}`), rule.priorities.includes(value));
    const made = h(
      "fieldset",
      { class: "rr-rule" },
      text("reading_site", rule.reading_site),
      text("modalities", rule.modalities.join(", "), t("reading_any")),
      number("from_hour", 0, 23),
      number("to_hour", 1, 24),
      number("more_than", 0, 1000000),
      h("fieldset", { class: "rr-days" }, h("span", { class: "rd-dim", text: t("reading_weekdays") }), ...DAYS.map(day)),
      h("fieldset", { class: "rr-days" }, h("span", { class: "rd-dim", text: t("reading_priorities") }), ...PRIORITIES.map(priority)),
    );
    const remove = () => {
      made.remove();
      this.edited();
    };
    made.append(h("button", { type: "button", class: "rd-link", text: t("reading_remove"), onclick: remove }));
    return made;
  }

  async put() {
    this.save.disabled = true;
    const rules = [...this.list.children].map(read);
    try {
      const changed = await send("PUT", `/sites/${encodeURIComponent(this.held.site)}/reading-rules`, { base_number: this.held.number, rules });
      shown.rules = shown.rules.map((held) => (held.site === changed.site ? changed : held));
      await load();
    } catch (error) {
      setText(this.said, sentenceOf(error));
      this.said.className = "rd-bad";
      this.edited();
    }
  }
}

/** What the fields of one rule say. */
function read(rule) {
  const field = (name) => rule.querySelector(`[name=${name}]`).value.trim();
  const checked = (name) => [...rule.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);
  return {
    reading_site: field("reading_site"),
    modalities: field("modalities").split(/[\s,\uff0c\u3001]+/).filter(Boolean),
    weekdays: checked("weekdays").map(Number),
    from_hour: Number(field("from_hour")),
    to_hour: Number(field("to_hour")),
    more_than: Number(field("more_than")),
    priorities: checked("priorities"),
  };
}

function labelled(name, input) {
  return h("label", {}, h("span", { class: "rd-dim", text: t(`reading_${name}`) }), input);
}

function check(name, value, text, checked) {
  return h("label", {}, h("input", { type: "checkbox", name, value, checked }), h("span", { text }));
}

await beginPage();
translate(document);
await mountAccount(document);
onLanguage(draw);
draw();
await load();

// The page of open critical-value alerts: what waits, for how long, and the next step of each.

import { mountAccount } from "/ui/account.js";
import { findingName, isOverdue, timeLeft } from "/ui/alarm.js";
import { takeStep } from "/ui/alertstep.js";
import { ApiError, getChanged } from "/ui/api.js";
import { arrange, h, part, setText } from "/ui/dom.js";
import { formatDate, has, language, onLanguage, personNames, pick, t, translate } from "/ui/i18n.js";
import { keepsUnsaved } from "/ui/session.js";
import { beginPage, fixedWords } from "/ui/standalone.js";

const POLL_MS = 3000;
const items = new Map();
let shown = { alerts: [], unreadable: [] };
let loaded = false;
let timer = 0;

async function poll() {
  clearTimeout(timer);
  try {
    shown = (await getChanged("/alerts")) ?? shown;
    loaded = true;
    setText(part(document, "offline"), "");
  } catch (error) {
    const known = error instanceof ApiError && !error.passing;
    setText(part(document, "offline"), known ? error.sentence : t("alerts_stale"));
  }
  render();
  timer = setTimeout(poll, POLL_MS);
}

function render() {
  fixedWords();
  const now = Date.now();
  const { alerts, unreadable } = shown;
  const overdue = alerts.filter((alert) => isOverdue(alert, now)).length;
  const counts = [t("alerts_open", { n: alerts.length }), overdue ? t("alerts_overdue", { n: overdue }) : ""];
  const count = counts.filter(Boolean).join(" · ");
  setText(part(document, "count"), loaded && alerts.length ? count : "");
  document.title = alerts.length ? `(${alerts.length}) ${t("alerts_title")}` : t("alerts_title");
  const damaged = part(document, "unreadable");
  damaged.hidden = unreadable.length === 0;
  damaged.replaceChildren(...unreadable.map((id) => h("li", { text: t("alert_unreadable", { id }) })));
  const known = new Set(alerts.map((alert) => alert.alert_id));
  for (const id of items.keys()) if (!known.has(id)) items.delete(id);
  arrange(part(document, "list"), alerts.map((alert) => itemOf(alert).update(alert, now)));
  const empty = part(document, "empty");
  empty.hidden = !loaded || alerts.length + unreadable.length > 0;
  setText(empty, t("alerts_none"));
}

function itemOf(alert) {
  if (!items.has(alert.alert_id)) items.set(alert.alert_id, new Item());
  return items.get(alert.alert_id);
}

class Item {
  constructor() {
    this.told = null;
    this.time = h("p", { class: "al-time" });
    this.level = h("p", { class: "al-level" });
    this.what = h("div", { class: "al-what" });
    this.who = h("div", { class: "al-who" });
    this.state = h("div", { class: "al-state" });
    this.acts = h("div", { class: "al-next" });
    this.form = h("div", { class: "al-form-place" });
    this.history = h("details", { class: "al-history" });
    this.element = h("li", { class: "al-item" }, h("div", { class: "al-clock" }, this.time, this.level), this.what, this.who, this.state, this.acts, this.form, this.history);
  }

  update(alert, now) {
    this.element.dataset.overdue = String(isOverdue(alert, now));
    this.element.dataset.alert = alert.alert_id;
    setText(this.time, timeLeft(alert, now));
    const version = JSON.stringify([language(), alert]);
    if (version !== this.told) {
      this.told = version;
      this.draw(alert);
    }
    return this.element;
  }

  draw(alert) {
    setText(this.level, alert.escalated_to ? t("escalated_to", { name: pick(alert.escalated_to) }) : "");
    const stated = alert.events.filter((event) => ["find", "return", "reopen"].includes(event.move) && event.text).at(-1);
    this.what.replaceChildren(
      h("strong", { text: findingName(alert) }),
      stated && h("p", { class: "al-said", text: stated.text }),
      alert.in_report ? "" : h("p", { class: "rd-warn", text: t("alert_not_in_report") }),
    );
    this.who.replaceChildren(...patient(alert));
    this.state.replaceChildren(
      h("span", { class: "al-chip", text: t(`alert_${alert.state}`) }),
      h("p", { class: "rd-dim", text: t("found_by", { name: alert.finder, time: formatDate(alert.opened_at) }) }),
      told(alert),
    );
    const others = alert.moves.filter((move) => move !== alert.next && !(move === "confirm" && !alert.second_person));
    this.acts.replaceChildren(
      alert.next ? this.act(alert, alert.next, "rd-button rd-primary") : "",
      h("div", { class: "al-others" }, ...others.map((move) => this.act(alert, move, "rd-link"))),
    );
    const open = this.history.open;
    this.history.replaceChildren(h("summary", { text: t("alert_history", { n: alert.events.length }) }), h("ol", {}, ...alert.events.map(eventLine)));
    this.history.open = open;
  }

  act(alert, move, style) {
    const text = ["notified", "read_back"].includes(alert.state) && move === "notify" ? t("move_notify_again") : t(`ask_${move}`);
    return h("button", { type: "button", class: style, dataset: { move }, text, onclick: () => this.take(alert, move) });
  }

  async take(alert, move) {
    const after = await takeStep(this.form, alert, move);
    this.acts.querySelector("button")?.focus();
    if (after) await poll();
  }
}

function patient(alert) {
  const { patient: who, study } = alert;
  const examined = study ? [study.modality, bodyPart(study.body_part)].filter(Boolean).join(" ") : "";
  const link = h("a", { class: "rd-link", href: `/#${alert.case_id}`, text: t("alert_open_study") });
  if (!who) return [h("strong", { text: t("identity_unreadable") }), h("p", { class: "rd-dim", text: examined }), link];
  const sex = has(`sex_${who.sex}`) ? t(`sex_${who.sex}`) : "";
  const age = who.age_years === null ? "" : t("years", { n: who.age_years });
  return [
    h("strong", { text: personNames(who.name).join(" ") || t("unknown") }),
    h("p", { class: "rd-dim", text: [sex, age, who.id].filter(Boolean).join(" · ") }),
    h("p", { class: "rd-dim" }, h("span", { text: [examined, who.accession].filter(Boolean).join(" · ") }), " ", link),
  ];
}

function bodyPart(code) {
  const key = `body_${code.toLowerCase()}`;
  return has(key) ? t(key) : code;
}

/** Who was notified last, by whom, how and when. */
function told(alert) {
  const event = alert.events.filter(({ move }) => move === "notify").at(-1);
  if (!event) return "";
  const { recipient, actor: name, at } = event;
  return h("p", { class: "rd-dim", text: t("told_whom", { recipient, channel: t(`channel_${event.channel}`), name, time: formatDate(at) }) });
}

function eventLine(event) {
  const whom = event.recipient ? t("event_whom", { recipient: event.recipient, channel: t(`channel_${event.channel}`) }) : "";
  const level = event.level ? t("event_level", { n: event.level }) : "";
  return h(
    "li",
    {},
    h("time", { text: formatDate(event.at) }),
    h("span", { text: [t(`event_${event.move}`), level, whom, event.actor].filter(Boolean).join(" · ") }),
    event.text ? h("q", { text: event.text }) : "",
  );
}

await beginPage();
onLanguage(() => {
  // Words of a form are those of the language it was opened in: what is typed in it stays.
  for (const item of items.values()) item.told = null;
  render();
});
translate(document);
keepsUnsaved(() => document.querySelector(".al-form") !== null);
await mountAccount(document);
await poll();

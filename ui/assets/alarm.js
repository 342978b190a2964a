// Critical findings on the worklist: in a draft that nobody has confirmed, and as open alerts.

import { arrange, h, setText } from "/ui/dom.js";
import { pick, t } from "/ui/i18n.js";
import { minutes } from "/ui/turnround.js";

/** Fill `element` with what a line of the worklist has to say of critical findings. */
export function alarmed(element, row, now) {
  const lines = [
    ...row.alerts.map((alert) => [isOverdue(alert, now) ? "overdue" : "open", alertLine(alert, now)]),
    ...inDraft(row.critical).map((text) => ["draft", text]),
  ];
  const kept = [...element.children];
  arrange(element, lines.map((_, place) => kept[place] ?? h("span", { class: "rd-alarm-line" })));
  lines.forEach(([kind, text], place) => {
    const line = element.children[place];
    line.dataset.kind = kind;
    setText(line, text);
  });
}

/** How many alerts are open, whatever is listed, and how many of them past their time; leads to their page. */
export function renderAlarm(link, alerts) {
  const overdue = alerts.filter((alert) => isOverdue(alert, Date.now())).length;
  link.hidden = alerts.length === 0;
  link.dataset.kind = overdue ? "overdue" : "open";
  const counts = [t("alerts_open", { n: alerts.length }), overdue ? t("alerts_overdue", { n: overdue }) : ""];
  setText(link, counts.filter(Boolean).join(" · "));
}

/** One line for the critical findings of a draft, or none. */
export function inDraft(findings) {
  if (!findings.length) return [];
  return [t("critical_in_draft", { finding: findings.map((finding) => pick(finding)).join(t("list_comma")) })];
}

/** The finding with its side: "Pneumothorax, left", with a word where it is only suspected. */
export function findingName(alert) {
  const name = pick(alert.finding);
  const sided = alert.side ? t("finding_side", { name, side: t(`side_${alert.side}`) }) : name;
  return alert.certainty === "uncertain" ? t("finding_suspected", { name: sided }) : sided;
}

/** "12 min left", "overdue for 3 min"; empty where nothing is waited for. */
export function timeLeft(alert, now) {
  if (!alert.deadline_at) return "";
  const left = (new Date(alert.deadline_at) - now) / 60000;
  if (!isOverdue(alert, now)) return t("time_left", { time: minutes(Math.max(1, Math.ceil(left))) });
  return left > 0 ? t("time_overdue") : t("time_overdue_for", { time: minutes(Math.floor(-left)) });
}

/** Whether its time has passed; once escalated it stays so, whatever the clocks say. */
export function isOverdue(alert, now) {
  return alert.level > 0 || (Boolean(alert.deadline_at) && now >= new Date(alert.deadline_at));
}

function alertLine(alert, now) {
  return [findingName(alert), t(`alert_${alert.state}`), timeLeft(alert, now)].filter(Boolean).join(" · ");
}

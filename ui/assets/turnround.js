// Turn-round: how long a study has waited for its signature, against the site's limit.

import { setText } from "/ui/dom.js";
import { t } from "/ui/i18n.js";

/** Whether a line of the worklist is near its limit or over it. */
export function isLate(row) {
  return row.standing === "near" || row.standing === "over";
}

/** The limit that a line is counted against, and what is known of its priority; empty once signed. */
export function limitText(row) {
  if (row.limit_minutes === null) return "";
  const priority = t(`priority_${row.priority}`);
  return t("limit_of", { limit: minutes(row.limit_minutes), priority });
}

/** How many studies are over their limit and near it, as the service counts all of them. */
export function renderLate(button, { over, near }, chosen) {
  button.hidden = over + near === 0 && !chosen;
  button.dataset.standing = over ? "over" : "near";
  button.setAttribute("aria-pressed", String(chosen));
  const counts = [over ? t("late_over", { n: over }) : "", near ? t("late_near", { n: near }) : ""];
  setText(button, counts.filter(Boolean).join(" · ") || t("late_none"));
}

/** "45 min", "24 h", "1 h 30 min". */
export function minutes(count) {
  const hours = Math.floor(count / 60);
  const rest = count % 60;
  const pieces = [hours ? t("age_hours", { n: hours }) : "", rest || !hours ? t("age_minutes", { n: rest }) : ""];
  return pieces.filter(Boolean).join(" ");
}

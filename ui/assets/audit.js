// The audit: what was done, by whom, when; searched on the server, newest first.

import { mountAccount } from "/ui/account.js";
import { getChanged, sentenceOf } from "/ui/api.js";
import { h, part, setText } from "/ui/dom.js";
import { formatDate, onLanguage, t } from "/ui/i18n.js";
import { beginPage, fixedWords } from "/ui/standalone.js";

const KINDS = [
  "log_in", "log_out", "unlock", "confirm", "view", "search", "write", "review", "presence", "sign", "amend", "question", "alert", "intake", "export",
  "outbox", "patient", "retention", "access", "account", "token", "study_link", "roles", "sessions_ended", "configuration", "adapter", "audit_read", "began", "resealed", "damaged", "start", "stop",
];
const OUTCOMES = ["done", "refused", "failed"];
const form = part(document, "query");
const rows = part(document, "rows");
const older = part(document, "older");
let found = [];
let asked = 0;

await beginPage();
form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
for (const field of form.querySelectorAll("select, input[type=date]")) field.addEventListener("change", () => search());
older.addEventListener("click", () => search(found.at(-1)?.sequence));
words();
await mountAccount(document);
onLanguage(() => {
  words();
  draw();
});
await search();

/** What is on the page in the chosen language. */
function words() {
  fixedWords();
  document.title = t("audit_title");
  choices(part(document, "kind"), KINDS, "audit_kind_");
  choices(part(document, "outcome"), OUTCOMES, "audit_outcome_");
}

function choices(select, values, prefix) {
  const chosen = select.value;
  const any = h("option", { value: "", text: t("audit_any") });
  select.replaceChildren(any, ...values.map((value) => h("option", { value, text: t(`${prefix}${value}`) })));
  select.value = chosen;
}

/** Ask for what the form says; `before`: for the next page of it. Only the newest question's answer is shown. */
async function search(before) {
  const number = ++asked;
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  part(document, "csv").href = `/api/audit.csv?${query}`;
  if (before) query.set("before", before);
  setText(part(document, "state"), t("audit_loading"));
  const answer = await answered(query);
  if (number !== asked) return;
  if (answer.problem) {
    setText(part(document, "state"), answer.problem);
    return;
  }
  found = before ? [...found, ...answer.entries] : answer.entries;
  older.hidden = !answer.more;
  part(document, "unsent").hidden = !answer.unsent;
  setText(part(document, "unsent"), answer.unsent ? t("audit_unsent", { n: answer.unsent }) : "");
  draw();
}

async function answered(query) {
  try {
    return await getChanged(`/audit?${query}`, { fresh: true });
  } catch (error) {
    return { problem: sentenceOf(error, "trend_failed") };
  }
}

function draw() {
  setText(part(document, "state"), found.length ? "" : t("audit_nothing"));
  part(document, "table").hidden = !found.length;
  rows.replaceChildren(...found.map(row));
}

function row(entry) {
  const seconds = String(new Date(entry.at).getSeconds()).padStart(2, "0");
  return h(
    "tr",
    { dataset: { outcome: entry.outcome } },
    h("td", { class: "at", text: `${formatDate(entry.at)}:${seconds}`, title: entry.at }),
    h("td", { text: entry.name || t("audit_nobody"), title: entry.account_id ?? "" }),
    h("td", { text: t(`audit_kind_${entry.kind}`) }),
    h("td", { class: "outcome", text: t(`audit_outcome_${entry.outcome}`) }, entry.code ? h("small", { text: ` ${entry.code}` }) : null),
    h("td", { class: "id", text: entry.case_id ?? "" }),
    h("td", { text: entry.site }),
    h("td", { text: entry.address }),
    h("td", { class: "details", text: entry.details }),
    h("td", { class: "num", text: String(entry.sequence), title: entry.head }),
  );
}

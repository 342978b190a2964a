// The register of critical values between two days: drawn by the server, printed as it stands.

import { mountAccount } from "/ui/account.js";
import { getChanged, sentenceOf } from "/ui/api.js";
import { part, setText } from "/ui/dom.js";
import { onLanguage, pick, t, translate } from "/ui/i18n.js";
import { beginPage, fixedWords } from "/ui/standalone.js";

const DAYS = 30;
const first = part(document, "first");
const last = part(document, "last");
let asked = 0;

await beginPage();
const today = new Date();
last.value = day(today);
first.value = day(new Date(today.getFullYear(), today.getMonth(), today.getDate() - DAYS + 1));
for (const field of [first, last]) field.addEventListener("change", show);
part(document, "days").addEventListener("submit", (event) => event.preventDefault());
part(document, "print").addEventListener("click", () => window.print());
translate(document);
await mountAccount(document);
onLanguage(show);
await show();

/** Ask for the chosen days in the chosen language; only the newest question's answer is shown. */
async function show() {
  const number = ++asked;
  fixedWords();
  document.title = t("register");
  if (!first.value || !last.value) return;
  const query = new URLSearchParams({ first: first.value, last: last.value, lang: pick({ zh: "zh", en: "en" }) });
  part(document, "csv").href = `/api/alerts/register.csv?${query}`;
  setText(part(document, "state"), t("register_loading"));
  const found = await answer(query);
  if (number !== asked) return;
  setText(part(document, "state"), found.problem ?? "");
  // Markup of our own server, which escapes every value in it.
  part(document, "body").innerHTML = found.html ?? "";
}

async function answer(query) {
  try {
    return await getChanged(`/alerts/register?${query}`, { fresh: true });
  } catch (error) {
    return { problem: sentenceOf(error, "trend_failed") };
  }
}

/** A day as an input of dates takes it, by the clock of this machine. */
function day(date) {
  const two = (n) => String(n).padStart(2, "0");
  return [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
}

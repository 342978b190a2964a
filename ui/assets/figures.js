// The trend and the quality page: one site's figures and charts, drawn by the server in the reader's
// language. Both are this page; its path names which.

import { mountAccount } from "/ui/account.js";
import { getChanged, sentenceOf } from "/ui/api.js";
import { part, setText } from "/ui/dom.js";
import { onLanguage, pick, t, translate } from "/ui/i18n.js";
import { beginPage, fixedWords } from "/ui/standalone.js";

const shown = location.pathname.slice(1);
let site = null;
let asked = 0;

await beginPage();
part(document, "site").addEventListener("change", (event) => {
  site = event.target.value;
  show();
});
translate(document);
// The page that is open leads not to itself.
document.querySelector(`[data-page="${shown}"]`)?.remove();
await mountAccount(document);
onLanguage(show);
await show();

/** Ask for the chosen site in the chosen language; only the newest question's answer is shown. */
async function show() {
  const number = ++asked;
  fixedWords();
  document.title = t(shown);
  setText(part(document, "state"), t("trend_loading"));
  const query = new URLSearchParams({ lang: pick({ zh: "zh", en: "en" }) });
  if (site !== null) query.set("site", site);
  const found = await answer(query);
  if (number !== asked) return;
  if (found.problem !== undefined) {
    setText(part(document, "state"), found.problem);
    return;
  }
  setText(part(document, "state"), "");
  site = found.site;
  choices(found.sites);
  // Markup of our own server, which escapes every value in it.
  part(document, "body").innerHTML = found.html;
}

async function answer(query) {
  try {
    return await getChanged(`/${shown}?${query}`, { fresh: true });
  } catch (error) {
    return { problem: sentenceOf(error, "trend_failed") };
  }
}

function choices(sites) {
  const select = part(document, "site");
  select.replaceChildren(...sites.map((name) => new Option(name, name, false, name === site)));
  part(document, "choice").hidden = sites.length < 2;
  const csv = part(document, "csv");
  csv.hidden = sites.length === 0;
  csv.href = `/api/${shown}.csv`;
}

// In which languages the site of the open study reports, and which of two this person writes.

import { ApiError, getChanged, send } from "/ui/api.js";
import { h } from "/ui/dom.js";
import { language, onLanguage, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { emit, on, state } from "/ui/state.js";

const BOTH = ["zh", "en"];
let chosen = null;

/** The languages of the open study's site, in display order. */
export function siteLanguages() {
  return state.languages ?? BOTH;
}

export function other(lang) {
  return lang === "zh" ? "en" : "zh";
}

/** The language that is written here: the site's only one, what this person chose, or that of the page. */
export function writtenLanguage() {
  const languages = siteLanguages();
  if (languages.length === 1) return languages[0];
  return chosen ?? (language() === "zh-CN" ? "zh" : "en");
}

/** Keep `root` (the report pane) to the site's languages, and let its person choose in `place`. */
export async function mountLanguages(root, place) {
  on("view", (view) => {
    state.languages = view.languages.languages;
    show(root, place);
  });
  onLanguage(() => show(root, place));
  if (!may("write")) return;
  const kept = await getChanged("/written-language", { fresh: true }).catch(() => null);
  chosen = kept?.lang ?? null;
  show(root, place);
}

function show(root, place) {
  const languages = siteLanguages();
  root.querySelector(".rd-report").dataset.languages = languages.join(" ");
  place.hidden = languages.length < 2 || !state.view || !may("write", state.view) || !state.view.actions.includes("edit");
  if (place.hidden) return;
  const options = languages.map((lang) => h("option", { value: lang, text: t(`lang_${lang}`), selected: lang === writtenLanguage() }));
  const said = h("span", { class: "rd-bad", role: "status" });
  const select = h("select", { class: "rd-input", dataset: { part: "written-language" }, onchange: () => choose(select.value, said) }, ...options);
  place.replaceChildren(h("label", { title: t("written_language_hint") }, h("span", { text: t("written_language") }), select), said);
}

async function choose(lang, said) {
  chosen = lang;
  emit("written-language", lang);
  try {
    await send("PUT", "/written-language", { lang });
  } catch (error) {
    // It holds in this page all the same.
    said.textContent = error instanceof ApiError ? error.sentence : t("unreachable");
  }
}

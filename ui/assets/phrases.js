// Phrases as a list that one writes: a person's own in a dialog, a site's on its administrator's page.

import { ApiError, getChanged, send } from "/ui/api.js";
import { h } from "/ui/dom.js";
import { t } from "/ui/i18n.js";

/** Fill `element` with the phrases at `path` (`/phrases`, or a site's); `onChange` hears of each change. */
export async function mountPhrases(element, path, onChange = () => undefined) {
  const said = h("p", { class: "rd-bad", role: "alert" });
  const list = h("div", { class: "ph-list" });
  element.replaceChildren(list, form(path, take, said), said);
  function take({ phrases }) {
    said.textContent = "";
    list.replaceChildren(...(phrases.length ? [table(phrases, drop)] : [h("p", { class: "rd-dim", text: t("phrases_none") })]));
  }
  async function drop(letters) {
    const answer = await tried(said, () => send("DELETE", `${path}/${letters}`));
    if (answer) take(answer);
    if (answer) onChange();
  }
  element.changed = onChange;
  const found = await tried(said, () => getChanged(path, { fresh: true }));
  if (found) take(found);
}

function table(phrases, drop) {
  const row = (phrase) =>
    h(
      "tr",
      {},
      h("td", {}, h("kbd", { text: phrase.letters })),
      h("td", { lang: "zh-CN", text: phrase.zh }),
      h("td", { lang: "en", text: phrase.en }),
      h("td", { text: limits(phrase) }),
      h("td", {}, h("button", { type: "button", class: "rd-icon", "aria-label": t("phrase_drop", { letters: phrase.letters }), title: t("delete"), text: "×", onclick: () => drop(phrase.letters) })),
    );
  const heads = ["phrase_letters", "lang_zh", "lang_en", "phrase_limits"].map((name) => h("th", { scope: "col", text: t(name) }));
  return h("table", { class: "ph-table" }, h("thead", {}, h("tr", {}, ...heads, h("td", {}))), h("tbody", {}, ...phrases.map(row)));
}

/** For whom a phrase or a template is, in words. */
export function limits({ sex, min_age: least, max_age: below }) {
  const age = least === null && below === null ? "" : t("age_limits", { least: least ?? 0, below: below ?? "∞" });
  return [sex && t(`sex_${sex}`), age].filter(Boolean).join(" · ");
}

function form(path, take, said) {
  const input = (name, props) => h("input", { class: "rd-input", name, autocomplete: "off", ...props });
  const area = (name, lang) => h("textarea", { class: "rd-input", name, lang, rows: 2, maxlength: 1000 });
  const labelled = (name, field) => h("label", {}, h("span", { text: t(name) }), field);
  const letters = input("letters", { required: true, maxlength: 16, pattern: "[a-z0-9]{1,16}" });
  const zh = area("zh", "zh-CN");
  const en = area("en", "en");
  const sex = h("select", { class: "rd-input", name: "sex" }, ...[["", "any_sex"], ["F", "sex_F"], ["M", "sex_M"]].map(([value, name]) => h("option", { value, text: t(name) })));
  const least = input("min_age", { type: "number", min: 0, max: 150 });
  const below = input("max_age", { type: "number", min: 0, max: 150 });
  const number = ({ value }) => (value === "" ? null : Number(value));
  const made = h(
    "form",
    { class: "ph-form" },
    labelled("phrase_letters", letters),
    labelled("lang_zh", zh),
    labelled("lang_en", en),
    labelled("sex", sex),
    labelled("age_from", least),
    labelled("age_below", below),
    h("p", { class: "rd-dim", text: t("phrase_hint") }),
    h("button", { type: "submit", class: "rd-button rd-primary", text: t("phrase_keep") }),
  );
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    const phrase = { letters: letters.value, zh: zh.value, en: en.value, sex: sex.value, min_age: number(least), max_age: number(below) };
    const answer = await tried(said, () => send("PUT", path, { phrase }));
    if (!answer) return;
    take(answer);
    made.reset();
    letters.focus();
    made.parentElement.changed();
  });
  return made;
}

async function tried(said, action) {
  try {
    return await action();
  } catch (error) {
    said.textContent = error instanceof ApiError ? error.sentence : t("unreachable");
    return null;
  }
}

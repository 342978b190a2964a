// Language: ?lang=, then the remembered choice, then the browser's. A bare "zh" is zh-CN.

const SUPPORTED = ["zh-CN", "en"];
const REMEMBERED = "radraft.lang";
const listeners = new Set();
let strings = {};
let current = "en";

/** Resolves once the strings of the first language are there. */
export const ready = load(choose());

export function language() {
  return current;
}

/** "zh" or "en": which of two sentences, as errors and notices carry them, to show. */
export function pick(pair) {
  return current === "zh-CN" ? pair.zh : pair.en;
}

/** The visible string for `key`, `{name}` filled from `values`. */
export function t(key, values = {}) {
  const text = strings[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Whether there is a string for `key`. */
export function has(key) {
  return key in strings;
}

/** Fill every `data-i18n*` element below `root`. */
export function translate(root) {
  const places = { i18n: "textContent", i18nTitle: "title", i18nPlaceholder: "placeholder" };
  for (const [data, property] of Object.entries(places)) {
    const name = data.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    for (const element of root.querySelectorAll(`[data-${name}]`)) {
      element[property] = t(element.dataset[data]);
    }
  }
  for (const element of root.querySelectorAll("[data-i18n-label]")) {
    element.setAttribute("aria-label", t(element.dataset.i18nLabel));
  }
}

/** Call `listener` after each change of language. */
export function onLanguage(listener) {
  listeners.add(listener);
}

export async function setLanguage(tag) {
  localStorage.setItem(REMEMBERED, tag);
  await load(tag);
  for (const listener of listeners) listener();
}

/** A count as people read it: 1,000,213. */
export function number(count) {
  return new Intl.NumberFormat(current).format(count);
}

/** A body part's word; its code where there is none. */
export function bodyPart(code) {
  const key = `body_${code.toLowerCase()}`;
  return has(key) ? t(key) : code;
}

/** Local date and time as 2026-11-22 09:05: the same in both languages, and never month before day. */
export function formatDate(iso) {
  const date = new Date(iso);
  const two = (n) => String(n).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/**
 * A DICOM person name (PS3.5 6.2.1.1) as the language writes it: the ideographic group without spaces,
 * or the alphabetic one with the given name first.
 */
export function personName(value) {
  const [alphabetic = "", ideographic = ""] = value.split("=").map((group) => {
    const [family = "", given = "", middle = ""] = group.split("^").map((piece) => piece.trim());
    return /[^\u0000-\u024f]/.test(group) ? family + given + middle : [given, middle, family].filter(Boolean).join(" ");
  });
  return current === "zh-CN" ? ideographic || alphabetic : alphabetic || ideographic;
}

/** Both groups of a person name, the language's own first. */
export function personNames(value) {
  const first = personName(value);
  const groups = value.split("=").slice(0, 2);
  const others = groups.map((group) => personName(group)).filter((name) => name && name !== first);
  return [first, ...new Set(others)];
}

/** "12 min", "3 h", "5 d" since `iso`. */
export function since(iso, now) {
  const minutes = Math.max(0, Math.floor((now - new Date(iso)) / 60000));
  if (minutes < 60) return t("age_minutes", { n: minutes });
  if (minutes < 48 * 60) return t("age_hours", { n: Math.floor(minutes / 60) });
  return t("age_days", { n: Math.floor(minutes / 1440) });
}

function choose() {
  const asked = new URLSearchParams(location.search).get("lang");
  const wishes = [asked, localStorage.getItem(REMEMBERED), ...navigator.languages];
  for (const wish of wishes) {
    const found = wish && supported(wish);
    if (found) return found;
  }
  return "en";
}

function supported(tag) {
  const base = tag.toLowerCase().split(/[-_]/)[0];
  return SUPPORTED.find((known) => known.toLowerCase().split("-")[0] === base);
}

async function load(tag) {
  const answer = await fetch(`/ui/i18n/${tag}.json`);
  strings = await answer.json();
  current = tag;
  document.documentElement.lang = tag;
}

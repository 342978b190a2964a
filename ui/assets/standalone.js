// What every page beside the workstation has: buttons of its languages, and fixed words in the chosen one.

import { language, ready, setLanguage, translate } from "/ui/i18n.js";

/** Resolves once words are there; from then on the buttons choose the language. */
export async function beginPage() {
  await ready;
  for (const button of languageButtons()) {
    button.addEventListener("click", () => setLanguage(button.dataset.lang));
  }
}

/** Say in the chosen language what stands on the page, and which language that is. */
export function fixedWords() {
  translate(document);
  for (const button of languageButtons()) {
    button.setAttribute("aria-pressed", String(button.dataset.lang === language()));
  }
}

function languageButtons() {
  return document.querySelectorAll("button[data-lang]");
}

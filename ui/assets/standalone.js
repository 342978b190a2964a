// What every page beside the workstation has: buttons of its languages and of light and dark, and fixed words in the
// chosen language.

import { sentenceOf } from "/ui/api.js";
import { part, setText } from "/ui/dom.js";
import { language, ready, setLanguage, translate } from "/ui/i18n.js";
import { themeButton } from "/ui/theme.js";

let sayTheme = () => {};

/** Resolves once words are there; from then on the buttons choose the language. */
export async function beginPage() {
  await ready;
  for (const button of languageButtons()) {
    button.addEventListener("click", () => setLanguage(button.dataset.lang));
  }
  sayTheme = themeButton(document.querySelector(".rd-langs"));
}

/** Say in the chosen language what stands on the page, and which language that is. */
export function fixedWords() {
  translate(document);
  sayTheme();
  for (const button of languageButtons()) {
    button.setAttribute("aria-pressed", String(button.dataset.lang === language()));
  }
}

/** Take what the page shows from the service by `ask`, or say at its `state` why that did not come; draw either way. Gives
 * whether it came. */
export async function look(ask, draw) {
  let came = false;
  try {
    await ask();
    came = true;
    setText(part(document, "state"), "");
  } catch (error) {
    setText(part(document, "state"), sentenceOf(error));
  }
  draw();
  return came;
}

function languageButtons() {
  return document.querySelectorAll("button[data-lang]");
}

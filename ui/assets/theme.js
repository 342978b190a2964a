// The button that turns the page light or dark. The browser remembers it for all its pages, open ones too.

import { h } from "/ui/dom.js";
import { t } from "/ui/i18n.js";

const REMEMBERED = "radraft.theme";
const root = document.documentElement;

/** Put the button before `neighbour`; returns a function that says it in the chosen language. */
export function themeButton(neighbour) {
  const button = h("button", { type: "button", class: "rd-tool", dataset: { part: "theme" } });
  button.addEventListener("click", () => {
    localStorage.setItem(REMEMBERED, isLight() ? "dark" : "light");
    turn();
    say();
  });
  addEventListener("storage", ({ key }) => {
    if (key !== REMEMBERED) return;
    turn();
    say();
  });
  neighbour.before(button);

  function say() {
    const next = t(isLight() ? "theme_dark" : "theme_light");
    button.textContent = isLight() ? "\u263e" : "\u2600";
    button.title = next;
    button.setAttribute("aria-label", next);
  }
  return say;
}

function isLight() {
  return root.dataset.theme === "light";
}

function turn() {
  root.dataset.theme = localStorage.getItem(REMEMBERED) === "light" ? "light" : "dark";
}

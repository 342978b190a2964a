// Above the report: who else is on this study, whether somebody took it over, and taking it over oneself.

import { h } from "/ui/dom.js";
import { formatDate, t } from "/ui/i18n.js";

/**
 * Say in `element` what `here` (`standingHere()`) says; hidden where nobody else is there. `editable`: whether this
 * person could write; `take()` takes the study over.
 */
export function renderPresence(element, here, { editable, take }) {
  const lines = here.standing === "alone" ? [] : [...told(here), ...also(here)];
  if (here.elsewhere) lines.push(["elsewhere", t("presence_elsewhere")]);
  const offered = editable && ["second", "taken_over"].includes(here.standing);
  element.hidden = lines.length === 0;
  element.dataset.standing = here.standing;
  const version = JSON.stringify([document.documentElement.lang, lines, offered]);
  if (element.dataset.version === version) return;
  element.dataset.version = version;
  element.replaceChildren(
    h("div", { class: "rd-presence-says" }, ...lines.map(([kind, text]) => h("p", { dataset: { kind }, text }))),
    offered ? button(here, take) : "",
  );
}

/** What is said of somebody who has a study open. */
export function hasOpen({ name, since, writing }) {
  return t(writing ? "presence_on_writing" : "presence_on", { name, time: formatDate(since) });
}

function told({ standing, people }) {
  const [first] = people;
  if (standing === "first") return [];
  if (standing === "taken_over") {
    return [["taken", t("presence_taken", { name: first.name, time: formatDate(first.taken_at) })], ["hint", t("presence_taken_hint", { name: first.name })]];
  }
  return [["on", hasOpen(first)], ["hint", t("presence_second_hint", { name: first.name })]];
}

function also({ standing, people }) {
  const rest = standing === "first" ? people : people.slice(1);
  if (!rest.length) return [];
  return [["also", t("presence_also", { names: rest.map(hasOpen).join(" ") })]];
}

function button({ standing, people: [{ name }] }, take) {
  const text = t(standing === "second" ? "presence_take" : "presence_take_back", { name });
  const made = h("button", { type: "button", class: "rd-button", dataset: { part: "take-study" }, text });
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await take();
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

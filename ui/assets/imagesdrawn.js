// Whether the key images of the open study were drawn here: a report is signed looking at them, or its signer says
// that he read them at another place.

import { h, setText } from "/ui/dom.js";
import { imagesThere } from "/ui/dropped.js";
import { t } from "/ui/i18n.js";
import { on } from "/ui/state.js";

const drawn = new Set();
const listeners = new Set();

on("drawn", ({ image_id }) => {
  drawn.add(image_id);
  for (const listener of listeners) listener();
});

/** How many key images of a CaseView were not drawn. */
function missing(view) {
  return imagesThere(view).filter((image) => !drawn.has(image.image_id)).length;
}

/**
 * The part of a signature's form that asks for what was not drawn; it goes once everything is. `seen()`: what the
 * signature says; `close()`: the form is gone.
 */
export function imagesField(view) {
  const box = h("input", { type: "checkbox", dataset: { part: "seen-elsewhere" } });
  const told = h("p", { class: "rd-warn" });
  const element = h("div", { dataset: { part: "images-missing" } }, told, h("label", { class: "rd-check" }, box, h("span", { text: t("images_seen_elsewhere") })));
  const render = () => {
    const left = missing(view);
    element.hidden = !left;
    box.required = left > 0;
    setText(told, t("images_not_drawn", { n: left }));
  };
  listeners.add(render);
  render();
  return {
    element,
    seen: () => (missing(view) ? "elsewhere" : "drawn"),
    close: () => listeners.delete(render),
  };
}

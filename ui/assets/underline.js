// Words underlined in a text area: a layer of the same text over it, invisible but for the lines.

import { h } from "/ui/dom.js";

const WEIGHT = { hint: 1, warn: 2, block: 3 };

/** The layer over `area`; both go into one cell. */
export function makeUnderlay(area) {
  return h("div", { class: "rd-underlay", "aria-hidden": "true", lang: area.lang, dataset: { under: area.dataset.lang } });
}

/**
 * Underline `spans` of `text` in `layer`: each `{start, end, severity, key}` in UTF-16 units. Where they
 * overlap, the line of the more serious one is drawn.
 */
export function underline(layer, text, spans) {
  const version = JSON.stringify([text, spans]);
  if (layer.version === version) return;
  layer.version = version;
  if (!spans.length) {
    layer.replaceChildren();
    return;
  }
  const edges = [0, text.length, ...spans.flatMap(({ start, end }) => [start, end])];
  const places = [...new Set(edges)].sort((a, b) => a - b);
  const pieces = places.slice(1).map((end, at) => piece(text, places[at], end, spans));
  layer.replaceChildren(...pieces);
}

/** A pointer's place in `text` as the page has it, or null where the words are no longer those. */
export function spanOf(pointer, checked, text) {
  if (checked === undefined || checked.trim() !== text.trim()) return null;
  // The service counts characters, a string here counts halves of the rare ones.
  const characters = [...checked];
  const before = characters.slice(0, pointer.start).join("").length;
  const words = characters.slice(pointer.start, pointer.end).join("");
  const start = before + lead(text) - lead(checked);
  return start < 0 || !words ? null : { start, end: start + words.length, words };
}

function piece(text, start, end, spans) {
  const over = spans.filter((span) => span.start <= start && end <= span.end);
  const words = text.slice(start, end);
  if (!over.length) return document.createTextNode(words);
  const severity = over.map((span) => span.severity).sort((a, b) => WEIGHT[b] - WEIGHT[a])[0];
  return h("u", { class: "rd-underlined", dataset: { severity, keys: over.map((span) => span.key).join(" ") }, text: words });
}

function lead(text) {
  return text.length - text.trimStart().length;
}

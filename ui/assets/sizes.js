// Sizes that reports give over time: a table with the sentences, and a small plot of the longest length.

import { h } from "/ui/dom.js";
import { number, t } from "/ui/i18n.js";

const template = document.createElement("template");
template.innerHTML = "<svg></svg>";
const SVG = template.content.firstChild.namespaceURI;
const WIDTH = 320;
const HEIGHT = 132;
const LEFT = 34;
const RIGHT = 24;
const INSET = 16;
const TOP = 22;
const BOTTOM = 24;
const LABEL_ROOM = 30;
const DAY_MS = 86_400_000;

/** The sizes of an answer, oldest first; nothing where there is no second one. `sentence(quote)` shows where one stands. */
export function sizesOverTime(sizes, sentence) {
  if (sizes.length < 2) return "";
  const head = ["asking_size_date", "asking_size", "asking_size_sentence"].map((key) => h("th", { scope: "col", text: t(key) }));
  const rows = sizes.map((size) => h("tr", {}, h("th", { scope: "row", text: size.quote.date }), h("td", { class: "ak-size", text: size.size }), h("td", {}, sentence(size.quote))));
  return h(
    "div",
    { class: "ak-sizes", dataset: { part: "sizes" } },
    h("table", {}, h("caption", { text: t("asking_sizes") }), h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)),
    plot(sizes.filter((size) => size.mm !== null)),
  );
}

/** Days along, millimetres up from 0. A line joins the points only where each day has one: else nobody knows which became which. */
function plot(sizes) {
  const days = sizes.map((size) => Date.parse(size.quote.date) / DAY_MS);
  const first = Math.min(...days);
  const last = Math.max(...days);
  if (sizes.length < 2 || first === last) return "";
  const most = Math.max(...sizes.map((size) => size.mm));
  const x = (day) => LEFT + INSET + ((day - first) / (last - first)) * (WIDTH - LEFT - INSET - RIGHT);
  const y = (mm) => HEIGHT - BOTTOM - (mm / most) * (HEIGHT - TOP - BOTTOM);
  const points = sizes.map((size, place) => ({ x: x(days[place]), y: y(size.mm), text: number(size.mm) }));
  const joined = new Set(days).size === days.length;
  const base = HEIGHT - BOTTOM;
  const read = sizes.map((size) => t("asking_size_at", { date: size.quote.date, mm: number(size.mm) })).join(t("list_comma"));
  return shape(
    "svg",
    { class: "ak-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": t("asking_size_plot", { sizes: read }) },
    shape("path", { class: "ak-axis", d: `M${LEFT} ${TOP - 8}V${base}H${WIDTH - RIGHT + 12}` }),
    words(LEFT - 6, base, "end", "0"),
    words(LEFT - 6, y(most) + 4, "end", "mm"),
    words(LEFT, HEIGHT - 6, "start", sizes[days.indexOf(first)].quote.date),
    words(x(last) + RIGHT, HEIGHT - 6, "end", sizes[days.indexOf(last)].quote.date),
    joined ? shape("polyline", { points: points.map((point) => `${point.x},${point.y}`).join(" ") }) : "",
    ...points.map((point) => shape("circle", { cx: point.x, cy: point.y, r: 4 })),
    ...apart(points).map((point) => words(point.x, point.y - 9, "middle", point.text)),
  );
}

/** The points whose labels stand clear of one another; the last always has one. */
function apart(points) {
  const kept = [];
  for (const point of [...points].reverse()) if (kept.every((other) => Math.abs(other.x - point.x) > LABEL_ROOM)) kept.push(point);
  return kept;
}

function words(x, y, anchor, text) {
  return shape("text", { x, y, "text-anchor": anchor }, text);
}

function shape(tag, props, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

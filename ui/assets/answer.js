// An answer of the system: what became of the question, what it rests on, and sizes over time.

import { h } from "/ui/dom.js";
import { bodyPart, t } from "/ui/i18n.js";
import { wording } from "/ui/signedreport.js";
import { sizesOverTime } from "/ui/sizes.js";

const OUTCOMES = {
  "corrected premise": "corrected",
  uncertain: "uncertain",
  "cannot answer": "cannot",
  refused: "beyond",
};

/** How the outcome of a turn is called; null of turns of before it was kept, and of one that this page does not know. */
function outcomeOf(turn) {
  if (turn.outcome === "not mentioned") return turn.related.length ? "near" : "none";
  if (turn.outcome === "answered") return { present: "yes", absent: "no" }[turn.polarity] ?? "stated";
  return OUTCOMES[turn.outcome] ?? null;
}

/** The parts of an answer. `cite(ids)` shows sentences of the report; `links`: whether other studies may be opened from here. */
export function answerParts(turn, view, { cite, links }) {
  const outcome = outcomeOf(turn);
  const whom = view.radiologist ?? t("asking_any_radiologist");
  const lang = turn.lang === "zh" ? "zh-CN" : "en";
  const context = { turn, view, cite, links };
  const inTable = new Set(turn.sizes.length > 1 ? turn.sizes.map(({ quote }) => keyOf(quote)) : []);
  return [
    h("p", { class: "ak-from", text: t(outcome ? "asking_of_system" : "asking_by_system") }),
    outcome ? h("h4", { class: "ak-outcome", dataset: { outcome }, text: t(`asking_outcome_${outcome}`, { whom }) }) : "",
    turn.answer ? h("p", { class: turn.refused ? "rd-answer rd-refused" : "rd-answer", lang, text: turn.answer }) : "",
    turn.hidden ? h("p", { class: "ak-old", dataset: { part: "hidden" }, text: t("asking_hidden", { n: turn.hidden }) }) : "",
    turn.outcome === null ? fromBefore(context) : rests(context, inTable),
    sizesOverTime(turn.sizes, (quote) => sentence(quote, context, false)),
  ];
}

function keyOf(quote) {
  return JSON.stringify([quote.case_id, quote.part]);
}

/** What it quotes, or what stands near the question; what the table of sizes shows is not told twice. */
function rests({ turn, view, cite, links }, inTable) {
  const context = { turn, view, cite, links };
  const quotes = (turn.refused ? turn.related : turn.quotes).filter((quote) => !inTable.has(keyOf(quote)));
  if (turn.refused && !quotes.length) return fromBefore(context);
  return list(
    turn.refused,
    quotes.map((quote) => h("li", {}, sentence(quote, context))),
  );
}

/** The sentences of this report that an answer cites, or the nearest of a refusal, word for word as that version has them. */
function fromBefore({ turn, view, cite }) {
  const ids = turn.refused ? turn.nearest : turn.citations;
  const signed = view.versions.find((version) => version.version === turn.version) ?? view.versions[0];
  const known = new Map(["findings", "impression"].flatMap((name) => signed.report[name]).map((line) => [line.id, line]));
  const lines = ids.filter((id) => known.has(id)).map((id) => {
    const { text, lang } = wording(known.get(id), turn.lang);
    return h("li", {}, h("button", { type: "button", class: "rd-link", lang: lang === "zh" ? "zh-CN" : "en", text, onclick: () => cite([id]) }));
  });
  return list(turn.refused, lines);
}

function list(refused, lines) {
  if (!lines.length) return "";
  return h("div", { class: "ak-quoted" }, h("p", { class: "rd-dim", text: t(refused ? "nearest_sentences" : "asking_rests_on") }), h("ul", {}, ...lines));
}

/** A quotation: of this report with the way to its place, of another with where it is from and the way to it, of what is known beside the text with its name. */
function sentence(quote, { turn, cite, links }, dated = true) {
  const lang = turn.lang === "zh" ? "zh-CN" : "en";
  const from = quote.prior ? h("small", { class: "rd-dim", text: origin(quote, dated) }) : "";
  if (quote.is_field) return h("span", {}, t(`asking_field_${quote.part}`, { text: quote.text }), from);
  if (!quote.prior) return h("button", { type: "button", class: "rd-link", lang, text: quote.text, onclick: () => cite([quote.part]) });
  const text = links ? h("a", { class: "rd-link", lang, href: `/s/${encodeURIComponent(quote.case_id)}`, text: quote.text }) : h("span", { lang, text: quote.text });
  return h("span", { dataset: { prior: quote.case_id } }, text, from);
}

function origin(quote, dated) {
  const since = quote.version < quote.newest ? t("asking_as_of", { version: quote.version, newest: quote.newest }) : "";
  const examined = [dated ? quote.date : "", quote.modality, bodyPart(quote.body_part)].filter(Boolean).join(" ");
  return [t("asking_prior_of", { report: examined }), since].filter(Boolean).join(" · ");
}

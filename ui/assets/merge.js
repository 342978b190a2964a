// Put my edits onto another person's: three reports in, one out, nothing dropped unseen.

import { LANGUAGES, SECTIONS } from "/ui/document.js";

/**
 * My changes since `base`, applied to `theirs`. Where both reworded the same words mine stand; what I
 * deleted but they reworded stays, and what they deleted but I reworded comes back.
 */
export function merge(base, mine, theirs) {
  const [was, my, their] = [base, mine, theirs].map(index);
  const text = new Map();
  for (const [id, s] of their) {
    const before = was.get(id);
    if (before && !my.has(id) && same(before, s)) continue;
    text.set(id, my.has(id) ? reword(before, my.get(id), s) : s);
  }
  for (const [id, s] of my) {
    const before = was.get(id);
    if (!text.has(id) && (!before || !same(before, s))) text.set(id, s);
  }
  const moved = !equal(common(base, mine), common(mine, base));
  const frame = moved ? [mine, theirs] : [theirs, mine];
  return { case_id: theirs.case_id, ...order(frame[0], frame[1], text) };
}

/** Ids that `mine` and `theirs` both reworded, differently. */
export function collisions(base, mine, theirs) {
  const [was, my, their] = [base, mine, theirs].map(index);
  return [...was.keys()].filter(
    (id) =>
      my.has(id) &&
      their.has(id) &&
      !same(was.get(id), my.get(id)) &&
      !same(was.get(id), their.get(id)) &&
      !same(my.get(id), their.get(id)),
  );
}

function index(report) {
  return new Map(SECTIONS.flatMap((section) => report[section].map((s) => [s.id, s])));
}

function same(a, b) {
  return a.zh === b.zh && a.en === b.en;
}

function reword(before, mine, theirs) {
  if (!before) return theirs;
  const kept = mine.kept !== before.kept ? mine.kept : theirs.kept;
  const words = Object.assign(...LANGUAGES.map((lang) => wording(lang, before, mine, theirs)));
  const origins = Object.fromEntries(LANGUAGES.filter((lang) => words[lang].origin).map((lang) => [lang, words[lang].origin]));
  const confirmed = LANGUAGES.filter((lang) => words[lang].confirmed);
  if (same(before, mine)) return { ...theirs, kept, origins, confirmed };
  return { ...mine, zh: words.zh.text, en: words.en.text, origins, confirmed };
}

/** One language of a sentence: its text, who wrote it, and whether a person confirmed it. */
function wording(lang, before, mine, theirs) {
  const from = mine[lang] !== before[lang] ? mine : theirs;
  const is = (s) => s.confirmed.includes(lang);
  // Who confirmed the same words, or took that back, changed what it was.
  const sameWords = mine[lang] === theirs[lang] && before[lang] === theirs[lang];
  const confirmed = sameWords && is(mine) !== is(before) ? is(mine) : is(from);
  return { [lang]: { text: from[lang], origin: from.origins[lang], confirmed } };
}

/** `[section, id]` of the sentences of `report` that are also in `other`, in reading order. */
function common(report, other) {
  const known = index(other);
  return SECTIONS.flatMap((section) =>
    report[section].filter((s) => known.has(s.id)).map((s) => `${section}/${s.id}`),
  );
}

function equal(a, b) {
  return a.length === b.length && a.every((item, place) => item === b[place]);
}

/** Sentences of `text` in the order of `first`; those only in `second` follow their neighbour there. */
export function order(first, second, text) {
  const sections = {};
  const placed = new Set();
  for (const section of SECTIONS) {
    sections[section] = first[section].filter((s) => text.has(s.id)).map((s) => s.id);
    for (const id of sections[section]) placed.add(id);
  }
  for (const section of SECTIONS) {
    second[section].forEach((s, at) => {
      if (!text.has(s.id) || placed.has(s.id)) return;
      const neighbour = at ? sections[section].indexOf(second[section][at - 1].id) : -1;
      sections[section].splice(neighbour + 1, 0, s.id);
      placed.add(s.id);
    });
  }
  return Object.fromEntries(
    SECTIONS.map((section) => [section, sections[section].map((id) => text.get(id))]),
  );
}

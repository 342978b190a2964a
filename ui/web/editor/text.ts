// What may stand in the text of one sentence.

import { Schema } from "prosemirror-model";

/** A text is one line of characters, without marks: reports are exported as such. */
export const schema = new Schema({ nodes: { doc: { content: "text*" }, text: {} } });

const BREAKS = /\s*[\u0000-\u001f\u007f-\u009f\u2028\u2029]+\s*/g;
const WITHOUT_WIDTH = /[\u00ad\u180e\u200b\u2060\ufeff]/g;

/**
 * `text` as one line: what breaks lines becomes a space, characters without width are dropped, as reports/characters.py
 * does with a machine's; those that turn the direction of writing are refused there.
 */
export function cleaned(text: string): string {
  return text.replace(BREAKS, " ").replace(WITHOUT_WIDTH, "");
}

/** The lines of a pasted `text` that say something; of one that says nothing, nothing. */
export function linesOf(text: string): string[] {
  const lines = text.split(/\r\n|[\n\r\u2028\u2029]/).map(cleaned);
  if (lines.length === 1) return lines[0] ? lines : [];
  return lines.map((line) => line.trim()).filter(Boolean);
}

/** Where `before` and `after` begin to differ, and where the part that differs ends in each. */
export function difference(before: string, after: string): { from: number; to: number; end: number } {
  const most = Math.min(before.length, after.length);
  let from = 0;
  while (from < most && before[from] === after[from]) from += 1;
  let back = 0;
  while (back < most - from && before[before.length - 1 - back] === after[after.length - 1 - back]) back += 1;
  return { from, to: before.length - back, end: after.length - back };
}

/**
 * What a person made of `base` (`mine`), put onto what else became of it (`theirs`); mine alone where both changed the
 * same place.
 */
export function put(base: string, mine: string, theirs: string): string {
  if (base === theirs) return mine;
  const my = difference(base, mine);
  const their = difference(base, theirs);
  const words = mine.slice(my.from, my.end);
  if (my.to <= their.from) return theirs.slice(0, my.from) + words + theirs.slice(my.to);
  const shift = theirs.length - base.length;
  if (my.from >= their.to) return theirs.slice(0, my.from + shift) + words + theirs.slice(my.to + shift);
  return mine;
}

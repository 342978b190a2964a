// Undo and redo of a report: every change by a person is a step, whichever part of the page made it.
//
// A step keeps what stood before and after it. Undoing puts back only what the step changed and what still stands as
// the step left it: what a colleague, another tab or the service changed since is theirs and stays.

import { SECTIONS } from "/ui/document.js";
import { order } from "/ui/merge.js";

const MOST_STEPS = 500;
/** Typing in one text is one step until it pauses for this long. */
const PAUSE_MS = 1000;

export class History {
  /** `report` has the two lists of sentences, whose sentences are replaced when they change, never altered. */
  constructor(report) {
    this.report = report;
    this.clear();
  }

  clear() {
    this.done = [];
    this.undone = [];
    this.depth = 0;
    this.rebase();
  }

  /** What stands now is no step of a person's: later steps begin from here. */
  rebase() {
    if (!this.depth) this.last = taken(this.report);
  }

  /** What comes next is a step of its own, also where it goes on in the same text. */
  apart() {
    const top = this.done.at(-1);
    if (top) top.at = -Infinity;
  }

  /** A person changed something: a step, or more of the one before where it goes on in the same text. */
  record() {
    if (this.depth) return;
    const before = this.last;
    const after = taken(this.report);
    this.last = after;
    const text = oneText(before, after);
    if (text === "") return;
    const now = performance.now();
    const top = this.done.at(-1);
    if (text && top?.text === text && now - top.at < PAUSE_MS && !this.undone.length) {
      Object.assign(top, { after, at: now });
      return;
    }
    this.done.push({ before, after, text, at: now });
    if (this.done.length > MOST_STEPS) this.done.shift();
    this.undone = [];
  }

  /** Make all that `task` changes one step. Gives what it gives. */
  together(task) {
    this.depth += 1;
    try {
      return task();
    } finally {
      this.depth -= 1;
      this.record();
    }
  }

  /**
   * Make what `task` changes part of the steps whose words it follows: a machine's translation comes and goes with what
   * it says in the other language, and is no step of its own.
   */
  follow(task) {
    const before = indexed(this.last);
    this.depth += 1;
    try {
      task();
    } finally {
      this.depth -= 1;
    }
    this.last = taken(this.report);
    for (const [id, now] of indexed(this.last)) {
      const was = before.get(id);
      if (was && was !== now) this.rewrite(was, now);
    }
  }

  /** Put `now` in place of `was`, the same sentence, wherever steps have those words. */
  rewrite(was, now) {
    const changed = Object.fromEntries(Object.entries(now).filter(([key, value]) => !same(was[key], value)));
    const next = (sentence) => (sentence.id === was.id && sameWords(sentence, was) ? { ...sentence, ...changed } : sentence);
    for (const step of [...this.done, ...this.undone]) {
      for (const side of ["before", "after"]) {
        step[side] = Object.fromEntries(SECTIONS.map((section) => [section, step[side][section].map(next)]));
      }
    }
  }

  /** Take the last step back. Gives the place of its first words, or null where there is nothing to undo. */
  undo() {
    return this.move(this.done, this.undone, (step) => [step.after, step.before]);
  }

  /** Do again what was undone last. */
  redo() {
    return this.move(this.undone, this.done, (step) => [step.before, step.after]);
  }

  move(from, to, direction) {
    for (;;) {
      const step = from.pop();
      if (!step) return null;
      const [was, wanted] = direction(step);
      const place = this.apply(was, wanted);
      // Nothing of it stands any more: the one before is meant.
      if (!place) continue;
      to.push({ ...step, at: -Infinity });
      this.last = taken(this.report);
      return place;
    }
  }

  apply(was, wanted) {
    const now = taken(this.report);
    const [old, next, current] = [was, wanted, now].map(indexed);
    const result = new Map();
    for (const id of new Set([...current.keys(), ...next.keys()])) {
      const sentence = put(old.get(id), next.get(id), current.get(id));
      if (sentence) result.set(id, sentence);
    }
    const moved = JSON.stringify(common(was, next)) !== JSON.stringify(common(wanted, old));
    // What it brings back stands where it stood; everything else stays where it is, unless the step moved it.
    const [frame, other] = moved ? [wanted, now] : [now, wanted];
    const sections = order(frame, other, result);
    const after = { findings: sections.findings, impression: sections.impression };
    if (same(now, after)) return null;
    for (const section of SECTIONS) this.report[section] = after[section];
    return placeOf(now, after);
  }
}

function taken(report) {
  return Object.fromEntries(SECTIONS.map((section) => [section, [...report[section]]]));
}

function indexed(lists) {
  return new Map(SECTIONS.flatMap((section) => lists[section].map((sentence) => [sentence.id, sentence])));
}

/** `section/id` of the sentences of `lists` that `other` (a map by id) has too, in reading order. */
function common(lists, other) {
  return SECTIONS.flatMap((section) => lists[section].filter(({ id }) => other.has(id)).map(({ id }) => `${section}/${id}`));
}

/** The sentence that stands after a step from `was` to `wanted`, where `now` stands; undefined for none. */
function put(was, wanted, now) {
  if (same(was, wanted)) return now;
  if (!was) return now ?? wanted;
  // It was deleted meanwhile.
  if (!now) return undefined;
  // What the service says of it since changes nothing about its words.
  if (!wanted) return sameWords(now, was) ? undefined : now;
  const changed = Object.keys(wanted).filter((key) => !same(was[key], wanted[key]) && same(now[key], was[key]));
  const words = ["zh", "en"].filter((lang) => was[lang] !== wanted[lang]);
  if (words.length && !words.some((lang) => changed.includes(lang))) return now;
  return { ...now, ...Object.fromEntries(changed.map((key) => [key, wanted[key]])) };
}

/** Whether two plain values are equal, in whichever order their keys stand. */
function same(one, other) {
  if (one === other) return true;
  if (!one || !other || typeof one !== "object" || typeof other !== "object") return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && same(one[key], other[key]));
}

function sameWords(one, other) {
  return one.zh === other.zh && one.en === other.en;
}

/** `id/lang` where one text alone differs, "" where nothing does, null where more. */
function oneText(before, after) {
  if (same(before, after)) return "";
  const [old, next] = [before, after].map(indexed);
  if (JSON.stringify([...old.keys()]) !== JSON.stringify([...next.keys()])) return null;
  const changed = [...old.values()].filter((sentence) => !same(sentence, next.get(sentence.id)));
  const [sentence] = changed;
  const langs = ["zh", "en"].filter((lang) => changed.length === 1 && sentence[lang] !== next.get(sentence.id)[lang]);
  return langs.length === 1 ? `${sentence.id}/${langs[0]}` : null;
}

/** `{id, lang, at}`: the end of the first words that differ; the sentence that took its place where one is gone. */
function placeOf(before, after) {
  const [old, next] = [before, after].map(indexed);
  for (const [id, sentence] of next) {
    const was = old.get(id);
    if (same(was, sentence)) continue;
    const lang = was && was.zh === sentence.zh && was.en !== sentence.en ? "en" : "zh";
    return { id, lang: was ? lang : sentence.zh || !sentence.en ? "zh" : "en", at: ending(was?.[lang] ?? "", sentence[lang]) };
  }
  for (const section of SECTIONS) {
    const gone = before[section].findIndex(({ id }) => !next.has(id));
    if (gone < 0) continue;
    const neighbour = after[section][Math.max(0, gone - 1)];
    return { id: neighbour?.id ?? null, lang: "zh", at: neighbour?.zh.length ?? 0 };
  }
  const [id, sentence] = next.entries().next().value ?? [null, { zh: "" }];
  return { id, lang: "zh", at: sentence.zh.length };
}

/** Where the part of `after` that `before` has not, ends. */
function ending(before, after) {
  let equal = 0;
  const most = Math.min(before.length, after.length);
  while (equal < most && before.at(-1 - equal) === after.at(-1 - equal)) equal += 1;
  return after.length - equal;
}

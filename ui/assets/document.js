// The report as it is being edited: two lists of sentences and what may be done to them.

import { History } from "/ui/history.js";

/** Characters of one text, and sentences of one section, that the service takes. */
export const MOST_CHARACTERS = 2000;
export const MOST_SENTENCES = 100;
export const SECTIONS = ["findings", "impression"];
/** In display order. */
export const LANGUAGES = ["zh", "en"];

/** What a person decides in a report as one comparable string: white space at the ends does not count. */
export function fingerprint(report) {
  return JSON.stringify(
    SECTIONS.map((section) => report[section].map((s) => [s.id, s.zh.trim(), s.en.trim(), s.kept, confirmedIn(s)])),
  );
}

/** The languages whose text a person stands for although he did not write it, in display order. */
export function confirmedIn(sentence) {
  const { confirmed = [], origins = {} } = sentence;
  return LANGUAGES.filter((lang) => confirmed.includes(lang) && origins[lang] !== "person");
}

/** Whether a person wrote the text in `lang`, or confirmed it. False where there is none. */
export function asserted(sentence, lang) {
  return Boolean(sentence[lang]) && (sentence.origins[lang] === "person" || sentence.confirmed.includes(lang));
}

/** An empty sentence, which a person is about to write. */
function emptySentence(id) {
  return {
    id,
    zh: "",
    en: "",
    origin: "person",
    origins: {},
    confirmed: [],
    finding: null,
    anatomy: null,
    laterality: null,
    certainty: null,
    evidence: [],
    kept: false,
  };
}

export class ReportDocument {
  /**
   * `report` as the service sends it and the `draft` it began as (or null); `onChange` is called
   * after every change by a person. What calls it is a step that `history` can undo.
   */
  constructor(report, draft, onChange) {
    this.onChange = () => {
      this.history.record();
      onChange();
    };
    // A sentence that is typed back to what it was is again what it was.
    this.original = new Map();
    for (const known of [draft, report]) if (known) this.remember(known);
    this.replace(report);
    this.notify = onChange;
    this.history = new History(this);
  }

  remember(report) {
    for (const s of report.findings.concat(report.impression)) {
      if (!this.original.has(s.id)) this.original.set(s.id, { ...s });
    }
  }

  /** Start over from `report`, which is no change by a person. */
  replace(report) {
    this.caseId = report.case_id;
    // What an earlier version of the page left in this tab says nothing of origins.
    for (const section of SECTIONS) this[section] = report[section].map((s) => ({ origins: {}, confirmed: [], ...s }));
    this.history?.rebase();
  }

  /** Take from the saved `report` what the service says of sentences that read the same here. What their person
   * decided since it was sent stays: it is saved next. */
  settle(report) {
    const saved = new Map(report.findings.concat(report.impression).map((s) => [s.id, s]));
    for (const section of SECTIONS) {
      this[section] = this[section].map((s) => {
        const same = saved.get(s.id);
        if (!same || same.zh !== s.zh || same.en !== s.en) return s;
        const { kept, confirmed } = s;
        return { ...same, kept, confirmed };
      });
    }
    this.history.rebase();
  }

  /** Take the last step back; gives the place of its words (`{id, lang, at}`), or null where there is none. */
  undo() {
    return this.travelled(this.history.undo());
  }

  redo() {
    return this.travelled(this.history.redo());
  }

  travelled(place) {
    if (place) this.notify();
    return place;
  }

  /** What to save. A row with nothing in it says nothing and stays out. */
  toReport() {
    const written = (s) => s.zh.trim() || s.en.trim();
    const form = (s) => ({ ...s, confirm: confirmedIn(s) });
    return {
      case_id: this.caseId,
      findings: this.findings.filter(written).map(form),
      impression: this.impression.filter(written).map(form),
    };
  }

  find(id) {
    for (const section of SECTIONS) {
      const index = this[section].findIndex((s) => s.id === id);
      if (index >= 0) return { section, index, sentence: this[section][index] };
    }
    return null;
  }

  /** Put a person's `text` in one language of a sentence. What codes said of the old words is dropped. */
  edit(id, lang, text) {
    const original = this.original.get(id);
    const again = original && original[lang] === text;
    this.put(id, lang, text, {
      origin: again ? original.origins[lang] : "person",
      confirmed: Boolean(again && original.confirmed.includes(lang)),
    });
  }

  /**
   * Put a `text` that the service offered in one language of a sentence: `origin` ("translation", "template" or
   * "model") made it, and nobody confirmed it yet. An empty one takes the language away.
   */
  offer(id, lang, text, origin) {
    this.put(id, lang, text, { origin, confirmed: false });
  }

  put(id, lang, text, { origin, confirmed }) {
    const { section, index, sentence } = this.find(id);
    const others = (known) => known.filter((one) => one !== lang);
    const origins = { ...sentence.origins, [lang]: origin };
    if (!text) delete origins[lang];
    const next = {
      ...sentence,
      [lang]: text,
      origins,
      confirmed: text && confirmed ? [...others(sentence.confirmed), lang] : others(sentence.confirmed),
    };
    const original = this.original.get(id);
    if (original && original.zh === next.zh && original.en === next.en) {
      this[section][index] = { ...original, origins, confirmed: next.confirmed };
    } else {
      this[section][index] = {
        ...next,
        origin: Object.values(origins).includes("person") ? "person" : sentence.origin,
        finding: null,
        anatomy: null,
        laterality: null,
        certainty: null,
        evidence: [],
        kept: false,
      };
    }
    this.onChange();
  }

  /** Say that the reader stands for the text in `lang` that he did not write, or take that back. */
  confirm(id, lang, confirmed = true) {
    const { section, index, sentence } = this.find(id);
    if (!sentence[lang] || sentence.origins[lang] === "person" || sentence.confirmed.includes(lang) === confirmed) return;
    const others = sentence.confirmed.filter((one) => one !== lang);
    this[section][index] = { ...sentence, confirmed: confirmed ? [...others, lang] : others };
    this.onChange();
  }

  /** Keep a sentence as it stands although the image does not support it, or take that back. */
  keep(id, kept) {
    const { section, index, sentence } = this.find(id);
    this[section][index] = { ...sentence, kept };
    this.onChange();
  }

  /** Whether a person changed one language of a sentence and left the other as it was. */
  oneSided(id) {
    const original = this.original.get(id);
    const now = this.find(id)?.sentence;
    if (!original || !now) return null;
    const zh = original.zh !== now.zh;
    const en = original.en !== now.en;
    if (zh === en) return null;
    return zh ? "en" : "zh";
  }

  /** Add an empty sentence after `afterId`, or at the end of `section`. Gives its id. */
  add(section, afterId = null) {
    const id = `p-${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
    const sentence = emptySentence(id);
    const place = afterId ? this[section].findIndex((s) => s.id === afterId) + 1 : this[section].length;
    this[section].splice(place, 0, sentence);
    this.onChange();
    return id;
  }

  /** Let `act()` change several things as one: one step, told once. */
  together(act) {
    const { onChange } = this;
    this.onChange = () => undefined;
    try {
      act();
    } finally {
      this.onChange = onChange;
    }
    this.onChange();
  }

  /**
   * Break a sentence at `at` (UTF-16 units) of one language; what stood behind it, without white space around, becomes
   * a new sentence in that language, whose id this gives. The other language stays with the first.
   */
  split(id, lang, at) {
    const { section, sentence } = this.find(id);
    const text = sentence[lang];
    return this.history.together(() => {
      this.edit(id, lang, text.slice(0, at).trimEnd());
      const added = this.add(section, id);
      this.edit(added, lang, text.slice(at).trimStart());
      return added;
    });
  }

  /**
   * Put a sentence behind the one before it in its section, in both languages. Gives `{id, at}`, the sentence that is
   * left and where in its `lang` the two meet; null where there is none before, and `{tooLong: true}` where both
   * together are more than one sentence may hold.
   */
  join(id, lang) {
    const { section, index, sentence } = this.find(id);
    const before = this[section][index - 1];
    if (!before) return null;
    const written = ({ zh, en }) => zh.trim() || en.trim();
    if (!written(before)) {
      this.remove(before.id);
      return { id, at: 0 };
    }
    const joined = Object.fromEntries(LANGUAGES.map((each) => [each, together(before[each], sentence[each])]));
    if (Object.values(joined).some((text) => text.length > MOST_CHARACTERS)) return { tooLong: true };
    this.history.together(() => {
      for (const each of LANGUAGES) if (joined[each] !== before[each]) this.put(before.id, each, joined[each], of(each, lang, before, sentence));
      this.remove(id);
    });
    return { id: before.id, at: joined[lang].length - sentence[lang].length };
  }

  /**
   * Put `lines` in place of `start` to `end` of one language of a sentence: the first goes on in it, each further one
   * becomes a sentence of its own, the last with what stood behind. Gives `{id, at}`, where the last ends, or the name
   * of the bound that all of it together would pass ("characters" or "sentences"): then nothing was put in.
   */
  putLines(id, lang, start, end, lines) {
    const { section, sentence } = this.find(id);
    const texts = [...lines];
    texts[0] = sentence[lang].slice(0, start) + texts[0];
    const at = texts.at(-1).length;
    texts[texts.length - 1] += sentence[lang].slice(end);
    if (texts.some((text) => text.length > MOST_CHARACTERS)) return { tooMany: "characters" };
    if (this[section].length + texts.length - 1 > MOST_SENTENCES) return { tooMany: "sentences" };
    return this.history.together(() => {
      if (texts[0] !== sentence[lang]) this.edit(id, lang, texts[0]);
      let last = id;
      for (const text of texts.slice(1)) {
        last = this.add(section, last);
        this.edit(last, lang, text);
      }
      return { id: last, at };
    });
  }

  /** Put a sentence of a draft at the end of `section`, as the draft has it. */
  take(section, sentence) {
    const id = this.find(sentence.id) ? `${sentence.id}-${crypto.randomUUID().slice(0, 4)}` : sentence.id;
    this[section].push({ ...sentence, id });
    this.original.set(id, { ...sentence, id });
    this.onChange();
  }

  /**
   * Put those of the sentences of `report` (the service's own, in reading order) whose ids are `ids` where they stand
   * in it: behind the one before them that is here. One change. Gives the ids that were put in.
   */
  insert(report, ids) {
    const wanted = new Set(ids);
    const put = [];
    for (const section of SECTIONS) {
      let at = 0;
      for (const sentence of report[section]) {
        const here = this[section].findIndex((s) => s.id === sentence.id);
        if (here >= 0) at = Math.max(at, here + 1);
        else if (wanted.has(sentence.id) && !this.find(sentence.id)) {
          this[section].splice(at, 0, { ...sentence });
          this.original.set(sentence.id, { ...sentence });
          put.push(sentence.id);
          at += 1;
        }
      }
    }
    if (put.length) this.onChange();
    return put;
  }

  /** Delete several sentences, as one change. Gives what `putBack` needs to bring them back. */
  removeAll(ids) {
    const removed = ids.map((id) => this.find(id)).filter(Boolean);
    for (const { sentence } of removed) {
      const { section, index } = this.find(sentence.id);
      this[section].splice(index, 1);
    }
    if (removed.length) this.onChange();
    return removed;
  }

  putBack(removed) {
    const missing = removed.filter(({ sentence }) => !this.find(sentence.id));
    for (const { section, index, sentence } of missing) {
      this[section].splice(Math.min(index, this[section].length), 0, sentence);
    }
    if (missing.length) this.onChange();
  }

  /** Delete a sentence. Gives what `restore` needs to bring it back. */
  remove(id) {
    const { section, index, sentence } = this.find(id);
    this[section].splice(index, 1);
    this.onChange();
    return { section, index, sentence };
  }

  restore({ section, index, sentence }) {
    if (this.find(sentence.id)) return;
    this[section].splice(Math.min(index, this[section].length), 0, sentence);
    this.onChange();
  }

  /** One place up (-1) or down (1); over a section's edge into the other section. */
  step(id, by) {
    const { section, index } = this.find(id);
    const to = index + by;
    if (to >= 0 && to < this[section].length) this.place(id, section, to);
    else if (section === "findings" && by > 0) this.place(id, "impression", 0);
    else if (section === "impression" && by < 0) this.place(id, "findings", this.findings.length);
  }

  /** Put a sentence at `index` of `section`, counted without the sentence itself. */
  place(id, section, index) {
    const from = this.find(id);
    if (from.section === section && from.index === index) return;
    this[from.section].splice(from.index, 1);
    this[section].splice(index, 0, from.sentence);
    this.onChange();
  }
}

/** Who is said to have written one language (`each`) of two sentences that were joined in `lang`. */
function of(each, lang, ...sentences) {
  const written = sentences.filter((s) => s[each]);
  // Where nobody touched it, what a machine said stays a machine's.
  if (each === lang || written.some((s) => s.origins[each] === "person")) return { origin: "person", confirmed: false };
  return { origin: written[0].origins[each] ?? "person", confirmed: written.every((s) => s.confirmed.includes(each)) };
}

/** Two texts as one: with a space between words that need one. */
function together(first, second) {
  const [one, other] = [first.trimEnd(), second.trimStart()];
  const apart = /[\w.,;:!?)%]$/.test(one) && /^[\w(]/.test(other);
  return one + (apart ? " " : "") + other;
}

// Words underlined in a text: which of them, and how each piece of them looks.

const WEIGHT = { hint: 1, warn: 2, block: 3 };

/**
 * The pieces of `text` to underline, in order: `{start, end, attributes}` in UTF-16 units. `spans` are of warnings,
 * each `{start, end, severity, key}`; where they overlap, the line of the more serious one is drawn. `found`: words that
 * a search found, `{start, end, current}`; `pointed`: the key of the warning that has the focus.
 */
export function pieces(text, spans, { found = [], pointed = null } = {}) {
  const every = [...spans, ...found];
  const edges = new Set(every.flatMap(({ start, end }) => [start, end]).filter((at) => at <= text.length));
  const places = [...edges].sort((a, b) => a - b);
  return places.slice(1).flatMap((end, at) => {
    const start = places[at];
    const covers = (span) => span.start <= start && end <= span.end;
    const [warned, matched] = [spans.filter(covers), found.filter(covers)];
    return warned.length || matched.length ? [{ start, end, attributes: look(warned, matched, pointed) }] : [];
  });
}

function look(warned, matched, pointed) {
  const classes = matched.map(({ current }) => (current ? "rd-found rd-found-now" : "rd-found"));
  if (!warned.length) return { class: classes.join(" ") };
  const [severity] = warned.map((span) => span.severity).sort((a, b) => WEIGHT[b] - WEIGHT[a]);
  const keys = warned.map((span) => span.key);
  if (keys.includes(pointed)) classes.push("rd-pointed");
  return { class: ["rd-underlined", ...classes].join(" "), "data-severity": severity, "data-keys": keys.join(" ") };
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

function lead(text) {
  return text.length - text.trimStart().length;
}

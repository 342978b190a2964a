// Fields of a template's or a phrase's text, written as hospitals write them: ( ), ( left / right ), （有/无）.
// As reports/template_fields.py reads them.

const FIELD = /[(\uff08]([^()\uff08\uff09]*)[)\uff09]/g;

/** The fields of `text` in reading order: `{start, end, choices}`, choices empty where anything may be written. */
export function textFields(text) {
  const found = [];
  for (const match of text.matchAll(FIELD)) {
    const parts = match[1].trim().split(/\s*[/\uff0f]\s*/);
    if (match[1].trim() && parts.length < 2) continue;
    found.push({ start: match.index, end: match.index + match[0].length, choices: parts.filter(Boolean) });
  }
  return found;
}

// A draft while it is being written: the finished sentences so far and a cursor where the next comes.

import { arrange, h, part } from "/ui/dom.js";
import { SECTIONS } from "/ui/document.js";
import { t } from "/ui/i18n.js";

const rows = new WeakMap();

/** Show `view.partial` below `root`; rows already shown are left as they are. */
export function showPartial(root, view) {
  const known = rows.get(root) ?? new Map();
  rows.set(root, known);
  const last = view.partial.at(-1);
  for (const section of SECTIONS) {
    const items = view.partial
      .filter((piece) => piece.section === section)
      .map((piece) => item(known, view.case.case_id, piece, piece === last));
    arrange(part(root, section), items);
  }
}

function item(known, caseId, { sentence }, isLast) {
  const key = `${caseId}/${sentence.id}/${sentence.zh}`;
  let row = known.get(key);
  if (!row) {
    row = h(
      "li",
      { class: "rd-sentence rd-arriving" },
      h("div", { class: "rd-side" }, h("span", { class: "rd-origin", dataset: { origin: sentence.origin }, text: t(`origin_${sentence.origin}`) })),
      h("p", { lang: "zh-CN", text: sentence.zh }),
      h("p", { lang: "en", text: sentence.en }),
    );
    known.set(key, row);
  }
  row.classList.toggle("rd-cursor", isLast);
  return row;
}

// What each line of the worklist shows beside name and state: as its reader chooses, kept with his account.

import { getChanged, send } from "/ui/api.js";
import { arrange, h, setText } from "/ui/dom.js";
import { formatDate, has, t } from "/ui/i18n.js";
import { emit } from "/ui/state.js";

/** Those that stand in a line of their own below, each with what it says of a study; empty where nothing is known. */
const DETAILS = {
  people: (row) => people(row),
  study_date: (row) => labelled("study_date", row.study_time && formatDate(row.study_time)),
  site: (row) => labelled("site", row.site),
  patient_id: (row) => labelled("patient_id", row.patient_id),
  accession: (row) => labelled("accession", row.accession),
  quality: (row) => labelled("quality", has(`verdict_${row.verdict}`) ? t(`verdict_${row.verdict}`) : row.verdict),
};

export class Columns {
  constructor() {
    this.chosen = new Set(["age", "waiting", "modality", "body_part", "priority", "people"]);
    this.offered = [];
    this.keeping = Promise.resolve();
  }

  /** What was chosen; the preset stays where it cannot be had. */
  async load() {
    const kept = await getChanged("/worklist/columns", { fresh: true }).catch(() => null);
    if (kept) this.take(kept);
  }

  take({ columns, offered }) {
    this.chosen = new Set(columns);
    this.offered = offered;
    emit("columns");
  }

  /** A box for each; `onError` is told why one was not kept. */
  fieldset(onError) {
    const box = (name) => {
      const input = h("input", { type: "checkbox", name: `column_${name}`, onchange: () => this.choose(name, input.checked, onError) });
      input.checked = this.chosen.has(name);
      return h("label", { class: "rd-asked-check" }, input, h("span", { text: t(`column_${name}`) }));
    };
    return h("fieldset", { class: "rd-columns rd-asked-wide" }, h("legend", { text: t("columns") }), ...this.offered.map(box));
  }

  /** One after the other: each builds on what the one before left. */
  choose(name, wanted, onError) {
    this.keeping = this.keeping.then(() => this.keep(name, wanted, onError));
    return this.keeping;
  }

  async keep(name, wanted, onError) {
    const columns = this.offered.filter((other) => (other === name ? wanted : this.chosen.has(other)));
    try {
      this.take(await send("PUT", "/worklist/columns", { columns }));
    } catch (error) {
      onError(error);
    }
  }

  /** Fill `element` with what a line says below. */
  details(element, row) {
    const texts = Object.entries(DETAILS)
      .filter(([name]) => this.chosen.has(name))
      .map(([, say]) => say(row))
      .filter(Boolean);
    const kept = [...element.children];
    arrange(element, texts.map((_, place) => kept[place] ?? h("span", {})));
    texts.forEach((text, place) => setText(element.children[place], text));
  }
}

/** "Author Li", "Author Li · reviewer Wang". */
function people({ author, reviewer }) {
  if (!author) return "";
  return reviewer ? t("row_two_people", { author, reviewer }) : t("row_author", { author });
}

function labelled(name, value) {
  return value ? t("row_detail", { name: t(`column_${name}`), value }) : "";
}

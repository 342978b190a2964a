// One line of the technologist's page: whose image, of what, how good, what to correct, and of which it is a retake.

import { ApiError, sentenceOf } from "/ui/api.js";
import { h, setText } from "/ui/dom.js";
import { bodyPart, has, language, number, personNames, pick, since, t } from "/ui/i18n.js";

/** From when on a verdict that is not there is called late. */
const SLOW_MS = 10000;
const WRONG = ["poor", "refuse"];

/** Whether the patient should not leave yet: a poor image, or one that was refused. */
export function needsCorrection(line) {
  return WRONG.includes(line.verdict) || line.refused > 0 || unreadable(line);
}

/** How many images of a line have no verdict yet. */
export function unjudged(line) {
  return line.images - line.judged;
}

/** What is sent with every study and is no image is nobody's mistake. */
function unreadable(line) {
  return Boolean(line.problem) && line.code !== "not_an_image";
}

export class ArrivalLine {
  /** `relink(line, replaces)` keeps a link; ApiError where it is refused. */
  constructor(relink) {
    this.relink = relink;
    this.told = null;
    this.picture = h("div", { class: "ar-picture" });
    this.who = h("div", { class: "ar-who" });
    this.what = h("div", { class: "ar-what" });
    this.verdict = h("div", { class: "ar-verdict" });
    this.time = h("p", { class: "ar-time" });
    this.late = h("p", { class: "ar-late" });
    this.links = h("div", { class: "ar-links" });
    const when = h("div", { class: "ar-when" }, this.time, this.late, this.links);
    this.element = h("li", { class: "ar-line" }, this.picture, this.who, this.what, this.verdict, when);
  }

  update(line, byArrival, now) {
    setText(this.time, t("arrivals_at", { time: clock(line.last_at), since: ago(line.last_at, now) }));
    setText(this.late, lateness(line, now));
    const earlier = [line.link?.replaces, line.replaced_by, ...line.may_replace].map((id) => byArrival.get(id)?.last_at);
    const version = JSON.stringify([language(), line, earlier]);
    // Whoever has a choice open is not disturbed.
    if (version !== this.told && !this.links.contains(document.activeElement)) {
      this.told = version;
      this.draw(line, byArrival);
    }
    return this.element;
  }

  draw(line, byArrival) {
    const { dataset } = this.element;
    dataset.arrival = line.arrival_id;
    dataset.tone = tone(line);
    dataset.replaced = String(Boolean(line.replaced_by));
    this.drawPicture(line);
    this.who.replaceChildren(...who(line));
    this.what.replaceChildren(...what(line));
    this.verdict.replaceChildren(...verdict(line));
    this.drawLinks(line, byArrival);
  }

  drawPicture(line) {
    const src = line.picture ? `/api/arrivals/${line.picture}/picture` : "";
    if (this.picture.dataset.src === src) return;
    this.picture.dataset.src = src;
    this.picture.replaceChildren(...(src ? [h("img", { src, alt: "", loading: "lazy", draggable: "false" })] : []));
  }

  drawLinks(line, byArrival) {
    const at = (id) => (byArrival.has(id) ? clock(byArrival.get(id).last_at) : t("arrivals_earlier"));
    const { link } = line;
    const parts = [];
    if (line.replaced_by) parts.push(h("p", { class: "ar-replaced", text: t("arrivals_replaced", { time: at(line.replaced_by) }) }));
    if (link?.replaces) {
      parts.push(
        h("p", { class: "ar-retake", text: t("arrivals_retake", { time: at(link.replaces) }), title: link.by ? t("arrivals_linked_by", { name: link.by }) : t("arrivals_linked_by_rule") }),
        h("button", { type: "button", class: "rd-link", dataset: { part: "unlink" }, text: t("arrivals_unlink"), onclick: () => this.keep(line, null) }),
      );
    } else if (line.is_image && line.may_replace.length) {
      const choices = line.may_replace.map((id) => h("option", { value: id, text: t("arrivals_choice", { time: at(id), verdict: t(`arrivals_verdict_${byArrival.get(id)?.verdict ?? "none"}`) }) }));
      const select = h("select", { class: "rd-input", dataset: { part: "link" }, "aria-label": t("arrivals_link"), onchange: () => this.keep(line, Number(select.value)) }, h("option", { value: "", text: t("arrivals_link") }), ...choices);
      parts.push(select);
    }
    this.refusal = h("p", { class: "rd-bad", role: "alert" });
    this.links.replaceChildren(...parts, this.refusal);
  }

  async keep(line, replaces) {
    document.activeElement?.blur();
    try {
      await this.relink(line, replaces);
    } catch (error) {
      setText(this.refusal, sentenceOf(error, "step_unreachable"));
    }
  }
}

function who(line) {
  const name = personNames(line.patient_name).join(" ");
  const device = [line.station, line.source].filter(Boolean).join(" · ");
  const nameless = line.judged ? t("unknown") : t("arrivals_unread");
  return [
    h("strong", { text: name || nameless }),
    h("p", { class: "rd-dim", text: [line.patient_id, line.accession].filter(Boolean).join(" · ") }),
    h("p", { class: "rd-dim ar-where", text: device, title: line.model }),
  ];
}

function what(line) {
  const side = has(`arrivals_side_${line.laterality}`) ? t(`arrivals_side_${line.laterality}`) : "";
  const first = [line.modality, line.body_part ? bodyPart(line.body_part) : "", line.view, side].filter(Boolean).join(" ");
  const parts = [h("strong", { text: first || t("unknown_short") })];
  if (line.no_study && !line.problem) parts.push(h("p", { class: "rd-warn", text: t("arrivals_no_study") }));
  if (line.images > 1) {
    const counts = { n: number(line.images), series: number(line.series) };
    parts.push(h("p", { class: "rd-dim", text: t(line.series ? "arrivals_slices" : "arrivals_count", counts) }));
    if (unjudged(line)) {
      parts.push(h("progress", { max: line.images, value: line.judged, "aria-label": t("arrivals_progress", { n: number(line.judged), total: number(line.images) }) }));
    }
  }
  parts.push(h("p", { class: "rd-dim", text: t(line.waiting ? "arrivals_waiting" : line.refused === line.images ? "arrivals_quarantine" : "arrivals_taken") }));
  if (line.repeats) parts.push(h("p", { class: "rd-dim", text: t("arrivals_repeated", { n: number(line.repeats), time: clock(line.repeated_at) }) }));
  return parts;
}

function verdict(line) {
  const parts = [h("p", {}, h("span", { class: "ar-chip", text: chip(line) }), line.judged_by && h("span", { class: "rd-dim", text: t(`arrivals_by_${line.judged_by}`) }))];
  if (line.refused) parts.push(h("p", { class: "rd-bad", text: t("arrivals_refused", { n: number(line.refused) }) }));
  if (line.problem) parts.push(h("p", { class: "ar-problem" }, h("span", { text: pick(line.problem) }), " ", h("code", { text: line.code })));
  if (line.remarks.length) {
    parts.push(h("ul", {}, ...line.remarks.map((remark) => h("li", { dataset: { severity: remark.severity }, text: pick(remark) }))));
  }
  if (line.study_verdict) parts.push(h("p", { class: "rd-dim", text: t("arrivals_study", { verdict: t(`verdict_${line.study_verdict}`) }) }));
  return parts;
}

/** What stands in the coloured field. */
function chip(line) {
  if (!line.judged) return t("arrivals_not_yet");
  if (line.verdict === "good" && line.judged_by === "header") return t("arrivals_header_good");
  if (!line.verdict && unreadable(line)) return t("arrivals_unreadable");
  return t(`arrivals_verdict_${line.verdict ?? "none"}`);
}

function tone(line) {
  if (!line.judged) return "open";
  if (line.refused || unreadable(line)) return "refuse";
  if (line.verdict === "good" && line.judged_by === "header") return "none";
  return line.verdict ?? "none";
}

/** That judging is slow, or stands still; nothing while it is not. */
function lateness(line, now) {
  const waited = now - new Date(line.last_at);
  return unjudged(line) && waited > SLOW_MS ? t("arrivals_late", { n: number(Math.floor(waited / 1000)) }) : "";
}

/** "just now", "12 min". */
function ago(iso, now) {
  return now - new Date(iso) < 60000 ? t("arrivals_now") : since(iso, now);
}

/** Local time of day to the second: 09:05:12. */
function clock(iso) {
  const date = new Date(iso);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}

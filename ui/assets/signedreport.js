// A signed report as whoever treats the patient reads it: newest version first, what changed, images, other studies.

import { findingName } from "/ui/alarm.js";
import { bytes } from "/ui/api.js";
import { changeParts } from "/ui/changes.js";
import { h, setText } from "/ui/dom.js";
import { bodyPart, formatDate, has, language, onLanguage, personNames, pick, t } from "/ui/i18n.js";
import { signatureLine, signatureRemark } from "/ui/standing.js";

const SECTIONS = ["findings", "impression"];
const CITED_MS = 6000;

/** "F · 54 y", what of it is known. */
export function sexAndAge(sex, age) {
  const years = age === null || age === undefined ? "" : t("years", { n: age });
  return [has(`sex_${sex}`) ? t(`sex_${sex}`) : "", years].filter(Boolean).join(" · ");
}

/** A sentence in the page's language, in the other where it was signed in that alone. */
export function wording(sentence, lang = language() === "zh-CN" ? "zh" : "en") {
  const other = lang === "zh" ? "en" : "zh";
  return sentence[lang].trim() ? { text: sentence[lang], lang } : { text: sentence[other], lang: other };
}

export class SignedReportView {
  constructor() {
    /** Whether both languages are shown; images by their id, as addresses of this page. */
    this.both = false;
    this.pictures = new Map();
    this.clear();
    onLanguage(() => (this.drawn = null));
  }

  clear() {
    this.drawn = null;
    this.seen = null;
    for (const address of this.pictures.values()) address.then((url) => url && URL.revokeObjectURL(url));
    this.pictures.clear();
    if (this.news) this.news.hidden = true;
  }

  /** The page's parts, in the order in which a phone shows them. */
  begin(handover, conversation) {
    const section = (name) => h("section", { class: `ak-part ak-${name}`, dataset: { part: name } });
    Object.assign(this, { who: section("who"), alerts: section("alerts"), report: section("report"), images: section("images"), patient: section("patient"), earlier: section("earlier") });
    this.news = h("p", { class: "ak-news", role: "status", dataset: { part: "news" }, hidden: true });
    this.warning = h("p", { class: "rd-broken", role: "alert", dataset: { part: "warning" }, hidden: true });
    const parts = [this.alerts, this.report, handover, conversation, this.images, this.earlier, this.patient];
    return [this.who, this.news, this.warning, h("div", { class: "ak-columns" }, ...parts)];
  }

  update(view) {
    const [newest] = view.versions;
    if (this.seen !== null && newest.version > this.seen) this.tell(newest);
    this.seen = newest.version;
    // What is asked meanwhile moves nothing that is being read.
    const { turns, inquiries, ...shown } = view;
    const version = JSON.stringify([language(), this.both, shown]);
    if (this.drawn === version) return;
    this.drawn = version;
    this.view = view;
    this.drawWho(view);
    this.warning.hidden = !view.warning;
    setText(this.warning, view.warning ? pick({ zh: view.warning[0], en: view.warning[1] }) : "");
    this.drawAlerts(view);
    this.drawReport(newest);
    this.drawImages(view);
    this.drawEarlier(view);
    this.drawPatient(view);
  }

  /** Another version was signed while the page was open. */
  tell(newest) {
    const kind = t(`amendment_${newest.amendment?.kind ?? "amendment"}`);
    setText(this.news, t("asking_amended", { kind, version: newest.version, time: formatDate(newest.signed_at) }));
    this.news.hidden = false;
  }

  drawWho({ identity, case: study }) {
    const { patient } = identity;
    const [name, ...others] = personNames(patient.name);
    const facts = [
      ["patient_id", patient.patient_id],
      ["accession", identity.accession],
      ["study_date", identity.study_time && formatDate(identity.study_time)],
      ["by_site", study.site],
    ];
    const body = [study.modality, bodyPart(study.body_part), has(`view_${study.view}`) ? t(`view_${study.view}`) : ""].filter(Boolean).join(" · ");
    this.who.replaceChildren(
      h("h2", {}, h("strong", { text: name || t("unknown") }), ...others.map((other) => h("span", { class: "rd-dim", text: other })), h("span", { text: sexAndAge(patient.sex, identity.age_years) })),
      h("p", { text: body }),
      h("dl", {}, ...facts.map(([key, value]) => h("div", {}, h("dt", { text: t(key) }), h("dd", { text: value || t("unknown") })))),
    );
  }

  drawAlerts({ alerts, unreadable_alerts: unreadable }) {
    this.alerts.hidden = !alerts.length && !unreadable.length;
    this.alerts.replaceChildren(
      h("h3", { text: t("alerts_title") }),
      ...unreadable.map((id) => h("p", { class: "rd-bad", text: t("alert_unreadable", { id }) })),
      ...alerts.map((alert) => h("p", { dataset: { state: alert.state } }, h("b", { text: findingName(alert) }), h("span", { text: toldOf(alert) }))),
    );
  }

  drawReport(newest) {
    const both = h("button", { type: "button", class: "rd-button", "aria-pressed": String(this.both), dataset: { part: "both" }, text: t("asking_both"), onclick: () => this.toggle() });
    const bilingual = newest.confirmed.length > 1;
    this.report.replaceChildren(
      h("div", { class: "ak-head" }, h("h3", { text: t("asking_newest", { version: newest.version }) }), bilingual ? both : ""),
      h("p", { class: "ak-signed", text: signatureLine(newest) }),
      remark(newest),
      ...SECTIONS.flatMap((name) => this.section(newest.report, name)),
    );
  }

  toggle() {
    this.both = !this.both;
    this.update(this.view);
    this.report.querySelector("[data-part=both]")?.focus();
  }

  section(report, name) {
    if (!report[name].length) return [];
    const lines = report[name].map((sentence) => {
      const first = wording(sentence);
      const second = this.both ? wording(sentence, first.lang === "zh" ? "en" : "zh") : first;
      const texts = second.lang === first.lang ? [first] : [first, second];
      return h("li", { dataset: { sentence: sentence.id } }, ...texts.map(({ text, lang }, place) => h("p", { class: place ? "rd-dim" : "", lang: lang === "zh" ? "zh-CN" : "en", text })));
    });
    return [h("h4", { text: t(name) }), h("ol", { class: "ak-sentences" }, ...lines)];
  }

  /** Show the sentences that an answer rests on, where they stand in the version that is shown. */
  cite(ids) {
    const places = [...this.report.querySelectorAll("[data-sentence]")].filter((line) => ids.includes(line.dataset.sentence));
    for (const line of places) {
      line.dataset.cited = "true";
      setTimeout(() => delete line.dataset.cited, CITED_MS);
    }
    places[0]?.scrollIntoView({ block: "center" });
  }

  drawImages({ images, dropped }) {
    this.images.hidden = !images.length && !dropped;
    const figures = images.map((id, place) => h("li", {}, this.picture(id, t("image_number", { n: place + 1 }))));
    this.images.replaceChildren(
      h("h3", { text: t("asking_images") }),
      dropped ? h("p", { class: "rd-dim", text: t("asking_images_dropped") }) : h("ul", { class: "ak-pictures" }, ...figures),
      h("p", { class: "rd-dim", text: t("asking_images_hint") }),
    );
  }

  /** A key image that opens large at a press. */
  picture(id, name) {
    const image = h("img", { alt: name });
    // Asked for as everything here: by whom this page is.
    if (!this.pictures.has(id)) this.pictures.set(id, bytes(`/images/${id}/png`).then((content) => URL.createObjectURL(new Blob([content], { type: "image/png" }))).catch(() => ""));
    this.pictures.get(id).then((url) => (url ? image.setAttribute("src", url) : image.replaceWith(h("span", { class: "rd-bad", text: t("asking_image_away") }))));
    return h("button", { type: "button", class: "ak-image", "aria-label": t("asking_image_open", { name }), onclick: () => enlarge(image.src, name) }, image);
  }

  drawEarlier({ versions }) {
    const changed = versions.filter((version) => version.changes.length || version.version < versions[0].version);
    this.earlier.hidden = versions.length < 2;
    const open = new Set([...this.earlier.querySelectorAll("details[open]")].map((element) => element.dataset.version));
    this.earlier.replaceChildren(h("h3", { text: t("asking_versions") }), ...(versions.length < 2 ? [] : changed.map((version) => this.version(version, versions[0], open))));
  }

  version(signed, newest, open) {
    const changes = signed.changes.length
      ? [h("h4", { text: t("asking_changes", { version: signed.version }) }), h("ul", { class: "rd-changes" }, ...signed.changes.map((change) => h("li", {}, ...changeParts(change))))]
      : [];
    const text = signed.version < newest.version ? SECTIONS.flatMap((name) => this.section(signed.report, name).map(withoutIds)) : [];
    return h(
      "details",
      { dataset: { version: String(signed.version) }, open: open.has(String(signed.version)) || (signed === newest && signed.changes.length > 0) },
      h("summary", { text: t(signed === newest ? "asking_version_newest" : "asking_version_old", { version: signed.version, time: formatDate(signed.signed_at) }) }),
      h("p", { class: "ak-signed", text: signatureLine(signed) }),
      remark(signed),
      ...changes,
      ...text,
    );
  }

  /** The patient's other signed studies, newest first; where this one stands among them. */
  drawPatient({ patient_studies: studies }) {
    this.patient.hidden = !studies.length;
    const later = studies.filter((study) => study.days_before < 0);
    const here = h("li", { class: "ak-here", "aria-current": "true" }, h("b", { text: t("asking_this_study") }));
    const earlier = studies.filter((study) => study.days_before >= 0);
    this.patient.replaceChildren(h("h3", { text: t("asking_patient") }), h("ol", { class: "ak-line" }, ...later.map((study) => this.other(study)), here, ...earlier.map((study) => this.other(study))));
  }

  other(study) {
    const { signed } = study;
    const title = [study.study_time ? formatDate(study.study_time) : t("unknown"), study.modality, bodyPart(study.body_part)].filter(Boolean).join(" · ");
    if (!signed) return h("li", {}, h("b", { text: title }), h("span", { class: "rd-bad", text: t("prior_broken") }));
    const first = signed.report.impression[0] ?? signed.report.findings[0];
    const names = [signed.author, signed.reviewer].filter(Boolean).join(t("list_comma"));
    return h(
      "li",
      { dataset: { later: String(study.days_before < 0) } },
      h(
        "details",
        {},
        h("summary", {}, h("b", { text: title }), h("span", { class: "rd-dim", text: first ? wording(first).text : "" })),
        h("p", { class: "ak-signed", text: t("asking_other_signed", { name: names, time: formatDate(signed.signed_at), version: signed.version }) }),
        ...SECTIONS.flatMap((name) => this.section(signed.report, name).map(withoutIds)),
        h("a", { class: "rd-link", href: `/s/${encodeURIComponent(study.accession || study.case_id)}`, text: t("asking_open") }),
      ),
    );
  }
}

/** Sentences of another version or study: no answer's quotation leads there. */
function withoutIds(element) {
  for (const line of element.querySelectorAll("[data-sentence]")) delete line.dataset.sentence;
  return element;
}

function remark(signed) {
  const text = signatureRemark(signed);
  return text ? h("p", { class: "ak-remark", text }) : "";
}

/** Who was told of a critical value, how and when, and whether he confirmed it. */
function toldOf({ state, told, acknowledged }) {
  if (state === "withdrawn") return t("alert_withdrawn");
  if (!told) return t("asking_nobody_told");
  const how = told.channel ? t(`channel_${told.channel}`) : "";
  const said = t("asking_told", { whom: told.whom, how, by: told.by, time: formatDate(told.at) });
  const then = acknowledged ? t("asking_acknowledged", { by: acknowledged.by, time: formatDate(acknowledged.at) }) : t("asking_not_acknowledged");
  return [said, then].join(" · ");
}

function enlarge(source, name) {
  const close = h("button", { type: "button", class: "rd-button", text: t("panel_close"), onclick: () => dialog.close() });
  const dialog = h("dialog", { class: "rd rd-dialog ak-large", "aria-label": name }, h("img", { src: source, alt: name }), close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

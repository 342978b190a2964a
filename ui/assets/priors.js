// Earlier studies of the same patient: a quiet line, or a question to the reader.

import { h } from "/ui/dom.js";
import { has, personNames, t } from "/ui/i18n.js";
import { bind } from "/ui/keys.js";
import { may } from "/ui/session.js";
import { state } from "/ui/state.js";
import { StudyPanel } from "/ui/studypanel.js";

const AGREES = /_(same|sound|same_site|fits)$/;
const DIFFERS = /_(differs|homophone|one_off|order|swapped|year_off|typo|year)$/;

/** Keep `element` showing the open study's earlier studies. */
export async function mountPriors(element) {
  const panel = new Priors(element, "priors");
  await panel.mount();
  bind("report.prior", () => panel.toggleNewest());
}

class Priors extends StudyPanel {
  clear() {
    this.opened = new Set();
    super.clear();
  }

  /** Its line is there from the beginning: the sentences below do not move once somebody reads them. */
  waiting() {
    this.element.hidden = false;
    this.element.replaceChildren(h("p", { class: "rd-prior-line rd-dim", text: t("prior_looking") }));
  }

  render() {
    if (!this.found) {
      if (this.loaded) this.waiting();
      return;
    }
    const { archived, priors, to_confirm: doubtful, rejected } = this.found;
    this.element.hidden = false;
    const none = !priors.length && !doubtful.length;
    const lines = [
      archived ? this.ofThisStudy(archived) : null,
      none ? this.nothing() : null,
      ...priors.map((one) => this.linked(one)),
      ...doubtful.map((one) => this.question(one)),
      ...rejected.map((one) => this.refused(one)),
    ];
    if (this.told) lines.push(h("p", { class: "rd-bad", role: "alert", text: this.told }));
    this.element.replaceChildren(...lines.filter(Boolean));
  }

  /** The report that another system has of the open study itself. */
  ofThisStudy(archived) {
    const line = h("p", { class: "rd-prior-line" }, h("b", { text: t("archived_own") }), this.toggleButton(state.caseId));
    return h("div", {}, line, this.opened.has(state.caseId) ? external(archived) : null);
  }

  /** Show the report of a study, or hide it. */
  toggle(caseId) {
    if (!this.opened.delete(caseId)) this.opened.add(caseId);
    this.render();
  }

  /** The button that does it. */
  toggleButton(caseId) {
    const shown = String(this.opened.has(caseId));
    return h("button", { type: "button", class: "rd-link", "aria-expanded": shown, text: t("prior_report"), onclick: () => this.toggle(caseId) });
  }

  /** The same for the newest earlier study that has a report; false where there is none. */
  toggleNewest() {
    const [newest] = (this.found?.priors ?? []).filter((one) => one.report || one.archived).sort((one, other) => one.days_before - other.days_before);
    return newest ? this.toggle(newest.case_id) : false;
  }

  nothing() {
    const key = this.found.state === "not_looked" ? "prior_not_looked" : "prior_none";
    return h("p", { class: "rd-prior-line rd-dim", text: t(key) });
  }

  linked(one) {
    const shown = this.opened.has(one.case_id);
    const line = h(
      "p",
      { class: "rd-prior-line", title: one.reasons.map((code) => t(`match_${code}`)).join(t("list_comma")) },
      h("b", { text: t("prior") }),
      h("span", { text: examined(one) }),
      h("span", { text: when(one) }),
      one.state === "confirmed" ? h("span", { class: "rd-dim", text: t("prior_confirmed") }) : null,
      one.archived ? h("span", { class: "rd-tag", text: t("prior_archived"), title: t("prior_archived_hint") }) : null,
      one.report || one.archived
        ? this.toggleButton(one.case_id)
        : h("span", one.broken ? { class: "rd-bad", role: "alert", text: t("prior_broken") } : { class: "rd-dim", text: t("prior_unsigned") }),
      h("a", { class: "rd-link", href: `/#${one.case_id}`, target: "_blank", rel: "noopener", text: t("prior_open") }),
      h("span", { class: "rd-spring" }),
      decides() ? h("button", { type: "button", class: "rd-tool", text: t("prior_not_same"), onclick: () => this.say(one.case_id, false) }) : null,
    );
    const content = one.report ? () => report(one.report) : () => external(one.archived);
    return h("div", {}, line, shown && (one.report || one.archived) ? content() : null);
  }

  question(one) {
    const [name] = personNames(one.patient.name);
    const sex = has(`sex_${one.patient.sex}`) ? t(`sex_${one.patient.sex}`) : t("unknown");
    const here = state.view.identity.patient.birth_date;
    const dates = [one.patient.birth_date, here].map((day) => day ?? t("unknown"));
    const born = dates[0] === dates[1] ? dates[0] : t("prior_born", { there: dates[0], here: dates[1] });
    const facts = [name || t("unknown"), sex, born, `${t("patient_id")} ${one.patient.patient_id || t("unknown")}`, one.site];
    return h(
      "div",
      { class: "rd-prior-ask" },
      h(
        "p",
        { class: "rd-prior-line" },
        h("b", { text: t("prior_possible") }),
        h("span", { text: `${examined(one)} ${when(one)}` }),
        h("span", { class: "rd-prior-who", text: facts.join(" · ") }),
      ),
      h(
        "p",
        { class: "rd-prior-line" },
        ...compared(one.reasons),
        decides()
          ? h(
              "span",
              { class: "rd-prior-acts" },
              h("button", { type: "button", class: "rd-button", text: t("prior_same"), onclick: () => this.say(one.case_id, true) }),
              h("button", { type: "button", class: "rd-button", text: t("prior_not_same"), onclick: () => this.say(one.case_id, false) }),
            )
          : null,
      ),
    );
  }

  refused(one) {
    return h(
      "p",
      { class: "rd-prior-line rd-dim" },
      h("span", { text: t("prior_rejected", { study: `${examined(one)} ${when(one)}` }) }),
      decides() ? h("button", { type: "button", class: "rd-link", text: t("prior_is_same"), onclick: () => this.say(one.case_id, true) }) : null,
    );
  }
}

/** Whether the person at the page may say whose study another is: who reads it from another site may not. */
function decides() {
  return !state.view.reading_site && may("write", state.view);
}

/** What agrees and what differs, as two short lists. */
function compared(reasons) {
  const words = (codes) => codes.map((code) => t(`match_${code}`)).join(t("list_comma"));
  const differs = reasons.filter((code) => DIFFERS.test(code) && code !== "number_differs");
  const agrees = reasons.filter((code) => AGREES.test(code));
  const missing = reasons.filter((code) => code.endsWith("_missing"));
  return [
    agrees.length ? h("span", { class: "rd-good", text: t("prior_agrees", { what: words(agrees) }) }) : null,
    differs.length ? h("span", { class: "rd-warn", text: t("prior_differs", { what: words(differs) }) }) : null,
    missing.length ? h("span", { class: "rd-dim", text: words(missing) }) : null,
  ];
}

function report(signed) {
  const lines = (section) => signed[section].map((one) => h("li", {}, h("span", { text: one.zh }), h("span", { text: one.en })));
  const parts = ["findings", "impression"].filter((section) => signed[section].length);
  return h(
    "div",
    { class: "rd-prior-report" },
    ...parts.flatMap((section) => [h("h2", { text: t(section) }), h("ul", {}, ...lines(section))]),
  );
}

/** A report of another system, word for word, and who wrote it there. */
function external(archived) {
  const parts = (text) =>
    ["findings", "impression"]
      .filter((section) => text[section])
      .flatMap((section) => [h("h2", { text: t(section) }), h("p", { class: "rd-prior-text", text: text[section] })]);
  const added = (text) => [h("h2", { text: [t("archived_addendum"), written(text)].filter(Boolean).join(" · ") }), ...parts(text).filter((part) => part.tagName === "P")];
  return h(
    "div",
    { class: "rd-prior-report" },
    h("p", { class: "rd-dim", text: t("prior_archived_hint") }),
    h("p", { class: "rd-dim", text: written(archived) }),
    ...parts(archived),
    ...archived.addenda.flatMap(added),
  );
}

/** Who wrote and who reviewed a report elsewhere, and when by the clock there. */
function written(text) {
  const { author, reviewer, reported_at: at } = text;
  return [
    author ? t("archived_author", { name: author }) : "",
    reviewer ? t("archived_reviewer", { name: reviewer }) : "",
    at ? at.replace("T", " ").slice(0, 16) : "",
  ].filter(Boolean).join(t("list_comma"));
}

function examined(one) {
  const body = `body_${one.body_part.toLowerCase()}`;
  const view = has(`view_${one.view}`) ? t(`view_${one.view}`) : "";
  return [one.modality, has(body) ? t(body) : one.body_part, view].filter(Boolean).join(" ");
}

/** "120 days earlier"; longer ago in months and years. */
function when(one) {
  const days = one.days_before;
  if (days === 0) return t("prior_same_day");
  if (days < 200) return t("prior_days", { n: days });
  if (days < 730) return t("prior_months", { n: Math.round(days / 30.44) });
  return t("prior_years", { n: (days / 365.25).toFixed(1) });
}

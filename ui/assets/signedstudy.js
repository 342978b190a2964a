// Signed studies for whoever reads them: found by name or number, one of them open and kept current.

import { mountAccount } from "/ui/account.js";
import { ApiError, getChanged, send, sentenceOf } from "/ui/api.js";
import { Conversation } from "/ui/conversation.js";
import { h, part, setText } from "/ui/dom.js";
import { onGate } from "/ui/gate.js";
import { mountHandover } from "/ui/handover.js";
import { bodyPart, formatDate, onLanguage, personName, t } from "/ui/i18n.js";
import { may, signedIn } from "/ui/session.js";
import { SignedReportView, sexAndAge } from "/ui/signedreport.js";
import { fixedWords } from "/ui/standalone.js";
import { emit, state } from "/ui/state.js";
import { Watch } from "/ui/watch.js";

const LOOK_MS = 4000;
const VISIT = "radraft.visit";

/** Show the studies of `accession`; without one, a search. `visiting`: by a link, for this accession alone. */
export async function mountSignedStudy(accession, { visiting }) {
  const page = new Page(visiting);
  if (visiting) await page.beginVisit();
  else await mountAccount(document);
  if (!may("read_signed")) {
    setText(part(document, "state"), t("asking_not_allowed"));
    return;
  }
  page.begin();
  if (accession) await page.numbered(accession);
  window.addEventListener("popstate", () => location.reload());
}

class Page {
  constructor(visiting) {
    this.visiting = visiting;
    this.found = null;
    this.typed = "";
    this.ended = null;
    this.seen = null;
    this.state = part(document, "state");
    this.study = part(document, "study");
    this.handover = h("div", { class: "rd-handover", role: "group", "aria-label": t("handover") });
    this.report = new SignedReportView();
    this.conversation = new Conversation({ onCite: (turn) => this.report.cite(turn), refresh: () => this.watch.now(true), links: !visiting });
  }

  /** Who came by a link: his name and his way out; nothing here locks, and his visit ends by itself. */
  async beginVisit() {
    onGate((code) => code && this.over(() => t("visit_of_another")));
    const session = await signedIn;
    const place = part(document, "account");
    const draw = () =>
      !this.ended &&
      place.replaceChildren(
        h("span", { class: "rd-person", dataset: { part: "person" }, text: session.name, title: t("visit_via", { name: session.name, via: session.visit.via }) }),
        h("button", { type: "button", class: "rd-tool", dataset: { part: "sign-out" }, text: t("visit_leave"), onclick: () => this.leave() }),
      );
    onLanguage(draw);
    draw();
  }

  async leave() {
    await send("POST", "/session/visit/end", {}, { past: true }).catch(() => undefined);
    this.over(() => t("visit_left"));
  }

  /** Nothing of the patient stays on the page, and nothing more is asked; `say()` is what stands there instead. */
  over(say) {
    if (this.ended) return;
    this.ended = say;
    this.watch?.end();
    sessionStorage.removeItem(VISIT);
    this.found = null;
    this.close();
    this.study.replaceChildren();
    part(document, "found").replaceChildren();
    part(document, "account").replaceChildren();
    setText(this.state, say());
  }

  /** Whether a refusal ends the visit; then it is told with what to do. */
  endedBy(error) {
    if (!(error instanceof ApiError)) return false;
    // What only a proxy says of itself is no word on the visit.
    const shut = this.visiting && [401, 403].includes(error.status) && error.code !== "answer_unreadable";
    if (!shut) return false;
    this.over(() => (error.code === "visit_ended" ? sentenceOf(error) : `${sentenceOf(error)} ${t("visit_again")}`));
    return true;
  }

  begin() {
    if (!this.visiting) {
      part(document, "home").hidden = false;
      this.mountSearch();
    }
    mountHandover(this.handover);
    this.study.append(...this.report.begin(this.handover, this.conversation.element));
    onLanguage(() => this.draw());
    this.watch = new Watch((fresh) => this.look(fresh), LOOK_MS);
    this.draw();
  }

  mountSearch() {
    const form = part(document, "search");
    this.input = h("input", { type: "search", class: "rd-input", name: "search", maxlength: 200, autocomplete: "off", spellcheck: "false" });
    this.button = h("button", { type: "submit", class: "rd-button rd-primary" });
    form.append(this.input, this.button);
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.input.value.trim()) this.find(this.input.value.trim());
    });
    if (!location.pathname.startsWith("/s/")) this.input.focus();
  }

  draw() {
    fixedWords();
    document.title = t("asking_title");
    if (this.ended) return setText(this.state, this.ended());
    if (this.input) {
      this.input.placeholder = t("asking_search");
      this.input.setAttribute("aria-label", t("asking_search"));
      setText(this.button, t("asking_find"));
    }
    this.handover.setAttribute("aria-label", t("handover"));
    this.drawFound();
    this.drawStudy();
  }

  /** Look for what was typed: names and numbers stand in no address. */
  async find(text) {
    this.close();
    await this.ask(async () => {
      const { studies, unsigned, more } = await send("POST", "/signed-studies/search", { search: text });
      this.found = { asked: text, studies, unsigned, more };
      if (studies.length === 1 && !unsigned.length) await this.open(studies[0].case_id, studies[0].accession);
    });
  }

  /** Show the studies of a number that the address names. */
  async numbered(number) {
    await this.ask(async () => {
      const { studies } = await send("POST", "/signed-studies/numbered", { number });
      const signed = studies.filter((study) => study.standing === "signed");
      const unsigned = studies.filter((study) => study.standing !== "signed");
      this.found = { asked: number, studies: signed.map((study) => ({ ...study, accession: number })), unsigned, shared: signed.length > 1 };
      if (signed.length === 1) await this.open(signed[0].case_id, null);
    });
  }

  async ask(task) {
    setText(this.state, "");
    try {
      await task();
    } catch (error) {
      if (!this.endedBy(error)) setText(this.state, sentenceOf(error, "asking_away"));
    }
    this.drawFound();
  }

  drawFound() {
    const place = part(document, "found");
    if (!this.found) return void place.replaceChildren();
    const { asked, studies, unsigned, more, shared } = this.found;
    const several = studies.length > 1 || (studies.length === 1 && !state.caseId);
    const lines = [
      shared ? h("p", { class: "ak-note", text: t("asking_shared", { n: studies.length }) }) : "",
      several ? h("ul", { class: "ak-list" }, ...studies.map((study) => this.line(study))) : "",
      more ? h("p", { class: "rd-dim", text: t("asking_more") }) : "",
      ...unsigned.map((study) => h("p", { class: "ak-note", dataset: { standing: study.standing }, text: standing(study) })),
      studies.length || unsigned.length ? "" : h("p", { class: "ak-note", dataset: { standing: "none" }, text: t("asking_none", { asked }) }),
    ];
    place.replaceChildren(...lines);
  }

  line(study) {
    const name = study.patient_name === undefined ? "" : personName(study.patient_name) || t("unknown");
    const when = study.study_time ? formatDate(study.study_time) : (study.study_date ?? "");
    const facts = [sexAndAge(study.patient_sex, study.age_years), study.patient_id, study.accession, study.site].filter(Boolean).join(" · ");
    const open = () => this.ask(() => this.open(study.case_id, study.accession));
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "ak-row", dataset: { case: study.case_id }, "aria-current": String(study.case_id === state.caseId), onclick: open },
        h("b", { text: [name, [study.modality, bodyPart(study.body_part)].join(" ")].filter(Boolean).join(" · ") }),
        h("span", { text: when }),
        h("span", { class: "rd-dim", text: facts }),
      ),
    );
  }

  /** Open a study; `accession` names it in the address, null where it does already. */
  async open(caseId, accession) {
    if (state.caseId !== caseId) {
      this.close();
      state.caseId = caseId;
      // A visit is of one number: it stays in the address, so that the page can be loaded again.
      if (accession !== null && !this.visiting) {
        // Two studies of one number are told apart by the case's own.
        const named = accession && !this.found?.shared ? accession : caseId;
        history.pushState(null, "", `/s/${encodeURIComponent(named)}`);
      }
      emit("opening", caseId);
    }
    await this.load(true);
    this.study.hidden = false;
    this.conversation.newest();
  }

  close() {
    state.caseId = null;
    state.view = null;
    this.study.hidden = true;
    this.report.clear();
    this.conversation.clear();
  }

  async load(fresh) {
    const { caseId } = state;
    if (!caseId) return;
    const view = await getChanged(`/cases/${caseId}/signed`, { fresh });
    if (caseId === state.caseId) this.seen = new Date().toISOString();
    if (!view || caseId !== state.caseId) return;
    state.view = { ...view, broken: view.warning ? [view.warning] : [] };
    emit("view", state.view);
    this.drawStudy();
  }

  /** Look for what is new, and give whether the service could be asked; where not, what stays says as of when it is. */
  async look(fresh = false) {
    if (!state.caseId) return true;
    try {
      await this.load(fresh);
      setText(this.state, "");
      return true;
    } catch (error) {
      if (this.endedBy(error)) return true;
      const away = !(error instanceof ApiError) || error.passing;
      setText(this.state, away && this.seen ? t("asking_stale", { time: formatDate(this.seen) }) : sentenceOf(error, "asking_away"));
      return !away;
    }
  }

  drawStudy() {
    if (!state.view || !state.caseId) return;
    this.report.update(state.view);
    this.conversation.update(state.view);
  }
}

/** What is said of a study that nobody can read here. */
function standing(study) {
  if (study.standing === "elsewhere") return t("asking_elsewhere");
  const examined = [study.modality, bodyPart(study.body_part), study.study_date].filter(Boolean).join(" ");
  return t(`asking_${study.standing}`, { examined });
}

// The impression against its findings: what it lacks, which lines no longer hold, and what is offered in their place.

import { ApiError, send } from "/ui/api.js";
import { h, part, setText } from "/ui/dom.js";
import { pick, t } from "/ui/i18n.js";
import { withKey } from "/ui/keyhelp.js";
import { bind } from "/ui/keys.js";
import { siteLanguages } from "/ui/languages.js";
import { state } from "/ui/state.js";
import { refresh } from "/ui/study.js";

const LANGUAGES = ["zh", "en"];
const LANG_TAG = { zh: "zh-CN", en: "en" };

export class ImpressionPanel {
  /** `pane` has the report that is being edited: `document`, `editor`, `autosave`, `bar`. */
  constructor(root, pane) {
    this.pane = pane;
    this.state = part(root, "impression-state");
    this.button = part(root, "impression-write");
    this.element = part(root, "impression-offer");
    this.marks = new CSSStyleSheet();
    document.adoptedStyleSheets.push(this.marks);
    this.button.addEventListener("click", () => this.write());
    bind("impression.write", () => this.byKey());
    bind("impression.leave", () => (this.offer ? this.leave() : false));
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.offer) return;
      event.preventDefault();
      this.leave();
    });
    this.clear();
  }

  clear() {
    this.standing = null;
    this.offer = null;
    this.waiting = false;
    this.state.replaceChildren();
    this.element.replaceChildren();
    this.element.hidden = true;
    this.marks.replaceSync("");
  }

  /** Take how the impression stands (null: it is signed), as the service says after each save. */
  set(standing) {
    this.standing = standing;
  }

  render(editable) {
    this.editable = editable;
    const standing = editable ? this.standing : null;
    this.button.hidden = !editable;
    this.button.disabled = this.waiting;
    setText(this.button, t(this.waiting ? "impression_waiting" : "impression_write"));
    this.button.title = withKey(t("key_impression_write"), "impression.write");
    const lines = standing?.outdated ? standing.stale : [];
    const rules = lines.map((line) => `.rd-sentence[data-id="${CSS.escape(line.sentence_id)}"] { border-left-color: var(--rd-warn) !important; }`);
    this.marks.replaceSync(rules.join("\n"));
    this.renderState(standing);
    if (!editable) this.offer = null;
    this.renderOffer();
  }

  /** What is out of date, each a way to its sentence. */
  renderState(standing) {
    const shown = Boolean(standing?.outdated);
    const version = JSON.stringify([document.documentElement.lang, shown && standing]);
    this.state.hidden = !shown;
    if (this.state.dataset.version === version) return;
    this.state.dataset.version = version;
    if (!shown) return this.state.replaceChildren();
    const missing = standing.missing.filter((finding) => finding.important);
    this.state.replaceChildren(
      h("strong", { text: t("impression_outdated") }),
      h(
        "ul",
        {},
        ...standing.stale.map((line) => this.goTo(line.sentence_id, t(`impression_stale_${line.why}`, { finding: name(line) }))),
        ...missing.map((finding) => this.goTo(finding.sentence_id, t("impression_missing", { finding: name(finding) }))),
      ),
    );
  }

  goTo(id, text) {
    return h("li", {}, h("button", { type: "button", class: "rd-link", text, onclick: () => this.pane.editor.cite([id]) }));
  }

  /** The key writes it anew; pressed again it takes all that is offered. */
  byKey() {
    if (!this.editable) return false;
    if (this.offer && this.open.length && !this.overtaken) this.takeAll();
    else this.write();
    return true;
  }

  /** Ask for the changes that bring the impression to the findings as they are saved now. */
  async write() {
    if (this.waiting || !this.editable) return;
    const caseId = state.caseId;
    this.waiting = true;
    this.render(this.editable);
    try {
      await this.pane.autosave.flush();
      if (this.pane.autosave?.dirty) return this.pane.bar.tell(t("impression_save_first"));
      const base_revision = this.pane.autosave.base.revision;
      const offer = await send("POST", `/cases/${caseId}/impression`, { base_revision });
      if (caseId === state.caseId && this.editable) this.show(offer);
    } catch (error) {
      if (caseId !== state.caseId) return;
      this.pane.bar.tell(error instanceof ApiError ? error.sentence : t("unreachable"));
      // A colleague saved, or signed: the page shows it.
      if (error.status === 409) await refresh(true);
    } finally {
      this.waiting = false;
      if (caseId === state.caseId) this.render(this.editable);
    }
  }

  show(offer) {
    const { document: written } = this.pane;
    this.offer = offer;
    this.findings = wordsOf(written.findings);
    this.open = offer.proposals.map((proposal) => ({ ...proposal, old: written.find(proposal.sentence_id)?.sentence ?? null }));
    this.renderOffer();
    (part(this.element, "take-all") ?? part(this.element, "leave"))?.focus();
  }

  /** Whether the findings were changed since: what is offered says something else than they do. */
  get overtaken() {
    return this.offer !== null && wordsOf(this.pane.document.findings) !== this.findings;
  }

  renderOffer() {
    const { offer } = this;
    this.element.hidden = !offer;
    const version = offer && JSON.stringify([document.documentElement.lang, this.overtaken, this.open, offer.revision]);
    if (this.element.dataset.version === version) return;
    this.element.dataset.version = version ?? "";
    if (!offer) return this.element.replaceChildren();
    this.element.replaceChildren(
      h("h3", { text: t(this.open.length ? "impression_offer" : "impression_offer_none") }),
      ...this.notes().map((text) => h("p", { class: "rd-dim", text })),
      h("ol", {}, ...this.open.map((proposal) => this.row(proposal))),
      h(
        "div",
        { class: "rd-impression-acts" },
        this.open.length && !this.overtaken ? this.act("take-all", () => this.takeAll(), true) : null,
        this.overtaken ? this.act("again", () => this.write(), true) : null,
        this.act("leave", () => this.leave()),
      ),
    );
  }

  act(which, action, primary = false) {
    const text = t(`impression_${which.replace("-", "_")}`);
    const title = which === "leave" ? withKey(t("key_impression_leave"), "impression.leave") : null;
    return h("button", { type: "button", class: primary ? "rd-button rd-primary" : "rd-button", dataset: { part: which }, text, title, onclick: action });
  }

  /** What is to be known of the whole offer. */
  notes() {
    const { offer } = this;
    const left = offer.left_out.map((left) => pick(left)).join(t("comma"));
    return [
      this.overtaken && t("impression_overtaken"),
      offer.fell_back && pick({ zh: offer.fell_back[0], en: offer.fell_back[1] }),
      offer.refused && t("impression_refused", { n: offer.refused }),
      left && t("impression_left_out", { findings: left }),
      offer.contradicted.length && t("impression_contradicted", { n: offer.contradicted.length }),
    ].filter(Boolean);
  }

  row(proposal) {
    const { old } = proposal;
    const texts = (of, tag) => siteLanguages().filter((lang) => of[lang]).map((lang) => h("p", { lang: LANG_TAG[lang] }, h(tag, { text: of[lang] })));
    const button = (which, action) =>
      h("button", { type: "button", class: "rd-button rd-small", dataset: { part: which }, disabled: which === "take" && this.overtaken, text: t(`impression_${which}`), onclick: action });
    return h(
      "li",
      { class: "rd-proposal", dataset: { step: proposal.step, id: proposal.sentence_id } },
      h("span", { class: "rd-proposal-step", text: t(`impression_step_${proposal.step}`) }),
      h("div", {}, ...(old ? texts(old, "del") : []), ...texts(proposal, "ins")),
      h("div", { class: "rd-impression-acts" }, button("take", () => this.take(proposal)), button("drop", () => this.drop(proposal))),
    );
  }

  takeAll() {
    if (this.overtaken) return;
    this.done(this.putAll(this.open));
  }

  take(proposal) {
    if (this.overtaken) return;
    this.done(this.putAll([proposal]), proposal);
  }

  /** One that is not wanted. */
  drop(proposal) {
    this.open = this.open.filter((other) => other !== proposal);
    if (!this.open.length) this.leave();
    else this.renderOffer();
  }

  leave() {
    this.offer = null;
    this.renderOffer();
    this.button.focus();
    return true;
  }

  /** Put them into the report as one step; gives what takes each back, null for one that could not be taken. */
  putAll(proposals) {
    let undos = [];
    this.pane.document.together(() => {
      undos = proposals.map((proposal) => this.put(proposal));
    });
    return undos;
  }

  /** Tell what was taken, with the way back; what could not be taken any more is said. */
  done(undos, only = null) {
    const taken = undos.filter(Boolean);
    this.open = only ? this.open.filter((other) => other !== only) : [];
    if (!this.open.length) this.leave();
    this.pane.editor.render();
    this.renderOffer();
    const { bar, editor } = this.pane;
    if (taken.length < undos.length) return bar.tell(t("impression_changed", { n: undos.length - taken.length }));
    bar.offer(t("impression_taken", { n: taken.length }), () => {
      this.pane.document?.together(() => taken.reverse().forEach((undo) => undo()));
      editor.render();
    });
  }

  /** Put one proposal into the report; gives what takes it back, or null where its line is another by now. */
  put(proposal) {
    const { document: written } = this.pane;
    const { step, sentence_id: id } = proposal;
    const now = written.find(id);
    if (step === "add") {
      if (now) return null;
      const before = proposal.before ? written.impression.findIndex((line) => line.id === proposal.before) : -1;
      const index = before < 0 ? written.impression.length : before;
      return place(written, { section: "impression", index, sentence: composed(proposal) });
    }
    if (!now || now.section !== "impression" || isPersons(now.sentence)) return null;
    const removed = written.remove(id);
    if (step === "remove") return () => written.restore(removed);
    const undo = place(written, { ...removed, sentence: composed(proposal) });
    return () => undo() && written.restore(removed);
  }
}

/** Put a sentence into the report; gives what takes it out again, where nobody has changed it since. */
function place(written, where) {
  written.remember({ findings: [], impression: [where.sentence] });
  written.restore(where);
  return () => {
    const now = written.find(where.sentence.id);
    // The other language may have followed since: that is no person's.
    if (!now || isPersons(now.sentence)) return false;
    written.remove(where.sentence.id);
    return true;
  };
}

function composed({ sentence_id: id, zh, en, origin }) {
  const origins = Object.fromEntries(LANGUAGES.filter((lang) => (lang === "zh" ? zh : en)).map((lang) => [lang, origin]));
  return { id, zh, en, origin, origins, confirmed: [], finding: null, anatomy: null, laterality: null, certainty: null, evidence: [], kept: false };
}

/** Whether a person wrote or confirmed any of a sentence. */
function isPersons(sentence) {
  return Object.values(sentence.origins).includes("person") || sentence.confirmed.length > 0;
}

function words(sentence) {
  return JSON.stringify([sentence.zh.trim(), sentence.en.trim()]);
}

function wordsOf(sentences) {
  return JSON.stringify(sentences.map(words).filter((each) => each !== '["",""]'));
}

function name({ zh, en }) {
  return pick({ zh, en: en.toLowerCase() });
}

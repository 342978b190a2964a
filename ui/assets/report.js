// Right pane: one study's report, from the first drafted sentence to the signature.

import { mountAlertStrip, notified } from "/ui/alertstrip.js";
import { ApiError, send } from "/ui/api.js";
import { Autosave } from "/ui/autosave.js";
import { mountAutotext } from "/ui/autotext.js";
import { renderBanner } from "/ui/banner.js";
import { ConflictPanel } from "/ui/conflict.js";
import { part, setText } from "/ui/dom.js";
import { ReportDocument, SECTIONS, fingerprint } from "/ui/document.js";
import { Editor } from "/ui/editor.js";
import { Following, showHidden } from "/ui/following.js";
import { FindBar } from "/ui/find.js";
import { Followup } from "/ui/followup.js";
import { bodyPart, onLanguage, personName, pick, ready, t, translate } from "/ui/i18n.js";
import { ReportBar } from "/ui/bar.js";
import { DraftedSentences } from "/ui/reject.js";
import { mountChances } from "/ui/chances.js";
import { mountHandover } from "/ui/handover.js";
import { mountInquiries } from "/ui/inquiries.js";
import { renderJudged } from "/ui/judged.js";
import { mountLanguages } from "/ui/languages.js";
import { renderOffered } from "/ui/offered.js";
import { ImpressionPanel } from "/ui/impression.js";
import { told } from "/ui/opening.js";
import { showPartial } from "/ui/partial.js";
import { askPresence, standingHere, takeStudy } from "/ui/presence.js";
import { renderPresence } from "/ui/presencestrip.js";
import { merge } from "/ui/merge.js";
import { mountOrders } from "/ui/orders.js";
import { mountPatientChanges } from "/ui/patientchanges.js";
import { mountPriors } from "/ui/priors.js";
import { bindReportKeys } from "/ui/reportkeys.js";
import { asksBeforeSignOut, beforeSignOut, keepsUnsaved, may, signedIn } from "/ui/session.js";
import { TemplatePanel } from "/ui/reporttemplate.js";
import { mountSimilar } from "/ui/similar.js";
import { SignDialog } from "/ui/sign.js";
import { renderStanding } from "/ui/standing.js";
import { emit, on, state } from "/ui/state.js";
import { askStep } from "/ui/stepdialog.js";
import { beforeLeave, refresh } from "/ui/study.js";
import { allKept, keptKnown, notKept, unsavedStudies } from "/ui/unsaved.js";
import { agreedToKeep, askKept } from "/ui/keptdialog.js";
import { mountVersions } from "/ui/versions.js";
import { Warnings } from "/ui/warnings.js";

/** Refusals of a signature that its password can mend. */
const OF_PASSWORD = ["password_needed", "sign_in_refused", "sign_in_wait"];

/** Longest wait for a save before another study is opened. */
const LEAVING_MS = 2000;

/** Bring the report pane in `root` to life. */
export async function mount(root) {
  await Promise.all([ready, signedIn]);
  if (!may("read_signed")) {
    root.replaceChildren();
    return;
  }
  translate(root);
  const pane = new ReportPane(root);
  mountLanguages(root, part(root, "written-language-place"));
  mountPatientChanges(part(root, "patient-changes"));
  mountOrders(part(root, "orders"));
  mountPriors(part(root, "priors"));
  mountChances(part(root, "chances"));
  mountSimilar(part(root, "similar"));
  mountVersions(part(root, "versions"));
  mountHandover(part(root, "handover"));
  mountInquiries(part(root, "inquiries"));
  if (may("write")) mountAutotext();
  mountAlertStrip(part(root, "alerts"), part(root, "alert-dialog"));
  onLanguage(() => {
    translate(root);
    pane.render();
  });
  on("opening", () => pane.clear());
  // What was left unsaved is known first: the report is shown with it.
  let known = false;
  on("view", (view) => known && pane.update(view));
  on("refused", (error) => pane.refused(error));
  for (const event of ["llm", "presence"]) on(event, () => known && pane.render());
  let away = false;
  on("online", (online) => {
    if (online && away) pane.autosave?.again();
    away = !online;
  });
  beforeLeave(() => pane.leaveStudy());
  beforeSignOut(() => pane.leaveStudy());
  keepsUnsaved(() => pane.unsaved);
  asksBeforeSignOut(() => askKept(part(root, "dialog"), () => pane.autosave?.forget()));
  window.addEventListener("beforeunload", (event) => {
    if (agreedToKeep()) return;
    if (pane.unsavable || notKept() || unsavedStudies().size) event.preventDefault();
  });
  window.addEventListener("pagehide", () => pane.autosave?.leave());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") pane.autosave?.flush();
  });
  bindReportKeys(pane, pane.find);
  keptKnown.then(() => {
    known = true;
    if (state.view) pane.update(state.view);
  });
  for (const [event, composing] of [["compositionstart", true], ["compositionend", false]]) {
    document.addEventListener(event, () => pane.compose(composing));
  }
}

class ReportPane {
  constructor(root) {
    this.root = root;
    const lists = Object.fromEntries(SECTIONS.map((name) => [name, part(root, name)]));
    this.bar = new ReportBar(root, this);
    this.warnings = new Warnings(root, this);
    this.editor = new Editor(lists, {
      warnings: this.warnings,
      onDelete: (removed) => {
        this.bar.offerUndo(removed);
        this.drafted.removed(removed);
      },
      onTell: (text) => this.bar.tell(text),
    });
    this.following = new Following(this);
    this.impression = new ImpressionPanel(root, this);
    this.drafted = new DraftedSentences(root, this);
    this.template = new TemplatePanel(root, this);
    this.find = new FindBar(part(root, "find"), this.editor);
    this.conflict = new ConflictPanel(part(root, "conflict"), this);
    this.dialog = new SignDialog(part(root, "dialog"));
    this.followup = new Followup(part(root, "followup"), {
      onCite: (ids) => this.editor.document && this.editor.cite(ids),
    });
    for (const section of SECTIONS) {
      part(root, `add-${section}`).addEventListener("click", () => this.editor.add(section, "zh"));
    }
  }

  clear() {
    this.autosave?.close();
    this.autosave = null;
    this.document = null;
    this.following.close();
    this.mode = null;
    this.shown = null;
    this.warnings.clear();
    this.impression.clear();
    this.drafted.clear();
    this.find.close();
    this.editor.close();
    this.conflict.close();
    this.bar.clear();
    this.followup.close();
    for (const name of ["opened", "banner", "broken", "notice", "signature", "standing", "writing"]) part(this.root, name).replaceChildren();
    delete part(this.root, "standing").dataset.version;
    part(this.root, "presence").hidden = true;
    for (const name of ["broken", "notice", "judged", "signature", "standing", "writing", "bar", "section-findings", "section-impression"]) {
      part(this.root, name).hidden = true;
    }
    part(this.root, "report-issues").replaceChildren();
    part(this.root, "dismissed").hidden = true;
  }

  /** Whether anything was typed here that the service does not have. */
  get unsaved() {
    return Boolean(this.autosave?.dirty) || this.followup.unsaved || part(this.root, "alert-dialog").open;
  }

  /** Whether what was typed here could not be saved. */
  get unsavable() {
    return Boolean(this.autosave?.dirty) && ["failed", "conflict"].includes(this.bar.saved?.name);
  }

  /** Whether the report is empty because nobody, nor a model, wrote in it yet. */
  get unbegun() {
    const { working } = state.view;
    return working.state === "drafted" && SECTIONS.every((section) => !working.report[section].length);
  }

  /** A study is left: what is not saved is saved first. */
  async leaveStudy() {
    await this.editor.settled();
    // A service that does not answer keeps nobody from the next study: the text is kept and sent from there.
    const saved = Promise.all([this.autosave?.flush(), allKept()]);
    await Promise.race([saved, new Promise((resolve) => setTimeout(resolve, LEAVING_MS))]);
  }

  update(view) {
    const mode = this.arriving(view) ? "waiting" : modeOf(view);
    if (mode === "editing") this.edit(view.working, view);
    else if (!(["signed", "reading"].includes(mode) && this.autosave?.dirty)) this.readOnly(mode, view);
    this.mode = this.autosave ? "editing" : mode;
    this.warnings.set(["waiting", "broken"].includes(this.mode) ? [] : view.issues, view.working.report);
    this.impression.set(view.impression);
    this.render();
  }

  /** Whether to show a draft while it is written: nobody has written anything here yet. */
  arriving(view) {
    const begun = this.document && SECTIONS.some((section) => this.document[section].length);
    return view.working.revision === 0 && view.partial.length > 0 && !begun;
  }

  /** Show the working report; where a person is typing here, leave that alone. */
  edit(working, view) {
    if (this.autosave) {
      const newer = working.revision > this.autosave.base.revision;
      const busy = this.autosave.dirty || this.autosave.running || this.editor.composing;
      if (!newer || busy || this.conflict.open) return;
      // A row that was just added is empty, so it is not dirty; it is a person's all the same.
      if (this.autosave.base.revision === 0 && this.editor.focused) return;
      const other = working.editor && working.editor !== state.session.name;
      this.adopt(working);
      if (other) this.bar.tell(t("updated_by", { name: working.editor }));
      return;
    }
    this.begin(working, view);
  }

  begin(working, view) {
    this.document = new ReportDocument(working.report, view.offered ? null : (view.draft?.report ?? null), () => {
      this.autosave.edited();
    });
    const { document: edited } = this;
    this.autosave = new Autosave(working, {
      read: () => edited.toReport(),
      onState: (name, sentence) => this.bar.saveState(name, sentence),
      onSaved: (answer, sent) => {
        this.joined(sent, answer.working.report);
        this.document.settle(answer.working.report);
        this.warnings.set(answer.issues, answer.working.report);
        this.impression.set(answer.impression);
        this.render();
        emit("saved");
      },
      onConflict: (body) => this.conflict.show(body),
    });
    this.bar.saveState("saved");
    const left = this.autosave.left();
    const lost = left && fingerprint(left.report) !== fingerprint(working.report);
    if (lost) this.document.replace(left.report);
    else this.autosave.forget();
    this.following.open(this.document);
    this.editor.open(this.document, { readOnly: false });
    if (lost) this.autosave.resume(left);
  }

  /** Bring what was put together in the service (`kept`) with what was `sent` to where a person may be typing on. */
  joined(sent, kept) {
    if (fingerprint(sent) === fingerprint(kept)) return;
    const { findings, impression } = this.document;
    this.document.remember(kept);
    this.document.replace(merge(sent, { findings, impression }, kept));
    this.editor.render();
    this.bar.tell(t("merged_own"));
  }

  readOnly(mode, view) {
    const wasOpen = this.autosave;
    this.autosave?.close();
    this.autosave = null;
    this.following.close();
    this.conflict.close();
    if (mode === "waiting" || mode === "broken") {
      this.editor.close();
      this.document = null;
      this.shown = null;
      return;
    }
    const signed = mode === "signed" ? view.versions.at(-1) : null;
    const shown = signed?.content_sha ?? String(view.working.revision);
    if (!wasOpen && this.shown === shown && this.mode === mode) return;
    this.shown = shown;
    this.document = new ReportDocument((signed ?? view.working).report, null, () => undefined);
    this.editor.open(this.document, { readOnly: true });
  }

  /** Make `working` what is edited here: theirs, or mine merged onto theirs. */
  adopt(working, report = null) {
    this.autosave.adopt(working);
    this.document.remember(working.report);
    this.document.replace(report ?? working.report);
    if (!report) this.following.open(this.document);
    if (!report) this.autosave.forget();
    this.editor.render();
    this.bar.saveState(report ? "unsaved" : "saved");
    if (report) this.autosave.edited();
  }

  render() {
    const view = state.view;
    if (!view) return;
    renderBanner(part(this.root, "banner"), view);
    this.announce(view);
    this.presence();
    this.broken(view);
    this.notice(view);
    renderJudged(part(this.root, "judged"), view.quality);
    const waiting = this.mode === "waiting";
    const broken = this.mode === "broken";
    for (const section of SECTIONS) {
      part(this.root, `section-${section}`).hidden = broken || (waiting && !view.partial.length);
      part(this.root, `add-${section}`).hidden = this.mode !== "editing" || this.paused;
    }
    if (waiting) showPartial(this.root, view);
    else if (this.editor.document) this.editor.render();
    this.writing(view);
    if (this.document) {
      renderOffered(part(this.root, "offered"), view, {
        document: this.document,
        editable: this.mode === "editing" && !this.paused,
        take: (section, sentence) => this.take(section, sentence),
      });
    }
    showHidden(part(this.root, "hidden-language"), this.document);
    this.impression.render(this.mode === "editing" && !this.paused);
    this.drafted.render(this.mode === "editing" && !this.paused, view);
    this.template.render();
    this.signature(view);
    renderStanding(part(this.root, "standing"), view);
    if (waiting || broken) part(this.root, "standing").hidden = true;
    this.bar.render(this.mode, view);
    this.followup.update(view, this.mode === "signed");
    this.warnings.render(waiting || broken, this.mode !== "editing" || this.paused);
    this.root.querySelector(".rd-report").dataset.mode = this.mode;
    this.conflict.render();
    this.find.refresh();
  }

  /** Say once which study was opened, to those who do not see it. */
  announce(view) {
    const { patient } = view.identity;
    const exam = [view.case.modality, bodyPart(view.case.body_part)].filter(Boolean).join(" ");
    setText(part(this.root, "opened"), t("study_opened", { name: personName(patient.name) || t("unknown"), exam }));
  }

  /** Whether somebody took the study over: then this page is read, until its person takes it back. */
  get paused() {
    return this.mode === "editing" && standingHere().standing === "taken_over";
  }

  presence() {
    const editable = this.mode === "editing";
    renderPresence(part(this.root, "presence"), standingHere(), { editable, take: () => this.takeStudy() });
    if (!editable || this.editor.readOnly === this.paused || this.composing) return;
    // What was typed up to now is saved, or asked about where the other changed the same.
    if (this.paused) {
      this.autosave.flush();
      if (this.editor.focused) document.activeElement.blur();
    }
    this.editor.readOnly = this.paused;
    this.editor.render();
  }

  /** An input method holds characters that are in no field yet: those are waited for. */
  compose(composing) {
    if (composing) this.composing = true;
    else this.composed();
  }

  async composed() {
    await this.editor.settled();
    this.composing = false;
    if (!state.view) return;
    if (this.editor.document) this.editor.render();
    this.presence();
  }

  async takeStudy() {
    try {
      await takeStudy();
    } catch (error) {
      this.bar.tell(error instanceof ApiError ? error.sentence : t("unreachable"));
    }
  }

  /** A version that was changed after it was signed is named, and its text is not shown. */
  broken(view) {
    const element = part(this.root, "broken");
    element.hidden = !view.warning;
    if (!view.warning) return;
    const [zh, en] = view.warning;
    setText(element, pick({ zh, en }));
  }

  notice(view) {
    const element = part(this.root, "notice");
    element.hidden = !view.notice;
    if (!view.notice) return;
    const [zh, en] = view.notice;
    const reason = view.draft?.coverage;
    element.dataset.coverage = reason ?? "";
    const by = view.draft?.adapter_id;
    const said = pick({ zh, en });
    setText(element, by ? `${said} ${t("drafted_by_adapter", { adapter: by })}` : said);
  }

  writing(view) {
    const element = part(this.root, "writing");
    const { state: where } = view.case;
    element.hidden = !["received", "drafting"].includes(where) || this.mode === "signed";
    element.dataset.phase = where;
    const key = where === "received" ? `waiting_llm_${state.llm}` : "draft_being_written";
    setText(element, t(key, { n: view.partial.length }));
  }

  /** Take a sentence of the offered draft over. */
  take(section, sentence) {
    this.document.take(section, sentence);
    this.editor.render();
    this.render();
  }

  signature(view) {
    const element = part(this.root, "signature");
    const last = view.versions.at(-1);
    // Where a newer version does not hold, none of those before stands in its place.
    const signed = view.broken.some(({ version }) => version >= (last?.version ?? 0)) ? null : last;
    element.hidden = !signed;
    if (!signed) return;
    this.bar.signature(element, signed, this.mode);
  }

  refused(error) {
    if (!state.view) {
      const element = part(this.root, "writing");
      element.hidden = false;
      setText(element, error.sentence);
    }
  }

  /** Have everything that was typed saved; whether it is, and is what stood on the screen. */
  async settled(unsaved) {
    await this.editor.settled();
    await this.autosave?.flush();
    const seen = this.standing();
    await refresh();
    const now = this.standing();
    if (seen && now && seen !== now) {
      // Nobody signs or hands over what he has not seen.
      this.bar.tell(t("changed_meanwhile"));
      return false;
    }
    if (!this.autosave?.dirty) return true;
    this.bar.tell(t(unsaved));
    return false;
  }

  /** Which text the pane shows, and where the report stands; null where it is not being written. */
  standing() {
    return this.autosave ? `${this.autosave.base.revision} ${state.view.working.steps}` : null;
  }

  /** The text that a step is of: what the pane shows, also to whoever only reads it. */
  seen() {
    return { base_revision: this.autosave?.base.revision ?? state.view.working.revision };
  }

  /** Sign what is on the screen: saved first, then confirmed. `byKey`: the button was pressed by a key. */
  async sign({ byKey = false } = {}) {
    // A colleague may have signed meanwhile.
    if (!(await this.settled("save_before_signing")) || !this.autosave) return;
    if (this.tellBlocks()) return;
    if (!(await notified())) return;
    const base = { ...this.seen(), base_step: state.view.working.steps };
    const { people: others } = await askPresence();
    let refused;
    for (let problem = ""; ; problem = refused.sentence) {
      const given = await this.dialog.confirm(state.view, { byKey, problem, others });
      if (!given) return;
      await told();
      refused = await this.act(`/cases/${state.caseId}/sign`, { ...base, ...given });
      if (!OF_PASSWORD.includes(refused?.code)) break;
    }
    // The first that a person does with a draft may open its alert: the notification is asked for then.
    if (refused?.code === "critical_not_notified" && (await notified())) await this.sign({ byKey });
    emit("signed");
  }

  /** Hand the report over for review: what would keep it from being signed is mended by its author. */
  async submit() {
    if (!(await this.settled("save_before_submitting")) || !this.autosave) return;
    if (this.tellBlocks()) return;
    await this.step("submit", this.seen());
  }

  async withdraw() {
    await this.step("withdraw");
  }

  /** Give the report back to its author. */
  async sendBack() {
    if (!(await this.settled("save_before_submitting"))) return;
    await this.step("return", this.seen(), { remark: "remark" });
  }

  async takeOver() {
    if (!(await this.settled("save_before_submitting"))) return;
    await this.step("take-over", this.seen(), { name: "take_over" });
  }

  async amend() {
    await this.step("amend", {}, { remark: "reason", kinds: true });
  }

  async cancel() {
    if (!(await this.settled("save_before_submitting"))) return;
    await this.step("cancel-amendment", this.seen(), { name: "cancel" });
  }

  /**
   * Take the step at `path`, seen as the page shows it now; `body` goes with it. With `asked` the person is asked
   * first, for what its fields name.
   */
  async step(path, body = {}, asked = null) {
    const base = { base_step: state.view.working.steps, ...body };
    const given = asked ? await askStep(part(this.root, "dialog"), asked.name ?? path, asked) : {};
    if (!given) return;
    await this.act(`/cases/${state.caseId}/${path}`, { ...base, ...given });
    emit("signed");
  }

  /** Say what keeps the report from being signed, and go there. Whether anything does. */
  tellBlocks() {
    const blocks = state.view.issues.filter((issue) => issue.severity === "block");
    if (!blocks.length) return false;
    const [{ message_zh: zh, message_en: en }] = blocks;
    this.bar.tell(`${t("sign_blocked", { n: blocks.length })}${t("colon")}${pick({ zh, en })}`);
    this.editor.reveal(blocks[0].sentence_id);
    this.warnings.focusBlock();
    return true;
  }

  async redraft() {
    await this.autosave?.flush();
    await this.act(`/cases/${state.caseId}/redraft`, {});
  }

  /** Have the service do it; resolves to its refusal, or undefined. */
  async act(path, body) {
    let refused;
    let blocked = false;
    try {
      await send("POST", path, body);
    } catch (error) {
      refused = error;
      // What the page has not heard of yet may keep it from being signed.
      blocked = Boolean(error.body?.codes);
      if (error instanceof ApiError && error.body.current) this.conflict.show(error.body);
      else this.bar.tell(error instanceof ApiError ? error.sentence : t("unreachable"));
    }
    await refresh(true);
    if (blocked) this.tellBlocks();
    return refused;
  }
}

function modeOf(view) {
  if (!view.working) return "waiting";
  if (view.working.state !== "signed") return view.actions.includes("edit") ? "editing" : "reading";
  return view.broken.length ? "broken" : "signed";
}

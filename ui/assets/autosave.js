// Saves what is typed: 600 ms after the last key, at most 1.5 s after the first unsaved one, and when
// the page goes away. What is not yet saved is also kept in this tab, so a refresh brings it back, and on the disk
// (ui/unsaved.js), which outlives the tab.

import { ApiError, send } from "/ui/api.js";
import { fingerprint } from "/ui/document.js";
import { emit, state } from "/ui/state.js";
import { forgetText, keepText, savesItself, textLeft } from "/ui/unsaved.js";

const QUIET_MS = 600;
const LONGEST_MS = 1500;
// Between two tries of a save that failed: doubled up to the longest.
const RETRY_MS = 2000;
const LONGEST_RETRY_MS = 30000;
// Browsers refuse to keep larger requests alive (64 KiB for all of a page's together).
const KEEPALIVE_BYTES = 30000;

export class Autosave {
  /**
   * `read()` gives the report as it stands; `onState(state, sentence)` hears `saved`, `unsaved`,
   * `saving`, `failed`; `onSaved(answer, sent)` and `onConflict(body)` what the service said.
   */
  constructor(working, { read, onState, onSaved, onConflict }) {
    Object.assign(this, { read, onState, onSaved, onConflict });
    this.caseId = working.case_id;
    // Words are only ever saved by who typed them.
    this.key = `radraft.unsaved.${state.session.login}.${this.caseId}`;
    this.adopt(working);
    this.edits = 0;
    this.savedEdits = 0;
    this.sent = [];
    this.running = null;
    this.underWay = null;
    this.blocked = false;
    this.closed = false;
    this.retryAfter = RETRY_MS;
    this.retries = false;
  }

  /** Edits from now on build on `working`. */
  adopt(working) {
    this.base = working;
    this.firstUnsaved = null;
    this.blocked = false;
    clearTimeout(this.timer);
  }

  get dirty() {
    return this.edits !== this.savedEdits;
  }

  /** A person changed something. */
  edited() {
    this.edits += 1;
    emit("edited", this.caseId);
    this.backUp();
    if (this.blocked) return;
    this.onState("unsaved");
    this.schedule();
  }

  /** Unsaved text that this tab or one that is gone left: `{base, report, sent}` or null. */
  left() {
    const text = sessionStorage.getItem(this.key);
    const kept = textLeft(this.caseId);
    // Of this tab the one written at once is the newer.
    const here = text && JSON.parse(text);
    return here && (!kept || here.at >= kept.at) ? here : kept;
  }

  /** Take over what `left` gave, whose report is now in the document. */
  resume({ base, sent }) {
    this.base = base;
    this.sent = sent;
    this.edits += 1;
    return this.flush();
  }

  forget() {
    sessionStorage.removeItem(this.key);
    forgetText(this.caseId);
    this.savedEdits = this.edits;
  }

  /** Save now what is not saved. Resolves when the service has answered. */
  async flush() {
    clearTimeout(this.timer);
    while (this.dirty && !this.blocked && !this.closed) {
      const before = this.running;
      if (before) await before;
      else if (!(await this.run())) return;
    }
  }

  /** The service was away and answers again: what waited for the next try is tried now. */
  again() {
    if (this.retries && this.dirty && !this.closed) this.flush();
  }

  /** The page goes away: last request, no answer awaited. */
  leave() {
    if (!this.dirty || this.blocked || this.closed) return;
    this.backUp();
    // Nobody is there to be asked: what he did in another page meanwhile is kept too, where it can be.
    const body = { ...this.body(this.base.revision), merge: true };
    // The service alone knows whether the save under way came first, or somebody else's.
    const full = { ...body, under_way: this.underWay };
    const fits = new Blob([JSON.stringify(full)]).size < KEEPALIVE_BYTES;
    send("PUT", this.path(), fits ? full : body, { keepalive: true }).catch(() => undefined);
  }

  close() {
    clearTimeout(this.timer);
    this.closed = true;
  }

  schedule() {
    clearTimeout(this.timer);
    const now = performance.now();
    this.firstUnsaved ??= now;
    const delay = Math.min(QUIET_MS, this.firstUnsaved + LONGEST_MS - now);
    this.timer = setTimeout(() => this.run(), Math.max(0, delay));
  }

  run() {
    if (this.running) return this.running;
    this.running = this.save().finally(() => {
      this.running = null;
      this.underWay = null;
    });
    savesItself(this.caseId, this.running);
    return this.running;
  }

  async save(merge = false) {
    const edits = this.edits;
    const body = { ...this.body(this.base.revision), merge };
    this.underWay = body.report;
    this.firstUnsaved = null;
    this.retries = false;
    this.onState("saving");
    const keepalive = new Blob([JSON.stringify(body)]).size < KEEPALIVE_BYTES;
    try {
      const answer = await send("PUT", this.path(), body, { keepalive });
      this.base = answer.working;
      this.retryAfter = RETRY_MS;
      this.savedEdits = edits;
      if (!this.dirty) this.forget();
      // Another study is open by now; what was typed since is kept, from what is saved, and sent from there.
      if (this.closed) {
        if (this.dirty) this.backUp();
        return true;
      }
      if (this.dirty) {
        this.backUp();
        this.schedule();
      } else {
        this.onState("saved");
      }
      this.onSaved(answer, body.report);
      return true;
    } catch (error) {
      return this.refused(error, merge);
    }
  }

  refused(error, merge) {
    if (this.closed) return false;
    if (error instanceof ApiError && error.body.current) return this.overtaken(error.body, merge);
    const known = error instanceof ApiError;
    this.onState("failed", known ? error.sentence : null);
    if (!known || error.passing) {
      clearTimeout(this.timer);
      this.retries = true;
      this.timer = setTimeout(() => this.run(), this.retryAfter);
      this.retryAfter = Math.min(2 * this.retryAfter, LONGEST_RETRY_MS);
    }
    return false;
  }

  /** Somebody saved before us. It may have been this very tab, before a refresh. */
  overtaken(body, merge) {
    const theirs = fingerprint(body.current.report);
    if (body.error.code === "revision_conflict" && this.sent.includes(theirs)) {
      this.base = body.current;
      this.schedule();
      return true;
    }
    // In another page of the same person: different sentences go together without asking.
    if (body.own && !merge) return this.save(true);
    this.blocked = true;
    this.onConflict(body);
    return false;
  }

  body(revision) {
    const report = this.read();
    this.sent = [...this.sent.slice(-4), fingerprint(report)];
    this.backUp();
    return { base_revision: revision, report };
  }

  path() {
    return `/cases/${this.caseId}/report`;
  }

  backUp() {
    const kept = { base: this.base, report: this.read(), sent: this.sent };
    sessionStorage.setItem(this.key, JSON.stringify({ ...kept, at: Date.now() }));
    keepText(this.caseId, kept);
  }
}

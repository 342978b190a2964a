// A part of the open study that is asked for by itself and that a reader decides on: its orders, its earlier studies.

import { getChanged, send, sentenceOf } from "/ui/api.js";
import { onLanguage, ready } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { on, state } from "/ui/state.js";

/** Shows `/cases/ID/path` in `element`, anew for each study that is opened. Whoever extends it brings `render()`. */
export class StudyPanel {
  constructor(element, path) {
    this.element = element;
    this.path = path;
    this.clear();
  }

  /** Keep the element showing what the open study has. */
  async mount() {
    await ready;
    onLanguage(() => this.render());
    on("opening", () => this.clear());
    on("view", () => this.load());
  }

  clear() {
    this.found = null;
    this.loaded = null;
    this.told = "";
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  /** What stands there until the answer is there. */
  waiting() {}

  /** What of the open study it is asked for again by. */
  version() {
    return `${state.caseId} ${state.view.case.state}`;
  }

  /** Once for each study that is opened, and again when its case moves on. */
  async load() {
    const { caseId, view } = state;
    const version = view && this.version();
    if (!view || this.loaded === version || !may("read_unsigned", view)) return;
    this.loaded = version;
    if (!this.found) this.waiting();
    try {
      const found = await getChanged(`/cases/${caseId}/${this.path}`, { fresh: true });
      if (caseId !== state.caseId) return;
      this.found = found;
      this.render();
    } catch {
      // The report can be written without it; the next change of the case asks again.
      if (caseId === state.caseId) this.loaded = null;
    }
  }

  /** Say of one of them whether it is the patient's, or the study's. */
  async say(id, same) {
    const { caseId } = state;
    this.told = "";
    try {
      const found = await send("POST", `/cases/${caseId}/${this.path}/${id}`, { same });
      if (caseId === state.caseId) this.found = found;
    } catch (error) {
      this.told = sentenceOf(error);
    }
    this.render();
  }
}

// The line below the report: whether it is saved, undo, redraft, amend, sign; and the signature line.

import { h, part, setText } from "/ui/dom.js";
import { formatDate, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";

const TOLD_MS = 8000;

export class ReportBar {
  /** `pane` signs, amends and redrafts. */
  constructor(root, pane) {
    this.root = root;
    this.pane = pane;
    this.save = part(root, "save");
    this.undoElement = part(root, "undo");
    this.removed = [];
    for (const name of ["sign", "amend", "redraft"]) {
      part(root, name).addEventListener("click", (event) => this.once(name, event.detail === 0));
    }
  }

  /** One press, one request. */
  async once(name, byKey) {
    const button = part(this.root, name);
    button.disabled = true;
    try {
      await this.pane[name]({ byKey });
    } finally {
      button.disabled = false;
      if (this.view) this.render(this.mode, this.view);
    }
  }

  clear() {
    this.removed = [];
    this.undoElement.replaceChildren();
    this.saved = null;
    this.view = null;
    clearTimeout(this.told);
  }

  /** `saved`, `unsaved`, `saving`, `failed` or `conflict`, and why where it failed. */
  saveState(name, sentence = null) {
    this.saved = { name, sentence };
    this.save.dataset.state = name;
    setText(this.save, sentence ?? t(`save_${name}`));
  }

  tell(text) {
    this.undoElement.replaceChildren(h("span", { text, title: text }));
    this.fade();
  }

  offerUndo(removed) {
    this.removed.push(removed);
    this.offer(t("deleted"), () => this.undo());
  }

  /** Say what was done, with a button that calls `undo`. */
  offer(text, undo) {
    const back = () => {
      this.undoElement.replaceChildren();
      undo();
    };
    this.undoElement.replaceChildren(
      h("span", { text }),
      h("button", { type: "button", class: "rd-link", text: t("undo"), onclick: back }),
    );
    this.fade();
  }

  fade() {
    clearTimeout(this.told);
    this.told = setTimeout(() => this.undoElement.replaceChildren(), TOLD_MS);
  }

  undo() {
    const removed = this.removed.pop();
    if (!removed) return;
    this.pane.document.restore(removed);
    this.pane.editor.render();
    this.undoElement.replaceChildren();
  }

  render(mode, view) {
    this.mode = mode;
    this.view = view;
    const { site } = view.case;
    const amends = mode === "signed" && may("amend", site);
    part(this.root, "bar").hidden = !amends && mode !== "editing";
    this.save.hidden = mode !== "editing";
    if (this.saved) this.saveState(this.saved.name, this.saved.sentence);
    const drafting = ["received", "drafting"].includes(view.case.state);
    const redraft = part(this.root, "redraft");
    redraft.hidden = mode !== "editing" || drafting || view.draft?.coverage !== "failed";
    part(this.root, "amend").hidden = !amends;
    const sign = part(this.root, "sign");
    sign.hidden = mode !== "editing" || !may("sign", site);
    part(this.root, "signed-by-other").hidden = mode !== "editing" || !sign.hidden;
    const blocks = view.issues.filter((issue) => issue.severity === "block").length;
    sign.title = blocks ? t("sign_blocked", { n: blocks }) : t("sign_hint");
    sign.dataset.blocked = String(blocks > 0);
  }

  signature(element, signed, mode) {
    const key = mode === "signed" ? "signed_by" : "amending_version";
    const line = t(key, {
      name: signed.author,
      time: formatDate(signed.signed_at),
      version: signed.version,
    });
    element.replaceChildren(
      h("span", { text: line }),
      signed.author_kind === "typed" ? h("span", { class: "rd-dim", text: t("typed_name") }) : "",
      h("code", { text: t("hash", { sha: signed.content_sha.slice(0, 16) }), title: signed.content_sha }),
    );
  }
}

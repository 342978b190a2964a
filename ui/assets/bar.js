// The line below the report: whether it is saved, undo, redraft, and the steps to the signature; and the signature line.

import { h, part, setText } from "/ui/dom.js";
import { t } from "/ui/i18n.js";
import { signatureLine, signatureRemark } from "/ui/standing.js";

const TOLD_MS = 8000;
/** Buttons, each with the step that has to be open to its reader for it to be there. */
const STEPS = { submit: "submit", withdraw: "withdraw", sendBack: "return", takeOver: "take_over", amend: "amend", cancel: "cancel" };
const SIGNATURES = ["sign_reviewed", "sign_alone"];

export class ReportBar {
  /** `pane` signs, redrafts and takes the other steps. */
  constructor(root, pane) {
    this.root = root;
    this.pane = pane;
    this.save = part(root, "save");
    this.undoElement = part(root, "undo");
    this.removed = [];
    for (const name of ["sign", "redraft", ...Object.keys(STEPS)]) {
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

  /** Whether the button `name` is there to be pressed. */
  offers(name) {
    const button = part(this.root, name);
    return Boolean(this.view) && !part(this.root, "bar").hidden && !button.hidden && !button.disabled;
  }

  focus(name) {
    if (name) part(this.root, name).focus();
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
    const { actions, rule } = view;
    const shown = mode !== "broken" && mode !== "waiting";
    const open = (step) => shown && actions.includes(step);
    part(this.root, "bar").hidden = mode !== "editing" && !Object.values(STEPS).some(open);
    this.save.hidden = mode !== "editing";
    if (this.saved) this.saveState(this.saved.name, this.saved.sentence);
    const drafting = ["received", "drafting"].includes(view.case.state);
    const redraft = part(this.root, "redraft");
    redraft.hidden = mode !== "editing" || drafting || view.draft?.coverage !== "failed";
    for (const [name, step] of Object.entries(STEPS)) part(this.root, name).hidden = !open(step);
    const sign = part(this.root, "sign");
    const signature = SIGNATURES.find(open);
    sign.hidden = mode !== "editing" || !signature;
    sign.textContent = t(signatureName(signature, rule));
    const submit = part(this.root, "submit");
    // Whoever cannot sign himself has one way on.
    submit.classList.toggle("rd-primary", sign.hidden);
    part(this.root, "signed-by-other").hidden = mode !== "editing" || !sign.hidden || !submit.hidden;
    const blocks = view.issues.filter((issue) => issue.severity === "block").length;
    sign.title = blocks ? t("sign_blocked", { n: blocks }) : t("sign_hint");
    sign.dataset.blocked = String(blocks > 0);
  }

  signature(element, signed, mode) {
    const line = signatureLine(signed);
    const remark = signatureRemark(signed);
    element.replaceChildren(
      h("span", { text: mode === "signed" ? line : t("still_stands", { line }) }),
      remark ? h("span", { class: "rd-dim", text: remark }) : "",
      h("code", { text: t("hash", { sha: signed.content_sha.slice(0, 16) }), title: signed.content_sha }),
    );
  }
}

/** The word for a signature: with one person's name or with two. */
function signatureName(signature, rule) {
  if (signature === "sign_reviewed") return "sign_reviewed";
  return rule?.two_signatures ? "sign_alone" : "sign";
}

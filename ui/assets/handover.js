// A signed report in a person's hands: its text in the clipboard, its PDF in a tab of its own to print, either as a file.

import { bytes, sentenceOf } from "/ui/api.js";
import { h, setText } from "/ui/dom.js";
import { onGate } from "/ui/gate.js";
import { language, onLanguage, t } from "/ui/i18n.js";
import { withKey } from "/ui/keyhelp.js";
import { bind } from "/ui/keys.js";
import { on, state } from "/ui/state.js";

const TOLD_MS = 8000;
/** What can be done, in the order of the buttons. */
const WAYS = ["copy", "print", "pdf", "text"];
const BY_KEY = ["copy", "print"];
/** Reports that this page opened to be printed: `{tab, address}`, the address once there is one. */
const opened = new Set();

/** Bring the row in `element` to life: it is there while a signed version stands. */
export function mountHandover(element) {
  const handover = new Handover(element);
  on("opening", () => handover.leave());
  on("view", () => handover.update());
  onLanguage(() => handover.draw());
  for (const way of BY_KEY) bind(`report.${way}`, () => handover.byKey(way));
  // They name their patients: none stays open where nobody is let in, nor where this page cannot close it any more.
  onGate((code) => code && closeOpened());
  window.addEventListener("pagehide", closeOpened);
}

class Handover {
  constructor(element) {
    this.element = element;
    this.buttons = WAYS.map((way) =>
      h("button", { type: "button", class: "rd-button", dataset: { part: `handover-${way}` }, onclick: () => this.once(way) }),
    );
    this.said = h("span", { class: "rd-handover-said", role: "status" });
    element.append(...this.buttons, this.said);
    /** What is being asked for: `{caseId, way}`; null where nothing is. */
    this.underWay = null;
    this.signed = false;
    this.draw();
    this.update();
  }

  /** Another study is opened: what is under way for the one before is given up. */
  leave() {
    const given = this.underWay;
    this.end();
    this.say("");
    // What he pastes next would be somebody else's.
    if (given?.way === "copy") this.say(t("handover_dropped"), true);
    this.update();
  }

  begin(caseId, way) {
    this.underWay = { caseId, way };
    for (const button of this.buttons) button.setAttribute("aria-disabled", "true");
    return this.underWay;
  }

  end() {
    this.underWay = null;
    for (const button of this.buttons) button.removeAttribute("aria-disabled");
  }

  draw() {
    WAYS.forEach((way, index) => {
      setText(this.buttons[index], t(`handover_${way}`));
      this.buttons[index].title = BY_KEY.includes(way) ? withKey(t(`key_report_${way}`), `report.${way}`) : t(`handover_${way}_hint`);
    });
    this.say("");
  }

  update() {
    const { view } = state;
    this.signed = Boolean(view?.versions.length) && view.broken.length === 0;
    for (const button of this.buttons) button.hidden = !this.signed;
    this.element.hidden = !this.signed && !this.said.textContent;
  }

  /** By a key: false where there is nothing to hand over, so that the key stays the browser's. */
  byKey(way) {
    if (!this.signed) return false;
    this.once(way);
    return true;
  }

  /** One press, one request: each of them is in the audit. */
  async once(way) {
    if (this.underWay) {
      // Of this study: with another one it was given up.
      this.say(t("handover_waits"));
      return;
    }
    const { caseId } = state;
    const mine = this.begin(caseId, way);
    // Nobody gets the report of the study that he has left.
    const same = () => this.underWay === mine;
    try {
      const said = await this[way](caseId, same);
      if (same()) this.say(said);
    } catch (error) {
      if (same()) this.say(way === "copy" ? `${sentenceOf(error)} ${t("handover_not_copied")}` : sentenceOf(error), true);
    } finally {
      if (same()) this.end();
    }
  }

  async copy(caseId, same) {
    const content = await bytes(textPath(caseId));
    if (!same()) return "";
    const text = new TextDecoder().decode(content);
    if (await inClipboard(text)) return t("handover_copied");
    if (same()) showToCopy(text);
    return "";
  }

  async print(caseId, same) {
    // Opened by the press itself: a browser keeps what opens later from opening.
    const tab = window.open("", "_blank");
    const kept = { tab, address: null };
    opened.add(kept);
    try {
      const content = await bytes(pdfPath(caseId));
      // Or its tab was closed, by the reader or by a lock.
      if (!same() || tab?.closed) throw new Left();
      if (!tab) return saved(content, "application/pdf", `${caseId}.pdf`);
      kept.address = URL.createObjectURL(new Blob([content], { type: "application/pdf" }));
      tab.location.replace(kept.address);
      return t("handover_opened");
    } catch (error) {
      closeTab(kept);
      if (error instanceof Left) return "";
      throw error;
    }
  }

  async pdf(caseId, same) {
    const content = await bytes(pdfPath(caseId));
    return same() ? saved(content, "application/pdf", `${caseId}.pdf`) : "";
  }

  async text(caseId, same) {
    const content = await bytes(textPath(caseId));
    return same() ? saved(content, "text/plain", `${caseId}.txt`) : "";
  }

  say(text, bad = false) {
    clearTimeout(this.told);
    setText(this.said, text);
    this.said.classList.toggle("rd-bad", bad);
    if (!this.signed) this.element.hidden = !text;
    if (text && !bad) this.told = setTimeout(() => this.say(""), TOLD_MS);
  }
}

/** The study was left while its report was being asked for. */
class Left extends Error {}

function closeOpened() {
  for (const kept of opened) closeTab(kept);
}

function closeTab(kept) {
  opened.delete(kept);
  kept.tab?.close();
  if (kept.address) URL.revokeObjectURL(kept.address);
}

function pdfPath(caseId) {
  return `/cases/${caseId}/report.pdf`;
}

function textPath(caseId) {
  return `/cases/${caseId}/report.txt?lang=${language() === "zh-CN" ? "zh" : "en"}`;
}

/** Put `text` into the clipboard; whether that could be done. Over plain HTTP browsers have none for pages. */
async function inClipboard(text) {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
  const before = document.activeElement;
  const area = areaOf(text);
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus?.({ preventScroll: true });
  return done;
}

/** Show `text`, selected, for whose browser lets no page copy. */
function showToCopy(text) {
  const area = areaOf(text);
  area.className = "rd-handover-text";
  const dialog = h("dialog", { class: "rd rd-dialog", "aria-label": t("handover_copy") });
  const close = h("button", { type: "button", class: "rd-button rd-primary", text: t("panel_close"), onclick: () => dialog.close() });
  dialog.append(h("p", { text: t("handover_by_hand") }), area, h("div", { class: "rd-dialog-acts" }, h("span", { class: "rd-spring" }), close));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  area.select();
}

function areaOf(text) {
  const area = h("textarea", { class: "rd-offscreen", readonly: true });
  area.value = text;
  return area;
}

function saved(content, type, name) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  URL.revokeObjectURL(address);
  return t("handover_saved", { name });
}

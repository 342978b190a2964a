// The keys of the page, all of them in one list that opens with `?`, and changing them for oneself.

import { ApiError, getChanged, send } from "/ui/api.js";
import { h, setText } from "/ui/dom.js";
import { has, onLanguage, t } from "/ui/i18n.js";
import { bind, bound, conflicts, keysOf, ownKeys, takeKeys, written } from "/ui/keys.js";

/** Keys that a text or a warning has of its own; they stay as they are. */
const FIXED = ["enter", "backspace", "escape", "arrows", "dismiss", "mend", "other_place"];
/** What the browser or the desk keeps for itself. */
const TAKEN = ["Tab", "Shift+Tab", "Enter", "Escape", "Ctrl+w", "Ctrl+t", "Ctrl+n", "Ctrl+c", "Ctrl+v", "Ctrl+x", "Ctrl+a", "Ctrl+r", "F5", "F11", "F12"];

let help = null;

/** Have `?` and the button show the keys, and take those that this person has changed. */
export function mountKeys(button) {
  help = new KeyHelp();
  button.addEventListener("click", () => help.open());
  bind("help.keys", () => help.open());
  onLanguage(() => help.draw());
  load();
}

/** Where they cannot be had, those that come with radraft count. */
async function load() {
  const kept = await getChanged("/keys", { fresh: true }).catch(() => null);
  if (kept) takeKeys(kept.keys);
}

class KeyHelp {
  constructor() {
    this.dialog = h("dialog", { class: "rd rd-dialog rd-keyhelp" });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("close", () => this.before?.focus?.({ preventScroll: true }));
    document.body.append(this.dialog);
    /** The action that waits for its new key. */
    this.changing = null;
    this.problem = "";
  }

  open() {
    this.before = document.activeElement;
    this.changing = null;
    this.problem = "";
    this.dialog.showModal();
    this.draw();
    this.dialog.querySelector("[data-part=keys-close]").focus({ preventScroll: true });
    this.dialog.scrollTop = 0;
  }

  draw() {
    if (!this.dialog.open) return;
    const groups = [...new Set(bound().map((action) => action.split(".")[0]))];
    const reset = h("button", { type: "button", class: "rd-link", dataset: { part: "keys-reset" }, text: t("keys_reset"), onclick: () => this.keep({}) });
    reset.hidden = !Object.keys(ownKeys()).length;
    this.dialog.setAttribute("aria-label", t("keys_title"));
    this.dialog.replaceChildren(
      h("h2", { text: t("keys_title") }),
      h("p", { class: "rd-dim", text: t("keys_about") }),
      h("p", { class: "rd-bad", role: "alert", dataset: { part: "keys-problem" }, text: this.problem }),
      h("div", { class: "rd-keygroups" }, ...groups.map((group) => this.group(group)), this.fixed()),
      h("div", { class: "rd-dialog-acts" }, reset, h("span", { class: "rd-spring" }), h("button", { type: "button", class: "rd-button rd-primary", dataset: { part: "keys-close" }, text: t("panel_close"), onclick: () => this.dialog.close() })),
    );
  }

  group(group) {
    const actions = bound().filter((action) => action.startsWith(`${group}.`));
    return h("section", {}, h("h3", { text: t(`keys_of_${group}`) }), h("dl", {}, ...actions.flatMap((action) => this.line(action))));
  }

  line(action) {
    const name = words(action);
    const waits = this.changing === action;
    const button = h(
      "button",
      { type: "button", class: "rd-keys-of", dataset: { action }, title: t("keys_change", { name }), "aria-label": t("keys_are", { name, keys: keysOf(action).map(shown).join(t("list_comma")) }), onclick: () => this.wait(action) },
      ...(waits ? [h("em", { text: t("keys_press") })] : keysOf(action).map((key) => h("kbd", { text: shown(key) }))),
    );
    return [h("dt", { text: name }), h("dd", {}, button)];
  }

  fixed() {
    const lines = FIXED.flatMap((name) => [h("dt", { text: t(`keys_fixed_${name}`) }), h("dd", {}, h("kbd", { text: t(`keys_fixed_${name}_key`) }))]);
    return h("section", {}, h("h3", { text: t("keys_of_text") }), h("dl", {}, ...lines));
  }

  wait(action) {
    this.changing = action;
    this.problem = "";
    this.draw();
    this.focusOn(action);
  }

  focusOn(action) {
    this.dialog.querySelector(`[data-action="${action}"]`)?.focus();
  }

  key(event) {
    event.stopPropagation();
    const action = this.changing;
    if (!action) return;
    const key = written(event);
    if (!key) return;
    event.preventDefault();
    this.changing = null;
    const others = conflicts(action, key);
    if (key === "Escape") this.problem = "";
    else if (TAKEN.includes(key)) this.problem = t("keys_taken", { key: shown(key) });
    else if (others.length) this.problem = t("keys_conflict", { key: shown(key), name: words(others[0]) });
    else this.keep({ ...ownKeys(), [action]: [key] });
    this.draw();
    this.focusOn(action);
  }

  async keep(changed) {
    const before = ownKeys();
    takeKeys(changed);
    this.problem = "";
    this.draw();
    try {
      await send("PUT", "/keys", { keys: changed });
    } catch (error) {
      takeKeys(before);
      this.problem = error instanceof ApiError ? error.sentence : t("unreachable");
      this.draw();
    }
  }
}

/** What an action is called. */
function words(action) {
  const key = `key_${action.replace(".", "_")}`;
  if (has(key)) return t(key);
  const [, name, number] = key.match(/^(.*)_(\d+)$/) ?? [];
  return name ? t(name, { n: number }) : action;
}

/** A key as it stands on the keyboard. */
export function shown(key) {
  const signs = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };
  return key
    .split(/\+(?=.)/)
    .map((part) => signs[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join("+");
}

/** `text` with the key that does `action` behind it, where one does. */
export function withKey(text, action) {
  const [key] = keysOf(action);
  return key ? t("with_key", { text, key: shown(key) }) : text;
}

/** Show in `element` which keys do the actions named in its `data-keys`. */
export function keysHint(element, key) {
  const values = Object.fromEntries(element.dataset.keys.split(" ").map((action, place) => [`key${place + 1}`, keysOf(action).map(shown)[0] ?? ""]));
  setText(element, t(key, values));
}

// The keys of the workstation: one table of what can be done with which keys, and who does it. A person may change them.
//
//     bind("viewer.invert", () => viewer.invert());
//
// A key is written as "j", "?", "F8", "Shift+F7", "Ctrl+Enter", "Alt+ArrowUp": Ctrl is Command as well, a letter counts
// in either case, and a sign that needs Shift (?) is written without. Keys without Ctrl, Alt or F do nothing while
// somebody types; no key does while a dialog is open.

import { isTyping } from "/ui/dom.js";

/** Where the focus has to be for a key to count. */
const WHERE = {
  page: () => true,
  list: (target) => target === document.body || Boolean(target.closest(".rd-worklist")),
  viewer: (target) => Boolean(target.closest(".rd-viewer")),
  report: (target) => Boolean(target.closest(".rd-sentence")),
};

/**
 * What can be done, in the order in which the help shows it: the group, the keys that come with radraft, and where they
 * count (the whole page unless said). Its words are `key_GROUP_NAME` of the page's languages.
 */
export const ACTIONS = {
  "study.next": { keys: ["j"] },
  "study.previous": { keys: ["k"] },
  "study.skip": { keys: ["F9"] },
  "list.next": { keys: ["ArrowDown"], where: "list" },
  "list.previous": { keys: ["ArrowUp"], where: "list" },
  "list.search": { keys: ["/"] },
  "pane.next": { keys: ["F6"] },
  "pane.previous": { keys: ["Shift+F6"] },
  "report.write": { keys: ["e"] },
  "report.sign": { keys: ["Ctrl+Enter"] },
  "report.sign_next": { keys: ["F8"] },
  "report.save": { keys: ["Ctrl+s"] },
  "report.normal": { keys: ["F4"] },
  "report.confirm": { keys: ["F2"] },
  "report.undo": { keys: ["Ctrl+z"] },
  "report.redo": { keys: ["Ctrl+Shift+z", "Ctrl+y"] },
  "report.find": { keys: ["Ctrl+f"] },
  "report.prior": { keys: ["p", "Alt+p"] },
  "report.copy": { keys: ["Alt+c"] },
  "report.print": { keys: ["Ctrl+p"] },
  "sentence.next": { keys: ["Ctrl+ArrowDown"], where: "report" },
  "sentence.previous": { keys: ["Ctrl+ArrowUp"], where: "report" },
  "sentence.up": { keys: ["Alt+ArrowUp"], where: "report" },
  "sentence.down": { keys: ["Alt+ArrowDown"], where: "report" },
  "sentence.delete": { keys: ["Alt+Delete", "Alt+Backspace"], where: "report" },
  "impression.write": { keys: ["Alt+i"] },
  "impression.leave": { keys: ["Alt+Shift+i"] },
  "sentence.keep": { keys: ["Alt+k"] },
  "sentence.reject": { keys: ["Alt+x"] },
  ...Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`reject.reason_${n + 1}`, { keys: [`Alt+${n + 1}`] }])),
  "sentence.confirm": { keys: ["Alt+Enter"], where: "report" },
  "sentence.drop_side": { keys: ["Alt+Shift+x"], where: "report" },
  "warning.next": { keys: ["F7"] },
  "warning.previous": { keys: ["Shift+F7"] },
  "viewer.next_image": { keys: ["ArrowDown", "ArrowRight"], where: "viewer" },
  "viewer.previous_image": { keys: ["ArrowUp", "ArrowLeft"], where: "viewer" },
  "viewer.next_page": { keys: ["PageDown"] },
  "viewer.previous_page": { keys: ["PageUp"] },
  "viewer.first_image": { keys: ["Home"], where: "viewer" },
  "viewer.last_image": { keys: ["End"], where: "viewer" },
  ...Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`viewer.preset_${n + 1}`, { keys: [String(n + 1)] }])),
  "viewer.fit": { keys: ["0"] },
  "viewer.invert": { keys: ["i"] },
  "viewer.rotate": { keys: ["r"] },
  "viewer.flip": { keys: ["h"] },
  "viewer.two": { keys: ["b"] },
  "viewer.length": { keys: ["l"] },
  "viewer.angle": { keys: ["g"] },
  "viewer.rectangle": { keys: ["q"] },
  "viewer.insert": { keys: ["m"] },
  "viewer.remove": { keys: ["Delete"], where: "viewer" },
  "help.keys": { keys: ["?", "Ctrl+/"] },
};

const handlers = new Map();
/** What this person has changed: action -> keys. */
let own = {};

/**
 * Have `handler(event)` do `action`. Of several the newest is asked first; one that gives false has not done it, and the
 * next is asked. Where none has, the key stays the browser's.
 */
export function bind(action, handler) {
  if (!ACTIONS[action]) throw new Error(`no such action: ${action}`);
  handlers.set(action, [handler, ...(handlers.get(action) ?? [])]);
}

/** The actions that something on the page does. */
export function bound() {
  return Object.keys(ACTIONS).filter((action) => handlers.has(action));
}

/** The keys of `action`, this person's own where he changed them. */
export function keysOf(action) {
  return own[action] ?? ACTIONS[action].keys;
}

/** Take what this person has changed (action -> keys); actions that there are no more are left out. */
export function takeKeys(changed) {
  own = Object.fromEntries(Object.entries(changed).filter(([action]) => ACTIONS[action]));
}

/** What this person has changed. */
export function ownKeys() {
  return own;
}

/** The actions that `key` does somewhere `action` counts too; those it cannot be given to beside `action`. */
export function conflicts(action, key) {
  const { where = "page" } = ACTIONS[action];
  const overlaps = (other) => where === "page" || (ACTIONS[other].where ?? "page") === "page" || ACTIONS[other].where === where;
  return Object.keys(ACTIONS).filter((other) => other !== action && overlaps(other) && keysOf(other).includes(key));
}

/** How `event` is written; empty for a modifier alone and for what an input method or AltGr makes. */
export function written(event) {
  const { key } = event;
  if (event.isComposing || event.keyCode === 229 || event.getModifierState("AltGraph")) return "";
  if (["Control", "Shift", "Alt", "Meta", "Process", "Dead", "Unidentified"].includes(key)) return "";
  const held = event.ctrlKey || event.metaKey;
  const sign = key.length === 1;
  const shift = event.shiftKey && (!sign || held || event.altKey);
  return [held && "Ctrl", event.altKey && "Alt", shift && "Shift", sign ? key.toLowerCase() : key].filter(Boolean).join("+");
}

/** Whether `key` does something without disturbing somebody who types. */
function beyondTyping(key) {
  return /^(Ctrl|Alt)\+/.test(key) || /^(Shift\+)?F\d+$/.test(key);
}

/** Do what `event` is a key for; whether anything was done. */
export function press(event) {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return false;
  const key = written(event);
  const target = event.target instanceof Element ? event.target : document.body;
  if (!key || (isTyping(target) && !beyondTyping(key))) return false;
  for (const [action, { where = "page" }] of Object.entries(ACTIONS)) {
    if (!keysOf(action).includes(key) || !WHERE[where](target)) continue;
    if ((handlers.get(action) ?? []).some((handler) => handler(event) !== false)) {
      event.preventDefault();
      return true;
    }
  }
  return false;
}

document.addEventListener("keydown", press);

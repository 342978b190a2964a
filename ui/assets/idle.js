// Whether a person is at the page. The service hears of it at most once a minute, and only from a person's hand;
// after the time that the site has set, the page locks itself without being told.

import { send } from "/ui/api.js";
import { onGate, reason, shut } from "/ui/gate.js";
import { state } from "/ui/state.js";

const SIGNS = ["pointerdown", "pointermove", "wheel", "keydown", "touchstart"];
const TOLD_EVERY_MS = 60000;
const NOTED_EVERY_MS = 2000;
/** When somebody last moved in any tab of this browser: they share the session. */
const MOVED = "radraft.moved";
let moved = Date.now();
let noted = 0;
let told = 0;
let timer = 0;

/** Watch from now on; the session is there. */
export function watchIdle() {
  for (const sign of SIGNS) document.addEventListener(sign, touch, { capture: true, passive: true });
  // A machine that slept may have missed its time.
  document.addEventListener("visibilitychange", look);
  onGate((code) => {
    if (code) return;
    moved = Date.now();
    note();
    look();
  });
  look();
}

function touch() {
  if (reason()) return;
  if (left() <= 0) {
    look();
    return;
  }
  moved = Date.now();
  if (moved - noted >= NOTED_EVERY_MS) note();
  if (moved - told < TOLD_EVERY_MS) return;
  told = moved;
  // Where it cannot be told, the lock comes early and nothing is lost.
  send("POST", "/session/active").catch(() => undefined);
}

function note() {
  noted = moved;
  localStorage.setItem(MOVED, String(moved));
}

/** Milliseconds until it locks. */
function left() {
  const last = Math.max(moved, Number(localStorage.getItem(MOVED) ?? 0));
  return last + state.session.idle_s * 1000 - Date.now();
}

function look() {
  clearTimeout(timer);
  if (reason()) return;
  if (left() <= 0) shut("session_locked");
  else timer = setTimeout(look, left());
}

// Who is signed in at this browser, and what he may do. Every page that needs a person waits for `signedIn`.

import { getChanged, send } from "/ui/api.js";
import { open, reason, shut } from "/ui/gate.js";
import { on, state } from "/ui/state.js";

/** Who was signed in here, for a page that finds itself locked before it has heard who. */
const KNOWN = "radraft.known";
/** Tells the other tabs of this browser, which share the session. */
const tabs = new BroadcastChannel("radraft.session");
const finishing = [];
const asking = [];
const unsaved = [];
let leaving = false;

/** Resolves to the session once there is one. */
export const signedIn = load();

/** Whether he may do `permission` with the study of a CaseView; without one, with any. */
export function may(permission, view = null) {
  return (view ?? state.session).may.includes(permission);
}

/** `{login, name, demo, demo_role, openid}` of who is or was signed in at this tab; null where nobody is known. */
export function known() {
  const kept = sessionStorage.getItem(KNOWN);
  return state.session ?? (kept ? JSON.parse(kept) : null);
}

/** Run `task` (async) before this person leaves. */
export function beforeSignOut(task) {
  finishing.push(task);
}

/** Have `ask` (async) ask this person something before he signs out; where it gives false he stays. */
export function asksBeforeSignOut(ask) {
  asking.push(ask);
}

/** Register `holds()`: whether something was typed here that the service does not have. */
export function keepsUnsaved(holds) {
  unsaved.push(holds);
}

/** Whether anything was typed on this page that the service does not have. */
export function hasUnsaved() {
  return unsaved.some((holds) => holds());
}

/** Where to come back to: this page, as an address of this origin. */
export function here() {
  return location.pathname + location.search + location.hash;
}

/** Whether this person is signing out: what is asked meanwhile is refused, and he needs no telling. */
export function isLeaving() {
  return leaving;
}

/** End the session and go to the page where one signs in; `next` is where that leads afterwards. */
export async function signOut(next = null) {
  await finish();
  // A locked page asks nothing of whoever stands before it.
  if (!reason()) for (const ask of asking) if ((await ask()) === false) return;
  leaving = true;
  const { leave } = await send("POST", "/session/end", {}, { past: true }).catch((error) => {
    leaving = false;
    throw error;
  });
  sessionStorage.removeItem(KNOWN);
  tabs.postMessage({ ended: true });
  // Who came through the hospital's provider signs out there too; it sends him back.
  if (leave) location.assign(leave);
  else location.assign(next ? `/sign-in?${new URLSearchParams({ next })}` : "/sign-in");
}

/** In the demo: go on as somebody of another role. */
export async function become(role) {
  await finish();
  const session = await send("POST", "/session/demo", { role }, { past: true });
  tabs.postMessage({ login: session.login });
  location.reload();
}

/** Go on after a lock. ApiError where the password is refused. */
export async function unlock(password) {
  admit(await send("POST", "/session/unlock", { password }, { past: true }));
}

/** Sign in again on this page, as who was signed in; `code`: of the second factor. ApiError where that is refused. */
export async function signInAgain(password, code = "") {
  const { login, demo, demo_role: role } = known();
  const asked = demo ? ["/session/demo", { role }] : ["/session", { login, password, code }];
  admit(await send("POST", ...asked, { past: true }));
}

function admit(session) {
  const before = state.session;
  take(session);
  tabs.postMessage({ login: session.login });
  if (before && rights(before) !== rights(session) && !hasUnsaved()) location.reload();
  else open();
}

/** What is not done yet is done; while nobody is let in, it cannot be, and is kept in this tab. */
async function finish() {
  if (!reason()) await Promise.all(finishing.map((task) => task()));
}

async function load() {
  return take(await getChanged("/session", { fresh: true }));
}

function take(session) {
  const { login, name, demo, demo_role, openid } = session;
  state.session = session;
  sessionStorage.setItem(KNOWN, JSON.stringify({ login, name, demo, demo_role, openid }));
  return session;
}

/** What he may do has changed: a page shows only that, so it is drawn anew. */
async function ask() {
  const session = await getChanged("/session", { fresh: true });
  if (rights(session) !== rights(state.session) && !hasUnsaved()) location.reload();
}

function rights({ may: anywhere, sites }) {
  return JSON.stringify([anywhere, sites]);
}

on("not_allowed", () => {
  // That the service is away is said elsewhere.
  if (state.session) ask().catch(() => undefined);
});

tabs.addEventListener("message", ({ data }) => {
  if (data.ended) shut("sign_in_needed");
  else if (data.login !== known()?.login) location.reload();
  else open();
});

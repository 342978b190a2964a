// Who is on which study. Every moment the page says that it is alive, and hears who else is where. State lies in the
// service; a page that says nothing any more is forgotten there.

import { ApiError, getChanged, send } from "/ui/api.js";
import { reason } from "/ui/gate.js";
import { may, signedIn } from "/ui/session.js";
import { emit, on, state } from "/ui/state.js";

/** With what a server keeps of its last answer, a study that is opened shows elsewhere in under two seconds. */
const EVERY_MS = 1250;
/** Of a page that nobody looks at every so many beats: it has nothing to show, and is alive all the same. */
const HIDDEN_BEATS = 4;
/** After so long without an answer nothing is known of the others. */
const STALE_MS = 30000;
const NOBODY = { standing: "alone", people: [], elsewhere: false };
/** Another one at each load: two tabs are two pages. */
const page = crypto.randomUUID().replaceAll("-", "").slice(0, 16);

/** By case id, who is on it: `{name, since, taken_at, writing, own}`, the one who writes first. */
let cases = {};
/** What this page is told of its own study. */
let here = NOBODY;
let tag = "";
let wrote = null;
/** The study that the service takes this page to have open. */
let entered = null;
let answered = performance.now();
let asking = null;

/** Resolves once the service said for the first time who is on what, or could not. */
export const heard = begin();

/** Who is on a study, without this page's person where it is the one that is open here. */
export function others(caseId) {
  return (cases[caseId] ?? []).filter((other) => !other.own || caseId !== state.caseId);
}

/** `{standing, people, elsewhere}` of the study that is open. */
export function standingHere() {
  return here;
}

/** Ask the service now; resolves to `standingHere()` afterwards. */
export async function askPresence() {
  await asking;
  await tell();
  return here;
}

/** Take the study that is open over from whoever is on it. ApiError. */
export async function takeStudy() {
  const { caseId } = state;
  await asking;
  const taking = send("POST", `/cases/${caseId}/presence/take`, { page });
  // No older answer comes after this one.
  asking = taking.catch(() => undefined).finally(() => {
    asking = null;
  });
  hear(await taking, caseId);
}

async function begin() {
  await signedIn;
  if (!may("read_unsigned")) return;
  on("view", enter);
  on("opening", () => {
    wrote = null;
    // What the list knows already is said before anybody can type.
    const people = others(state.caseId).filter((other) => !other.own);
    hear({ here: people.length ? { ...NOBODY, standing: "second", people } : NOBODY });
  });
  on("edited", (caseId) => {
    wrote = caseId;
  });
  window.addEventListener("pagehide", leave);
  let beats = 0;
  new Worker(`/ui/metronome.js#beat=${EVERY_MS}`).addEventListener("message", () => {
    beats += 1;
    if (!document.hidden || beats % HIDDEN_BEATS === 0) tell();
  });
  document.addEventListener("visibilitychange", () => document.hidden || tell());
  await tell();
}

/** Say at once that another study is open, and not with the next beat. */
async function enter() {
  if (entered === open()) return;
  await asking;
  if (entered !== open()) await tell();
}

/** The study that is open, where this person may write in it; else null. */
function open() {
  const { caseId, view } = state;
  return view?.case.case_id === caseId && may("write", view) ? caseId : null;
}

function tell() {
  asking ??= exchange().finally(() => {
    asking = null;
  });
  return asking;
}

async function exchange() {
  // Of a page that is locked the service knows by itself that nobody is at it.
  if (reason()) return;
  const caseId = open();
  try {
    // The next study takes the place of the last; only where there is none the page is gone from it.
    if (entered && !caseId && state.view) await leave();
    if (caseId) {
      entered = caseId;
      hear(await send("POST", `/cases/${caseId}/presence`, { page, writing: wrote === caseId, known: tag }), caseId);
    } else {
      const list = await getChanged("/presence");
      answered = performance.now();
      if (list) hear({ ...list, tag: "" });
    }
  } catch (error) {
    // That the service is away, or that his role was taken, is said elsewhere.
    if (error instanceof ApiError || performance.now() - answered < STALE_MS) return;
    hear({ cases: {}, here: NOBODY, tag: "" });
  }
}

function hear(answer, caseId = state.caseId) {
  answered = performance.now();
  const before = JSON.stringify([cases, here]);
  cases = answer.cases ?? cases;
  tag = answer.tag ?? tag;
  // Another study may have been opened meanwhile.
  if (answer.here && caseId === state.caseId) here = answer.here;
  if (JSON.stringify([cases, here]) !== before) emit("presence");
}

function leave() {
  if (!entered) return undefined;
  const path = `/cases/${entered}/presence/leave`;
  entered = null;
  return send("POST", path, { page }, { keepalive: true }).catch(() => undefined);
}

// Opens a study and keeps its CaseView current: fast while a draft is being written, slow after.

import { ApiError, getChanged } from "/ui/api.js";
import { opened } from "/ui/opening.js";
import { emit, on, state } from "/ui/state.js";

const DRAFTING_MS = 700;
const IDLE_MS = 3000;
/** Views of studies that were open, by case id, for when the service is away; only in this page's memory. */
const views = new Map();
const MOST_VIEWS = 20;
const leaving = [];
let timer = 0;
let turn = 0;
let asked = 0;
let newest = Promise.resolve();

/** Run `task` (async) before another study is opened. */
export function beforeLeave(task) {
  leaving.push(task);
}

/** Have every pane finish what it would finish before another study is opened. */
export async function settle() {
  await Promise.all(leaving.map((task) => task()));
}

/** Open `caseId`. Emits `opening`, then `view` with the first CaseView. */
export async function open(caseId) {
  const mine = ++turn;
  if (caseId === state.caseId) return;
  clearTimeout(timer);
  await settle();
  if (mine !== turn) return;
  state.caseId = caseId;
  state.view = null;
  nameInAddress(caseId);
  emit("opening", caseId);
  await refresh(true);
}

/** Fetch the open study now; `whole` also when nothing changed. */
export function refresh(whole = false) {
  newest = ask(whole);
  return newest;
}

async function ask(whole) {
  const { caseId } = state;
  if (!caseId) return undefined;
  clearTimeout(timer);
  const mine = ++asked;
  // Of two answers the one asked for later counts: the other may not know what was done in between.
  const overtaken = () => mine !== asked;
  try {
    const view = await getChanged(`/cases/${caseId}`, { fresh: whole });
    if (overtaken()) return newest;
    emit("online", true);
    if (view) {
      if (!state.view) opened(caseId, view);
      state.view = view;
      hold(caseId, view);
      emit("view", view);
    }
  } catch (error) {
    if (overtaken()) return newest;
    if (error instanceof ApiError) emit("refused", error);
    else away(caseId);
  }
  clearTimeout(timer);
  const drafting = ["received", "drafting"].includes(state.view?.case.state);
  timer = setTimeout(() => refresh(), drafting ? DRAFTING_MS : IDLE_MS);
  return undefined;
}

function nameInAddress(caseId) {
  history.replaceState(null, "", `${location.pathname}${location.search}#${caseId}`);
}

/** Another study was asked for by its address: typed, by a link, or by going back. */
function addressed() {
  const caseId = remembered();
  if (caseId) open(caseId);
  // What names no study changes nothing, and the address says what is open.
  else if (state.caseId) nameInAddress(state.caseId);
}

/** The service is away: a study that was open before can be read and written on all the same. */
function away(caseId) {
  emit("online", false);
  if (state.view || !views.has(caseId)) return;
  state.view = views.get(caseId);
  emit("view", state.view);
}

function hold(caseId, view) {
  views.delete(caseId);
  views.set(caseId, view);
  if (views.size > MOST_VIEWS) views.delete(views.keys().next().value);
}

/** The study named in the address, so that a refresh stays where it was. */
export function remembered() {
  const name = location.hash.slice(1);
  return /^c-[0-9a-f]{16}$/.test(name) ? name : null;
}

addEventListener("hashchange", addressed);
on("saved", () => refresh());

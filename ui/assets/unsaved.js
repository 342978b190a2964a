// What was typed and the service does not have: kept in this browser per person and study, on its disk (IndexedDB, else
// localStorage), until it is saved. It is sent when the service is back, whatever study is open, by whoever typed it and
// by nobody else. Only texts with the id of their case lie there: no identity of a patient.

import { ApiError, getChanged, send } from "/ui/api.js";
import { fingerprint } from "/ui/document.js";
import { reason } from "/ui/gate.js";
import { signedIn } from "/ui/session.js";
import { emit, on, state } from "/ui/state.js";

const DATABASE = "radraft";
const STORE = "unsaved";
const PREFIX = "radraft.kept.";
/** A browser whose store does not answer keeps no page waiting. */
const OPENING_MS = 2000;
/** Tells the other pages of this browser that something else is kept. */
const pages = new BroadcastChannel("radraft.unsaved");

let database = null;
/** The name of this page, which a reload keeps and a second tab does not share. */
let page = crypto.randomUUID();
/** This person's entries by key: `{key, login, caseId, page, base, report, sent, at, problem}`. */
let entries = new Map();
let loaded = false;
/** Keys of pages that are gone whose text this page has taken over. */
const takenOver = new Set();
/** Keys that are removed here, and may still be on the disk. */
const removed = new Set();
/** Keys that are to be written, that is being written, and those that could not be. */
const due = new Set();
let underWay = null;
const failed = new Set();
let writes = null;
let sending = null;
/** Saves under way that pages make themselves, by case id. */
const saving = new Map();

/** Resolves once what is kept is known. */
export const keptKnown = Promise.race([begin(), signedIn.then(() => new Promise((resolve) => setTimeout(resolve, OPENING_MS)))]);

/** Keep `text` (`{base, report, sent}`) of a study until it is saved. */
export function keepText(caseId, text) {
  const key = keyOf(caseId);
  removed.delete(key);
  entries.set(key, { key, login: state.session.login, caseId, page, at: Date.now(), problem: null, ...text });
  write(key);
}

/** What is kept of a study here was saved, or given up by its person. */
export function forgetText(caseId) {
  // Of pages that are gone too: their text was taken over by this one.
  for (const entry of [...entries.values()]) if (entry.caseId === caseId && (entry.page === page || takenOver.has(entry.key))) remove(entry);
}

/** The newest text of a study that this page, or one that is gone, left unsaved; null where there is none. */
export function textLeft(caseId) {
  const left = [...entries.values()].filter((entry) => entry.caseId === caseId && (entry.page === page || !entry.alive));
  left.sort((one, other) => other.at - one.at);
  for (const entry of left) takenOver.add(entry.key);
  return left[0] ?? null;
}

/** Studies but the open one with unsaved text: case id -> `waiting`, `conflict` or `refused`. */
export function unsavedStudies() {
  const others = [...entries.values()].filter((entry) => entry.caseId !== state.caseId && !(entry.alive && entry.page !== page));
  return new Map(others.map((entry) => [entry.caseId, entry.problem ?? "waiting"]));
}

/** Whether anything that was typed is not on the disk yet. */
export function notKept() {
  return due.size + failed.size > 0 || underWay !== null;
}

/** Remove all that is kept of this person; he has said so. */
export function discardAll() {
  for (const entry of [...entries.values()]) remove(entry);
  return allKept();
}

/** What is kept of a study, as lines of text. */
export function textOf(caseId) {
  const reports = [...entries.values()].filter((entry) => entry.caseId === caseId).map((entry) => entry.report);
  return reports.flatMap((report) => [...report.findings, ...report.impression]).flatMap(({ zh, en }) => [zh, en].filter(Boolean)).join("\n");
}

/** Remove what is kept of one study; its person has said so. */
export function discard(caseId) {
  for (const entry of [...entries.values()]) if (entry.caseId === caseId && (entry.page === page || !entry.alive)) remove(entry);
}

/** How many studies of this person have unsaved text in this browser. */
export function keptNumber() {
  return new Set([...entries.values()].map((entry) => entry.caseId)).size;
}

/** Resolves once everything is on the disk, or could not be put there. */
export async function allKept() {
  await writes;
}

/** A study that was left is still saving what was typed, until `save` resolves: nothing of it is sent meanwhile. */
export function savesItself(caseId, save) {
  saving.set(caseId, save);
  save.finally(() => saving.get(caseId) === save && saving.delete(caseId));
}

/** Send what other studies have; nothing while it is being sent already. */
export function sendKept() {
  sending ??= sendAll().finally(() => {
    sending = null;
  });
  return sending;
}

async function begin() {
  await signedIn;
  const [name, store] = await Promise.all([nameOfPage(), opened().catch(() => null)]);
  // Where the browser was too slow to tell, its person has begun under the other name.
  if (!entries.size) page = name;
  database = store;
  await load();
  pages.addEventListener("message", () => load());
  on("online", (online) => online && sendKept());
  on("opening", () => emit("unsaved"));
}

/** A tab that was copied from this one has its name as well: it takes another. */
async function nameOfPage() {
  const kept = sessionStorage.getItem("radraft.page");
  const name = kept && (await held(kept)) ? kept : await fresh();
  sessionStorage.setItem("radraft.page", name);
  return name;
}

async function fresh() {
  const name = crypto.randomUUID();
  await held(name);
  return name;
}

/** Hold the lock of a page's name for as long as this page lives; whether nobody else does. */
function held(name) {
  return new Promise((resolve) => {
    navigator.locks.request(lockOf(name), { ifAvailable: true }, (lock) => {
      resolve(Boolean(lock));
      return lock ? new Promise(() => undefined) : undefined;
    });
  });
}

function lockOf(name) {
  return `radraft.page.${name}`;
}

function keyOf(caseId) {
  return `${state.session.login}/${caseId}/${page}`;
}

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" }).createIndex("login", "login");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Read what this person has; what this page keeps itself it knows better. */
async function load() {
  const [found, locks] = await Promise.all([database ? stored().catch(() => []) : fallback(), navigator.locks.query()]);
  const living = new Set(locks.held.map(({ name }) => name));
  const own = [...entries.values()].filter((entry) => entry.page === page);
  const others = found.filter((entry) => !removed.has(entry.key) && (entry.page !== page || !loaded));
  loaded = true;
  entries = new Map([...others, ...own].map((entry) => [entry.key, { ...entry, alive: living.has(lockOf(entry.page)) }]));
  emit("unsaved");
}

function stored() {
  return new Promise((resolve, reject) => {
    const request = database.transaction(STORE).objectStore(STORE).index("login").getAll(state.session.login);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function fallback() {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(`${PREFIX}${state.session.login}/`));
  return keys.map((key) => JSON.parse(localStorage.getItem(key)));
}

/** Bring an entry to the disk as it stands by then: of many texts in a row only the last is written. */
function write(key) {
  due.add(key);
  writes ??= writeAll().finally(() => {
    writes = null;
  });
}

async function writeAll() {
  for (const key of due) {
    due.delete(key);
    underWay = key;
    const entry = entries.get(key);
    try {
      await (database ? toDatabase(key, entry) : toStorage(key, entry));
      failed.delete(key);
      pages.postMessage(key);
    } catch {
      // The disk is full, or the browser keeps nothing: closing the page warns.
      failed.add(key);
    }
  }
  underWay = null;
}

function toDatabase(key, entry) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, "readwrite", { durability: "strict" });
    const store = transaction.objectStore(STORE);
    if (entry) store.put(plain(entry));
    else store.delete(key);
    transaction.oncomplete = () => resolve();
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

function toStorage(key, entry) {
  if (entry) localStorage.setItem(PREFIX + key, JSON.stringify(plain(entry)));
  else localStorage.removeItem(PREFIX + key);
}

/** Without what only this page knows of it. */
function plain({ key, login, caseId, page: of, base, report, sent, at, problem }) {
  return { key, login, caseId, page: of, base, report, sent, at, problem };
}

function remove(entry) {
  entries.delete(entry.key);
  removed.add(entry.key);
  sessionStorage.removeItem(`radraft.unsaved.${entry.login}.${entry.caseId}`);
  write(entry.key);
  emit("unsaved");
}

async function sendAll() {
  if (reason() || !entries.size) return;
  await load();
  const waiting = [...entries.values()].filter((entry) => entry.caseId !== state.caseId && (entry.page === page || !entry.alive) && entry.problem !== "refused");
  if (!waiting.length) return;
  if (!(await stillMe())) return;
  for (const entry of waiting) {
    await saving.get(entry.caseId);
    if (entries.get(entry.key) !== entry) continue;
    await navigator.locks.request(`radraft.send.${entry.key}`, { ifAvailable: true }, (lock) => lock && sendOne(entry));
  }
}

/** Another person may have signed in in another tab; where that cannot be told, nothing is sent yet. */
async function stillMe() {
  try {
    return (await getChanged("/session", { fresh: true })).login === state.session.login;
  } catch {
    return false;
  }
}

/** Send one; a colleague's words in its place are never overwritten: its person decides once he opens the study. */
async function sendOne(entry, merge = false) {
  if (entry.caseId === state.caseId) return;
  try {
    await send("PUT", `/cases/${entry.caseId}/report`, { base_revision: entry.base.revision, report: entry.report, merge });
    if (entries.get(entry.key) === entry) remove(entry);
    emit("saved_elsewhere", entry.caseId);
  } catch (error) {
    if (!(error instanceof ApiError) || error.passing) return;
    await refused(entry, error, merge);
  }
}

async function refused(entry, error, merge) {
  const { current, own } = error.body;
  if (current && entry.sent.includes(fingerprint(current.report))) {
    // It was saved by this very page, which never heard of it.
    if (fingerprint(current.report) === fingerprint(entry.report)) remove(entry);
    else entry.base = current;
  } else if (current && own && !merge) {
    await sendOne(entry, true);
  } else {
    entry.problem = current ? "conflict" : "refused";
    if (entries.get(entry.key) === entry) write(entry.key);
    emit("unsaved");
  }
}

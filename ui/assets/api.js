// The JSON interface of the service. A refusal arrives as ApiError with its sentences and extras.

import { opened, reason, shut } from "/ui/gate.js";
import { pick, t } from "/ui/i18n.js";
import { emit, state } from "/ui/state.js";

const etags = new Map();
/** Longest wait for an answer; a question to the model has longer. */
const ANSWER_MS = 20000;
const QUESTION_MS = 180000;
const PICTURE_MS = 180000;
/** Refusals that shut the gate: they say nothing of what was asked. */
const SHUTTING = ["sign_in_needed", "session_locked", "session_of_another"];
/** Whose page asks: all tabs of a browser share its session, and somebody else may have signed in in another one. */
const ACCOUNT = "X-Radraft-Account";

export class ApiError extends Error {
  constructor(status, body) {
    super(body.error.code);
    this.status = status;
    this.code = body.error.code;
    this.error = body.error;
    this.body = body;
  }

  /** Whether the same may work later: the service is down, busy or full. */
  get passing() {
    return this.status >= 500 || this.status === 429;
  }

  /** Whether somebody has to prove who he is before anything is answered. */
  get shutting() {
    return this.status === 401 && SHUTTING.includes(this.code);
  }

  /** The sentence to show, in the page's language. */
  get sentence() {
    const { message_zh: zh, message_en: en } = this.error;
    if (this.code === "shut_meanwhile") return t("shut_meanwhile");
    return zh && en ? pick({ zh, en }) : t("answer_unreadable", { status: this.status });
  }
}

/** What a page says of an error: the service's sentence, or in the words of `away` that it could not be asked. */
export function sentenceOf(error, away = "unreachable") {
  return error instanceof ApiError ? error.sentence : t(away);
}

/**
 * JSON of `path`, or null when it is what the last call for `path` got. `past` asks through the gate though it
 * is shut, and is refused like anything else.
 */
export async function getChanged(path, { fresh = false, past = false } = {}) {
  const tag = etags.get(path);
  const headers = tag && !fresh ? { "If-None-Match": tag } : {};
  const answer = await exchange(path, { headers, cache: "no-store" }, { past });
  if (answer.status === 304) return null;
  const body = await read(answer);
  etags.set(path, answer.headers.get("ETag"));
  return body;
}

/** Send JSON. `keepalive` lets a save outlive the page that made it; `past` as with `getChanged`. */
export async function send(method, path, body, { keepalive = false, past = false } = {}) {
  const headers = { "Content-Type": "application/json" };
  const init = { method, keepalive, headers, body: JSON.stringify(body ?? {}) };
  const longest = path.endsWith("/questions") ? QUESTION_MS : ANSWER_MS;
  return read(await exchange(path, init, { past, longest }));
}

/** Values of one image: little-endian int16, row by row. */
export async function imageValues(imageId) {
  return new Int16Array(await bytes(`/images/${imageId}/values`));
}

/** An answer that is no JSON; pictures take their time where the line is slow. */
export async function bytes(path) {
  const answer = await exchange(path, {}, { longest: PICTURE_MS });
  if (!answer.ok) return read(answer);
  return answer.arrayBuffer();
}

/** Upload files in one request; `onProgress` gets 0 to 1. */
export async function upload(files, onProgress) {
  for (;;) {
    await opened();
    try {
      return await uploadOnce(files, onProgress);
    } catch (error) {
      // Files that nobody took in are sent once more.
      if (!error.shutting) throw error;
      shut(error.code);
    }
  }
}

function uploadOnce(files, onProgress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const file of files) form.append("files", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", "/api/upload");
    for (const [name, value] of Object.entries(withAccount({}))) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded / Math.max(1, event.total));
    request.onerror = () => reject(new TypeError("network"));
    request.onload = () => {
      if (request.status < 400) resolve(request.response);
      else if (request.response?.error) reject(refusal(request.status, request.response));
      else reject(new TypeError("network"));
    };
    request.send(form);
  });
}

/**
 * One request and its answer. Where nobody is let in, the gate is shut; what may be sent twice is sent again
 * once it opens, and anything else is refused then, so that a person does it again if he still wants it.
 */
async function exchange(path, init, { past = false, longest = ANSWER_MS } = {}) {
  for (;;) {
    // Not even a moment's wait where it is open: a page that goes away has none.
    if (!past && reason()) await opened();
    const headers = withAccount(init.headers);
    const answer = await fetch(`/api${path}`, { ...init, headers, signal: AbortSignal.timeout(longest) });
    if (past || answer.status !== 401) return answer;
    const refused = await read(answer.clone()).catch((error) => error);
    if (!refused.shutting) return answer;
    shut(refused.code);
    if (!["GET", "PUT"].includes(init.method ?? "GET")) {
      await opened();
      throw new ApiError(401, { error: { code: "shut_meanwhile" } });
    }
  }
}

/** `headers` with the login of who is signed in at this page, once that is known. */
function withAccount(headers) {
  return state.session ? { ...headers, [ACCOUNT]: state.session.login } : { ...headers };
}

async function read(answer) {
  let body;
  try {
    body = await answer.json();
  } catch {
    // A proxy's page, a cut-off answer: what was asked may or may not have been done.
    throw new ApiError(answer.ok ? 502 : answer.status, { error: { code: "answer_unreadable" } });
  }
  if (!answer.ok) throw refusal(answer.status, body.error ? body : { error: { code: "answer_unreadable" } });
  return body;
}

function refusal(status, body) {
  // What somebody may do was perhaps changed while his page is open.
  if (body.error.code === "not_allowed") emit("not_allowed");
  return new ApiError(status, body);
}

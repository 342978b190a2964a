// The JSON interface of the service. A refusal arrives as ApiError with its sentences and extras.

import { pick, t } from "/ui/i18n.js";

const etags = new Map();
/** Longest wait for an answer; a question to the model has longer. */
const ANSWER_MS = 20000;
const QUESTION_MS = 180000;

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

  /** The sentence to show, in the page's language. */
  get sentence() {
    const { message_zh: zh, message_en: en } = this.error;
    return zh && en ? pick({ zh, en }) : t("answer_unreadable", { status: this.status });
  }
}

/** JSON of `path`, or null when it is what the last call for `path` got. */
export async function getChanged(path, { fresh = false } = {}) {
  const tag = etags.get(path);
  const headers = tag && !fresh ? { "If-None-Match": tag } : {};
  const answer = await fetch(`/api${path}`, { headers, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
  if (answer.status === 304) return null;
  const body = await read(answer);
  etags.set(path, answer.headers.get("ETag"));
  return body;
}

/** Send JSON. `keepalive` lets a save outlive the page that made it. */
export async function send(method, path, body, { keepalive = false } = {}) {
  const answer = await fetch(`/api${path}`, {
    method,
    keepalive,
    signal: AbortSignal.timeout(path.endsWith("/questions") ? QUESTION_MS : ANSWER_MS),
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  return read(answer);
}

/** Values of one image: little-endian int16, row by row. */
export async function imageValues(imageId) {
  const answer = await fetch(`/api/images/${imageId}/values`);
  if (!answer.ok) return read(answer);
  return new Int16Array(await answer.arrayBuffer());
}

/** Upload files in one request; `onProgress` gets 0 to 1. */
export function upload(files, onProgress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const file of files) form.append("files", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", "/api/upload");
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded / Math.max(1, event.total));
    request.onerror = () => reject(new TypeError("network"));
    request.onload = () => {
      if (request.status < 400) resolve(request.response);
      else if (request.response?.error) reject(new ApiError(request.status, request.response));
      else reject(new TypeError("network"));
    };
    request.send(form);
  });
}

async function read(answer) {
  let body;
  try {
    body = await answer.json();
  } catch {
    // A proxy's page, a cut-off answer: what was asked may or may not have been done.
    throw new ApiError(answer.ok ? 502 : answer.status, { error: { code: "answer_unreadable" } });
  }
  if (!answer.ok) throw new ApiError(answer.status, body.error ? body : { error: { code: "answer_unreadable" } });
  return body;
}

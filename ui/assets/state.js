// What the panes share: which study is open, who reads, and a small event bus.

const READER = "radraft.reader";
const listeners = new Map();

export const state = {
  caseId: null,
  /** Last CaseView from the service. */
  view: null,
  /** What the service last said of vLLM: `ready`, `starting`, `down` or `off`. */
  llm: "starting",
};

export function on(event, listener) {
  if (!listeners.has(event)) listeners.set(event, new Set());
  listeners.get(event).add(listener);
}

export function emit(event, value) {
  for (const listener of listeners.get(event) ?? []) listener(value);
}

/** Name of who works at this browser, remembered here; empty until given. */
export function reader() {
  return localStorage.getItem(READER) ?? "";
}

export function setReader(name) {
  localStorage.setItem(READER, name.trim());
  emit("reader", name.trim());
}

/** What a save is signed off with: the reader's name, or a mark of this browser. */
export function editor() {
  if (reader()) return reader();
  let mark = localStorage.getItem("radraft.browser");
  if (!mark) {
    mark = `browser-${crypto.randomUUID().slice(0, 4)}`;
    localStorage.setItem("radraft.browser", mark);
  }
  return mark;
}

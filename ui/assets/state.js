// What the panes share: who is signed in, which study is open, and a small event bus.

const listeners = new Map();

export const state = {
  /** Who is signed in, as the service says it; null until it has. */
  session: null,
  caseId: null,
  /** Last CaseView from the service. */
  view: null,
  /** Languages of the open study's site, in display order; null while that is not known. */
  languages: null,
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

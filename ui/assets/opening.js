// Tells the service who opened the study on the screen: a signature's time is counted from there.

import { send } from "/ui/api.js";
import { on, reader } from "/ui/state.js";

const LONGEST_S = 86_400;
let opening = null;
let pending = Promise.resolve();

/** `caseId` was opened just now. */
export function opened(caseId) {
  opening = { caseId, since: Date.now(), readers: new Set() };
  tell(reader());
}

/** Resolves once the service has heard, or could not be told, of everything so far. */
export function told() {
  return pending;
}

// A name is set again with every signature: the first time counts, back to when the study was opened.
function tell(name) {
  if (!opening || !name || opening.readers.has(name)) return;
  opening.readers.add(name);
  const ago = Math.min(LONGEST_S, Math.max(0, (Date.now() - opening.since) / 1000));
  const sent = send("POST", `/cases/${opening.caseId}/opened`, { reader: name, seconds_ago: ago });
  // Without it only the time is unknown; that the service is away shows elsewhere.
  pending = Promise.all([pending, sent.catch(() => undefined)]);
}

on("reader", tell);

// Tells the service that its reader opened the study on the screen: a signature's time is counted from there.

import { send } from "/ui/api.js";
import { may } from "/ui/session.js";

let pending = Promise.resolve();

/** `caseId`, of which `view` is the first that was shown, was opened just now. Only who writes at its site signs. */
export function opened(caseId, view) {
  if (!may("write", view)) return;
  const sent = send("POST", `/cases/${caseId}/opened`);
  // Without it only the time is unknown; that the service is away shows elsewhere.
  pending = Promise.all([pending, sent.catch(() => undefined)]);
}

/** Resolves once the service has heard, or could not be told, of everything so far. */
export function told() {
  return pending;
}

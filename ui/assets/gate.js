// Shut while the service answers nobody at this browser: locked, or no longer signed in. What is asked meanwhile
// waits here, so that nothing is asked again and again, and goes on once somebody has proved who he is.

const listeners = new Set();
let shutBy = null;
let opening = null;
let letThrough = null;

/** `session_locked`, `sign_in_needed` or `session_of_another` while it is shut, else null. */
export function reason() {
  return shutBy;
}

/** Shut it for `code`. */
export function shut(code) {
  if (shutBy === code) return;
  if (!shutBy) {
    opening = new Promise((resolve) => {
      letThrough = resolve;
    });
  }
  shutBy = code;
  for (const listener of listeners) listener(code);
}

/** Let everything that waits go on. */
export function open() {
  if (!shutBy) return;
  shutBy = null;
  for (const listener of listeners) listener(null);
  letThrough();
}

/** Resolves once it is open. */
export async function opened() {
  while (shutBy) await opening;
}

/** Call `listener` with the reason whenever it is shut, and with null when it opens. */
export function onGate(listener) {
  listeners.add(listener);
  if (shutBy) listener(shutBy);
}

// Something asked of the service again and again while somebody looks at the page: never before the last answer came,
// and seldom while the service is away.

const LONGEST_MS = 60000;

export class Watch {
  /** `look()` (async, never fails) gives whether the service could be asked; `everyMs` lie between an answer and the next. */
  constructor(look, everyMs) {
    Object.assign(this, { look, everyMs, delayMs: everyMs, timer: 0, looking: null, ended: false });
    document.addEventListener("visibilitychange", () => this.turned());
    this.later();
  }

  /** Ask now, once what is being asked was answered: an older answer never comes after a newer one. */
  async now(...given) {
    clearTimeout(this.timer);
    const asked = (this.looking ?? Promise.resolve()).then(() => (this.ended ? true : this.look(...given)));
    this.looking = asked;
    const answered = await asked;
    if (this.looking !== asked) return;
    this.looking = null;
    this.delayMs = answered ? this.everyMs : Math.min(2 * this.delayMs, LONGEST_MS);
    this.later();
  }

  /** Ask no more. */
  end() {
    this.ended = true;
    clearTimeout(this.timer);
  }

  later() {
    clearTimeout(this.timer);
    if (this.ended || document.hidden) return;
    this.timer = setTimeout(() => this.now(), this.delayMs);
  }

  turned() {
    clearTimeout(this.timer);
    if (this.ended || document.hidden || this.looking) return;
    this.now();
  }
}

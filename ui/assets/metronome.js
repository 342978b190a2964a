// A worker that says "now" in a steady beat: browsers slow the timers of pages in the background down to one a minute.

const [, beat] = self.location.hash.split("=");
setInterval(() => postMessage(null), Number(beat));

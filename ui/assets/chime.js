// A soft sound, made here: nothing is fetched for it.

const HIGH = 660;
const LOW = 440;
const SECONDS = 0.18;
const LOUDNESS = 0.06;
let context = null;

/** One tone; two falling ones where something is `wrong`. */
export function chime(wrong) {
  context ??= new AudioContext();
  const tones = wrong ? [HIGH, LOW] : [HIGH];
  tones.forEach((pitch, place) => tone(pitch, context.currentTime + place * SECONDS));
}

function tone(pitch, at) {
  const source = context.createOscillator();
  const volume = context.createGain();
  source.frequency.value = pitch;
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.02);
  volume.gain.linearRampToValueAtTime(0, at + SECONDS);
  source.connect(volume).connect(context.destination);
  source.start(at);
  source.stop(at + SECONDS);
}

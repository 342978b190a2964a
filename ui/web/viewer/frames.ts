// Frames as the service sends them: facts, and 16-bit values row by row.

import { bytes, imageValues } from "/ui/api.js";

/** Where a frame lies, and how its stored values become what they measure. */
export interface Facts {
  rows: number;
  columns: number;
  whole_rows: number;
  whole_columns: number;
  signed: boolean;
  slope: number;
  intercept: number;
  unit: string;
  window: [number, number];
  inverted: boolean;
  position: [number, number, number] | null;
  orientation: [number, number, number, number, number, number] | null;
  spacing: [number, number] | null;
  at_detector: boolean;
  sides: [string, string] | null;
  laterality: string;
  space: string;
}

export type Values = Int16Array | Uint16Array | Float32Array;

/** One frame in modality values (HU for CT). */
export interface Frame {
  facts: Facts;
  values: Values;
}

/** A series of a study, as `/series` lists it. */
export interface Series {
  series_ref: string;
  number: number | null;
  modality: string;
  role: string;
  plane: string;
  kernel: string;
  contrast: string;
  thickness: number | null;
  frames: number;
  instances: { instance_ref: string; frames: number; marked: boolean }[];
  /** Millimetres along the normal, of each frame; null where that is not known. */
  places: number[] | null;
}

export interface StoredImage {
  image_id: string;
  instance_ref: string;
  frame: number;
  window: [number, number];
  window_name: string;
  rows: number;
  columns: number;
}

export interface StudySeries {
  case_id: string;
  modality: string;
  body_part: string;
  series: Series[];
  images: StoredImage[];
}

/** How many bytes a millisecond brings, as seen lately; null before anything came. */
let rate: number | null = null;

/** Whether a picture of `size` bytes would be waited for: then a small one is asked for first. */
export function isSlow(size: number): boolean {
  return rate !== null && size / rate > 200;
}

/** A frame of a study, whole or as a preview. ApiError with the code of why not. */
export async function frame(caseId: string, place: string, preview: boolean): Promise<Frame> {
  const path = `/cases/${caseId}/frames/${place}/values${preview ? "?preview=true" : ""}`;
  return opened(await timed(() => bytes(path)));
}

/** A stored key image, whose place in the patient is not told. */
export async function keyImage(image: StoredImage, modality: string): Promise<Frame> {
  const values = await timed(() => imageValues(image.image_id));
  const { rows, columns, window } = image;
  const facts: Facts = {
    rows,
    columns,
    whole_rows: rows,
    whole_columns: columns,
    signed: true,
    slope: 1,
    intercept: 0,
    unit: modality === "CT" ? "HU" : "",
    window,
    inverted: false,
    position: null,
    orientation: null,
    spacing: null,
    at_detector: false,
    sides: null,
    laterality: "",
    space: "",
  };
  return { facts, values };
}

async function timed<Answer extends { byteLength: number }>(ask: () => Promise<Answer>): Promise<Answer> {
  const began = performance.now();
  const answer = await ask();
  const now = answer.byteLength / Math.max(1, performance.now() - began);
  rate = rate === null ? now : 0.7 * rate + 0.3 * now;
  return answer;
}

function opened(buffer: ArrayBuffer): Frame {
  const length = new DataView(buffer).getUint32(0, true);
  const facts: Facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const kind = facts.signed ? Int16Array : Uint16Array;
  return { facts, values: measured(new kind(buffer, 4 + length), facts) };
}

/** Modality values: as whole numbers wherever 16 bits hold them. */
function measured(stored: Int16Array | Uint16Array, { slope, intercept }: Facts): Values {
  if (slope === 1 && intercept === 0) return stored;
  let low = Infinity;
  let high = -Infinity;
  for (const value of stored) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const ends = [low * slope + intercept, high * slope + intercept].sort((a, b) => a - b);
  const whole = Number.isInteger(slope) && Number.isInteger(intercept);
  const values = !whole
    ? new Float32Array(stored.length)
    : ends[0] >= -32768 && ends[1] <= 32767
      ? new Int16Array(stored.length)
      : ends[0] >= 0 && ends[1] <= 65535
        ? new Uint16Array(stored.length)
        : new Float32Array(stored.length);
  for (let index = 0; index < stored.length; index += 1) values[index] = stored[index] * slope + intercept;
  return values;
}

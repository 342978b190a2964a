// Where the patient's right, front and head are on the screen (PS3.3 C.7.6.2.1.1, C.7.6.1.1.1).

import type { Facts } from "./frames";

export type Side = "left" | "right" | "top" | "bottom";
type Sides = Record<Side, string>;

/** The patient's axes grow to the left, to the back and to the head. */
const GROWING = ["L", "P", "H"];
const FALLING = ["R", "A", "F"];
const OPPOSITE: Record<string, string> = { L: "R", R: "L", A: "P", P: "A", H: "F", F: "H" };
/** Least part of a direction that a second letter stands for: some 20 degrees. */
const LEAST = 0.34;

/**
 * The letters at the four sides; empty where the picture's place is not known. `indexAt(x, y)`: column and row of the
 * picture at so many pixels of the screen from its middle.
 */
export function letters(facts: Facts | undefined, indexAt: (x: number, y: number) => [number, number] | null): Sides {
  const none = { left: "", right: "", top: "", bottom: "" };
  const [middle, right, down] = [indexAt(0, 0), indexAt(100, 0), indexAt(0, 100)];
  if (!facts || !middle || !right || !down) return none;
  const towards = (to: [number, number], sign: number): string =>
    named(facts, sign * (to[0] - middle[0]), sign * (to[1] - middle[1]));
  return { right: towards(right, 1), left: towards(right, -1), bottom: towards(down, 1), top: towards(down, -1) };
}

/** The direction of so many columns and rows, in letters. */
function named(facts: Facts, columns: number, rows: number): string {
  const { orientation, sides, spacing } = facts;
  const [high, wide] = spacing ?? [1, 1];
  if (orientation) {
    const axes = [0, 1, 2].map((axis) => columns * wide * orientation[axis] + rows * high * orientation[3 + axis]);
    const length = Math.hypot(...axes) || 1;
    return axes
      .map((value, axis) => ({ size: Math.abs(value) / length, letter: (value > 0 ? GROWING : FALLING)[axis] }))
      .filter(({ size }) => size > LEAST)
      .sort((a, b) => b.size - a.size)
      .map(({ letter }) => letter)
      .join("");
  }
  if (!sides) return "";
  const along = Math.abs(columns) >= Math.abs(rows);
  const written = sides[along ? 0 : 1];
  const forwards = (along ? columns : rows) > 0;
  return forwards ? written : [...written].map((letter) => OPPOSITE[letter]).join("");
}

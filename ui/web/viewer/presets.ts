// Windows of a modality in the order of their keys.

import type { Facts } from "./frames";

/** Hounsfield units: [centre, width], the first on key 1. */
const CT: Record<string, [number, number]> = {
  lung: [-600, 1500],
  mediastinum: [40, 400],
  bone: [400, 1800],
  soft: [40, 400],
  brain: [40, 80],
  abdomen: [50, 400],
};
/** Parts of the file's own width, for what is measured in units of the device. */
const WIDTHS: Record<string, number> = { softer: 1.5, harder: 0.6 };

export interface Preset {
  name: string;
  center: number;
  width: number;
}

/** What can be chosen for a picture; `own`: the window the file asks for. */
export function presets(modality: string, facts: Facts | undefined, own: [number, number] | null): Preset[] {
  if (modality === "CT") return Object.entries(CT).map(([name, [center, width]]) => ({ name, center, width }));
  if (!facts || !own) return [];
  const [center, width] = own;
  const others = Object.entries(WIDTHS).map(([name, times]) => ({ name, center, width: Math.max(1, width * times) }));
  return [{ name: "own", center, width }, ...others];
}

/** The window of a name that a key image was chosen through. */
export function named(name: string): [number, number] | null {
  return CT[name] ?? null;
}

/** The name of a window that key images can be chosen through; empty where it is none of those. */
export function nameOf(center: number, width: number): string {
  return Object.entries(CT).find(([, [c, w]]) => c === center && w === width)?.[0] ?? "";
}

// Lengths, angles and rectangles on a picture: what they measure, in words for the picture and for the report.

import { eventTarget } from "@cornerstonejs/core";
import {
  AngleTool,
  Enums,
  LengthTool,
  RectangleROITool,
  ReferenceLinesTool,
  ToolGroupManager,
  addTool,
  annotation,
  init,
} from "@cornerstonejs/tools";

import { t } from "/ui/i18n.js";

import { factsOf, valuesOf } from "./library";
import type { Facts } from "./frames";
import { pixelShift } from "./rendering";
import { TOOLS } from "./stage";

export type ToolName = "length" | "angle" | "rectangle";

const CLASSES = { length: LengthTool, angle: AngleTool, rectangle: RectangleROITool };
const NAMES: Record<ToolName, string> = {
  length: LengthTool.toolName,
  angle: AngleTool.toolName,
  rectangle: RectangleROITool.toolName,
};

type Point = [number, number, number];
type Drawn = { annotationUID?: string; highlighted?: boolean; metadata: { toolName: string; referencedImageId?: string }; data: { handles?: { points?: Point[] } } };

/** What was measured, as the report takes it. */
export interface Measurement {
  text_zh: string;
  text_en: string;
}

/** Have the tools ready; `onChange` is told of every measurement that is drawn, moved or removed. */
export function installTools(onChange: () => void): void {
  init();
  const { style } = annotation.config;
  style.setDefaultToolStyles({
    global: {
      ...style.getDefaultToolStyles().global,
      color: "rgb(255, 221, 85)",
      colorHighlighted: "rgb(120, 255, 170)",
      colorSelected: "rgb(120, 255, 170)",
      lineWidth: "1.5",
      textBoxFontSize: "13px",
      textBoxColor: "rgb(255, 221, 85)",
      textBoxFontFamily: "system-ui, sans-serif",
    },
  });
  const group = ToolGroupManager.createToolGroup(TOOLS)!;
  for (const name of Object.keys(CLASSES) as ToolName[]) {
    addTool(CLASSES[name]);
    group.addTool(NAMES[name], { getTextLines: (data: Drawn["data"]) => lines(name, data) });
    group.setToolPassive(NAMES[name]);
  }
  addTool(ReferenceLinesTool);
  group.addTool(ReferenceLinesTool.toolName, { sourceViewportId: "", showFullDimension: false });
  for (const event of [Enums.Events.ANNOTATION_COMPLETED, Enums.Events.ANNOTATION_MODIFIED, Enums.Events.ANNOTATION_REMOVED]) {
    eventTarget.addEventListener(event, () => onChange());
  }
}

/** Draw lines of where `source` cuts in the other stages; none where `source` is null. */
export function referenceLines(source: string | null): void {
  const group = ToolGroupManager.getToolGroup(TOOLS)!;
  const name = ReferenceLinesTool.toolName;
  if (source === null) {
    group.setToolDisabled(name);
    return;
  }
  group.setToolConfiguration(name, { sourceViewportId: source });
  group.setToolEnabled(name);
}

/** Let the pointer draw with `tool`; with null it sets the window again. */
export function choose(tool: ToolName | null): void {
  const group = ToolGroupManager.getToolGroup(TOOLS)!;
  for (const name of Object.values(NAMES)) group.setToolPassive(name);
  if (tool) group.setToolActive(NAMES[tool], { bindings: [{ mouseButton: Enums.MouseBindings.Primary }] });
}

/** Whether the pointer is at a measurement, which it then moves. */
export function isAtMeasurement(): boolean {
  return all().some((drawn) => drawn.highlighted);
}

/** The newest measurement on picture `imageId`, if there is any. */
export function newest(imageId: string | null): { id: string; said: string; forReport: Measurement } | null {
  const drawn = all()
    .filter((one) => one.metadata.referencedImageId === imageId && toolOf(one))
    .at(-1);
  if (!drawn?.annotationUID) return null;
  const name = toolOf(drawn)!;
  const said = lines(name, drawn.data, imageId!);
  const forReport = sentence(name, drawn.data, imageId!);
  return said && forReport ? { id: drawn.annotationUID, said: said.join(" · "), forReport } : null;
}

export function remove(id: string): void {
  annotation.state.removeAnnotation(id);
}

/** Nothing that was drawn on one study is on another. */
export function removeAll(): void {
  annotation.state.removeAllAnnotations();
}

function all(): Drawn[] {
  return annotation.state.getAllAnnotations() as unknown as Drawn[];
}

function toolOf(drawn: Drawn): ToolName | undefined {
  return (Object.keys(NAMES) as ToolName[]).find((name) => NAMES[name] === drawn.metadata.toolName);
}

/** The picture that a measurement's data belong to. */
function imageOf(data: Drawn["data"]): string | undefined {
  return all().find((drawn) => drawn.data === data)?.metadata.referencedImageId;
}

function lines(name: ToolName, data: Drawn["data"], imageId = imageOf(data)): string[] | undefined {
  const facts = imageId === undefined ? undefined : factsOf(imageId);
  const points = data.handles?.points;
  if (!facts || !points) return undefined;
  if (name === "length") return points.length < 2 ? undefined : [length(points, facts)];
  if (name === "angle") return points.length < 3 ? undefined : [`${angle(points).toFixed(1)}°`];
  const found = statistics(points, facts, imageId!);
  if (!found) return undefined;
  return [
    t("roi_mean", { mean: found.mean, sd: found.sd, unit: found.unit }),
    t("roi_range", { min: found.min, max: found.max, unit: found.unit }),
    found.area,
  ];
}

/** The same number and unit in both languages: what it is of, the sentence around it says. */
function sentence(name: ToolName, data: Drawn["data"], imageId: string): Measurement | null {
  const facts = factsOf(imageId);
  const points = data.handles?.points;
  if (!facts || !points) return null;
  if (name === "length") {
    const said = length(points, facts);
    return { text_zh: said, text_en: said };
  }
  if (name === "angle") {
    const said = `${angle(points).toFixed(1)}°`;
    return { text_zh: said, text_en: said };
  }
  const found = statistics(points, facts, imageId);
  if (!found) return null;
  const said = `${found.mean} ± ${found.sd} ${found.unit}`.trim();
  return { text_zh: said, text_en: said };
}

/** Millimetres; of the detector where only that is known, pixels where nothing is. */
function length([from, to]: Point[], facts: Facts): string {
  const size = Math.hypot(...from.map((value, axis) => value - to[axis])).toFixed(1);
  if (!facts.spacing) return t("length_pixels", { n: size });
  return facts.at_detector ? t("length_detector", { n: size }) : t("length_mm", { n: size });
}

function angle(points: Point[]): number {
  const [first, middle, last] = points;
  const one = first.map((value, axis) => value - middle[axis]);
  const other = last.map((value, axis) => value - middle[axis]);
  const dot = one.reduce((sum, value, axis) => sum + value * other[axis], 0);
  const share = dot / (Math.hypot(...one) * Math.hypot(...other));
  return (Math.acos(Math.max(-1, Math.min(1, share))) * 180) / Math.PI;
}

interface Statistics {
  mean: string;
  sd: string;
  min: string;
  max: string;
  unit: string;
  area: string;
}

/** Of all pixels whose middles lie in the rectangle with these corners. */
function statistics(points: Point[], facts: Facts, imageId: string): Statistics | null {
  const values = valuesOf(imageId);
  if (!values) return null;
  const corners = points.map((point) => indexOf(point, facts));
  const across = corners.map(([column]) => column);
  const down = corners.map(([, row]) => row);
  const [left, right] = [Math.min(...across), Math.max(...across)];
  const [top, bottom] = [Math.min(...down), Math.max(...down)];
  let count = 0;
  let sum = 0;
  let squares = 0;
  let min = Infinity;
  let max = -Infinity;
  for (let row = Math.max(0, Math.ceil(top - 0.5)); row < Math.min(facts.rows, bottom - 0.5 + 1e-9); row += 1) {
    for (let column = Math.max(0, Math.ceil(left - 0.5)); column < Math.min(facts.columns, right - 0.5 + 1e-9); column += 1) {
      const value = values[row * facts.columns + column];
      count += 1;
      sum += value;
      squares += value * value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  if (!count) return null;
  const mean = sum / count;
  const shown = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(1));
  const [high, wide] = facts.spacing ?? [1, 1];
  const size = ((right - left) * wide * (bottom - top) * high).toFixed(facts.spacing ? 1 : 0);
  return {
    mean: mean.toFixed(1),
    sd: Math.sqrt(Math.max(0, squares / count - mean * mean)).toFixed(1),
    min: shown(min),
    max: shown(max),
    unit: facts.unit,
    area: facts.spacing ? t(facts.at_detector ? "area_detector" : "area_mm", { n: size }) : t("area_pixels", { n: size }),
  };
}

/** Column and row of a point in the patient: whole numbers are the pixels' upper left corners. */
function indexOf(point: Point, facts: Facts): [number, number] {
  const [high, wide] = facts.spacing ?? [1, 1];
  const axes = facts.orientation ?? [1, 0, 0, 0, 1, 0];
  const from = point.map((value, axis) => value - (facts.position?.[axis] ?? 0));
  const along = (start: number) => from.reduce((sum, value, axis) => sum + value * axes[start + axis], 0);
  return [along(0) / wide + pixelShift(), along(3) / high + pixelShift()];
}

// One picture on the screen: a Cornerstone3D stack of a series, or of key images alone.

import { Enums, RenderingEngine, type Types } from "@cornerstonejs/core";
import { ToolGroupManager } from "@cornerstonejs/tools";

import { ApiError } from "/ui/api.js";
import { part, setText } from "/ui/dom.js";
import { t } from "/ui/i18n.js";

import { Lane } from "./lane";
import { factsOf, fullId, isLoaded, keyId, load, previewId, valuesOf } from "./library";
import type { Facts, Series, StoredImage } from "./frames";
import { isSlow } from "./frames";
import { letters } from "./letters";
import { pixelShift } from "./rendering";

export const ENGINE = "radraft";
export const TOOLS = "radraft-tools";
/** Slices that are loaded before and behind the one that is shown. */
const AHEAD = 24;
const BEHIND = 8;

/** A picture of a stack: its whole, and the small one that may stand for it until the whole is there. */
export interface Slice {
  full: string;
  preview: string | null;
  /** `instance_ref/frame` */
  place: string;
}

export interface Stack {
  key: string;
  caseId: string;
  modality: string;
  slices: Slice[];
  places: number[] | null;
}

/** The slices of a series of a study. */
export function stackOf(caseId: string, series: Series, number: number): Stack {
  const slices = series.instances.flatMap(({ instance_ref, frames }) =>
    Array.from({ length: frames }, (_, frame) => {
      const place = `${instance_ref}/${frame}`;
      return { full: fullId(caseId, place), preview: previewId(caseId, place), place };
    }),
  );
  return { key: `${caseId} ${number}`, caseId, modality: series.modality, slices, places: series.places };
}

/** Key images alone, where they are no frames that can be asked for, or until those are there. */
export function stackOfKeyImages(caseId: string, images: StoredImage[], modality: string): Stack {
  const slices = images.map((image) => ({
    full: keyId(image, modality),
    preview: null,
    place: `${image.instance_ref}/${image.frame}`,
  }));
  return { key: `${caseId} keys`, caseId, modality, slices, places: null };
}

export interface Look {
  center: number;
  width: number;
  invert: boolean;
}

/** Which part of a picture is in the middle of the screen, and how large. */
interface Placement {
  middle: [number, number];
  zoom: number;
}

export class Stage {
  readonly element: HTMLElement;
  readonly viewportElement: HTMLElement;
  /** Until it is closed. */
  readonly open = new AbortController();
  stack: Stack | null = null;
  index = 0;
  /** What is painted: null while nothing of the present slice is. */
  painted: string | null = null;
  onPainted: () => void = () => undefined;
  onMoved: (by: number) => void = () => undefined;
  private look: Look | null = null;
  private readonly urgent = new Lane(2);
  private readonly later = new Lane(2);
  private turn = 0;
  private carried: Placement | null = null;
  private error: (() => string) | null = null;

  constructor(
    element: HTMLElement,
    readonly id: string,
  ) {
    this.element = element;
    this.viewportElement = part(element, "viewport") as HTMLElement;
    engine().enableElement({
      viewportId: id,
      type: Enums.ViewportType.STACK,
      element: this.viewportElement as HTMLDivElement,
      defaultOptions: { background: [0, 0, 0] },
    });
    // The stage has the focus, not what is drawn in it.
    this.viewportElement.removeAttribute("tabindex");
    ToolGroupManager.getToolGroup(TOOLS)?.addViewport(id, ENGINE);
    this.viewportElement.addEventListener(Enums.Events.IMAGE_RENDERED, () => this.rendered());
    this.viewportElement.addEventListener(Enums.Events.CAMERA_MODIFIED, () => this.letters());
  }

  get viewport(): Types.IStackViewport {
    return engine().getViewport(this.id) as Types.IStackViewport;
  }

  get slice(): Slice | null {
    return this.stack?.slices[this.index] ?? null;
  }

  /** What is known of the picture on the screen. */
  get facts(): Facts | undefined {
    return this.painted ? factsOf(this.painted) : undefined;
  }

  get canvas(): HTMLCanvasElement | null {
    return this.viewportElement.querySelector("canvas");
  }

  /** Give the place on the screen back. */
  close(): void {
    this.clear();
    this.open.abort();
    ToolGroupManager.getToolGroup(TOOLS)?.removeViewports(ENGINE, this.id);
    engine().disableElement(this.id);
  }

  clear(): void {
    this.turn += 1;
    this.stack = null;
    this.painted = null;
    this.look = null;
    this.error = null;
    this.urgent.drop();
    this.later.drop();
    this.say("");
    this.cover();
  }

  /**
   * Show slice `index` of `stack`, through `look` or as the file asks for; `same`: it is the picture that is there
   * already, only better, and stays in its place.
   */
  async show(stack: Stack, index: number, look: Look | null = null, same = false): Promise<void> {
    const other = this.stack?.key !== stack.key;
    if (other) {
      this.turn += 1;
      this.carried = same ? this.placement() : null;
      this.painted = null;
      this.look = look;
      this.urgent.drop();
      this.later.drop();
    } else if (look) this.look = look;
    this.stack = stack;
    await this.go(index);
  }

  /** Go to slice `index`; what is not loaded yet comes when it is, and nothing waits for it. */
  async go(index: number): Promise<void> {
    const { stack } = this;
    if (!stack?.slices.length) return;
    this.index = Math.max(0, Math.min(stack.slices.length - 1, index));
    this.turn += 1;
    const mine = this.turn;
    const { full, preview } = stack.slices[this.index];
    this.error = null;
    if (isLoaded(full)) {
      await this.paint(full);
      this.prefetch();
      return;
    }
    const there = preview !== null && isLoaded(preview);
    if (there) await this.paint(preview);
    else this.cover();
    this.say(there ? "" : t("loading_image"));
    const current = () => mine === this.turn;
    if (preview && !there && isSlow(300_000)) {
      this.urgent.now(() => load(preview), current).then(
        () => {
          if (current() && !isLoaded(full)) this.paint(preview);
        },
        () => undefined,
      );
    }
    this.urgent.now(() => load(full), current).then(
      () => {
        if (!current()) return;
        this.paint(full);
        this.prefetch();
      },
      (error) => {
        if (current()) this.failed(error);
      },
    );
  }

  scroll(by: number): void {
    if (!this.stack || this.stack.slices.length < 2) return;
    const before = this.index;
    this.go(this.index + by);
    if (this.index !== before) this.onMoved(this.index - before);
  }

  /** Slices around the present one, nearest first, and more in the direction of reading. */
  private prefetch(): void {
    const { stack, index } = this;
    if (!stack) return;
    const wanted: string[] = [];
    for (let step = 1; step <= AHEAD; step += 1) {
      if (stack.slices[index + step]) wanted.push(stack.slices[index + step].full);
      if (step <= BEHIND && stack.slices[index - step]) wanted.push(stack.slices[index - step].full);
    }
    this.later.only(wanted.filter((imageId) => !isLoaded(imageId)).map((imageId) => () => load(imageId)));
  }

  private async paint(imageId: string): Promise<void> {
    const { stack, viewport } = this;
    if (!stack) return;
    const mine = this.turn;
    const ids = [...stack.slices.map((slice) => slice.full), ...stack.slices.flatMap((slice) => slice.preview ?? [])];
    const at = ids.indexOf(imageId);
    const known = viewport.getImageIds();
    if (known.length !== ids.length || known[0] !== ids[0]) {
      await viewport.setStack(ids, at);
      if (mine !== this.turn) return;
      viewport.resetCamera();
      const { carried } = this;
      this.carried = null;
      if (carried) {
        this.painted = imageId;
        this.placeAt(carried);
      }
    } else await viewport.setImageIdIndex(at);
    if (mine !== this.turn) return;
    const said = factsOf(imageId);
    if (!said) return;
    if (!this.look) this.look = { center: said.window[0], width: said.window[1], invert: false };
    this.painted = imageId;
    this.say("");
    this.apply();
    this.uncover();
  }

  /** A slice that cannot be shown says so in its place; the others can be gone to. */
  private failed(error: unknown): void {
    this.error = () => (error instanceof ApiError ? error.sentence : t("image_failed"));
    if (this.painted !== this.slice?.preview) this.cover();
    this.words();
    this.onPainted();
    this.prefetch();
  }

  /** Say it again in the page's language. */
  words(): void {
    if (this.error) this.say(this.error());
  }

  say(text: string): void {
    setText(part(this.element, "note"), text);
  }

  private cover(): void {
    this.painted = null;
    this.viewportElement.style.opacity = "0";
    if (this.canvas) this.canvas.dataset.image = "";
    this.letters();
    this.onPainted();
  }

  private uncover(): void {
    this.viewportElement.style.opacity = "";
    this.letters();
    this.onPainted();
  }

  private rendered(): void {
    if (this.canvas) this.canvas.dataset.zoom = this.zoom.toFixed(2);
  }

  /** Times the size at which the whole picture fits. */
  get zoom(): number {
    const { fitting } = this;
    return this.painted ? fitting / (this.viewport.getCamera().parallelScale ?? fitting) : 1;
  }

  /** Half the height of the screen, in the picture's millimetres, at which the whole picture fits. */
  private get fitting(): number {
    const said = this.facts;
    const { clientWidth, clientHeight } = this.viewportElement;
    if (!said || !clientWidth || !clientHeight) return 1;
    const [down, across] = said.spacing ?? [1, 1];
    const turned = this.viewport.getRotation() % 180 !== 0;
    const [high, wide] = turned ? [said.columns * across, said.rows * down] : [said.rows * down, said.columns * across];
    return (clientHeight / 2) * Math.max(high / clientHeight, wide / clientWidth);
  }

  /** The screen has another size: what was seen whole is seen whole. */
  resized(whole: boolean): void {
    if (this.painted && whole) {
      const { flipHorizontal } = this.viewport.getCamera();
      const degrees = this.viewport.getRotation();
      this.viewport.resetCamera();
      this.turnTo(degrees);
      this.viewport.setCamera({ flipHorizontal });
    }
    this.viewport.render();
    this.letters();
  }

  get current(): Look {
    return this.look ?? { center: 0, width: 1, invert: false };
  }

  setLook(look: Partial<Look>): void {
    // A slice that is on its way is shown through it when it comes.
    if (!this.stack || (!this.look && look.width === undefined)) return;
    this.look = { ...this.current, ...look };
    this.look.width = Math.max(1, this.look.width);
    if (this.painted) this.apply();
    this.onPainted();
  }

  private apply(): void {
    const { center, width, invert } = this.current;
    const lower = center - 0.5 - (width - 1) / 2;
    const inverted = invert !== Boolean(this.facts?.inverted);
    this.viewport.setProperties({ voiRange: { lower, upper: lower + Math.max(1, width - 1) }, invert: inverted });
    this.viewport.render();
  }

  /** The window the file asks for, the whole picture, unturned. */
  reset(look: Look | null = null): void {
    const said = this.facts;
    if (!said) return;
    this.turnTo(0);
    this.viewport.setCamera({ flipHorizontal: false, flipVertical: false });
    this.viewport.resetCamera();
    const { invert } = this.current;
    this.look = look ?? { center: said.window[0], width: said.window[1], invert };
    this.apply();
    this.onPainted();
  }

  rotate(): void {
    if (!this.painted) return;
    this.turnTo((this.viewport.getRotation() + 90) % 360);
    this.viewport.render();
    this.letters();
  }

  private turnTo(degrees: number): void {
    (this.viewport as unknown as { setRotation(degrees: number): void }).setRotation(degrees);
  }

  flip(): void {
    if (!this.painted) return;
    this.viewport.setCamera({ flipHorizontal: !this.viewport.getCamera().flipHorizontal });
    this.viewport.render();
    this.letters();
  }

  /** Keep the point of the picture under (x, y), in stage pixels, where it is. */
  zoomAt(x: number, y: number, factor: number): void {
    if (!this.painted) return;
    const times = Math.min(40, Math.max(0.25, this.zoom * factor)) / this.zoom;
    const under = this.viewport.canvasToWorld([x, y]);
    const { focalPoint, position, parallelScale } = this.viewport.getCamera();
    const moved = focalPoint!.map((value, axis) => under[axis] + (value - under[axis]) / times) as Types.Point3;
    this.move(moved, focalPoint!, position!, parallelScale! / times);
  }

  pan(dx: number, dy: number): void {
    if (!this.painted) return;
    const [from, to] = [this.viewport.canvasToWorld([0, 0]), this.viewport.canvasToWorld([dx, dy])];
    const { focalPoint, position, parallelScale } = this.viewport.getCamera();
    const moved = focalPoint!.map((value, axis) => value - (to[axis] - from[axis])) as Types.Point3;
    this.move(moved, focalPoint!, position!, parallelScale!);
  }

  private move(focal: Types.Point3, before: Types.Point3, position: Types.Point3, parallelScale: number): void {
    const shifted = position.map((value, axis) => value + focal[axis] - before[axis]) as Types.Point3;
    this.viewport.setCamera({ focalPoint: focal, position: shifted });
    this.viewport.setCamera({ parallelScale });
    this.viewport.render();
    this.onPainted();
  }

  /** Which part of the picture is seen, whatever its size. */
  private placement(): Placement | null {
    const box = this.viewportElement.getBoundingClientRect();
    const middle = this.indexAt(box.width / 2, box.height / 2);
    const said = this.facts;
    if (!middle || !said) return null;
    return { middle: [middle[0] / said.columns, middle[1] / said.rows], zoom: this.zoom };
  }

  private placeAt({ middle, zoom }: Placement): void {
    if (Math.abs(zoom - 1) < 0.01) return;
    const box = this.viewportElement.getBoundingClientRect();
    const image = this.viewport.getImageData()!;
    const [columns, rows] = image.dimensions;
    const { indexToWorld } = image.imageData as unknown as { indexToWorld(index: number[]): Types.Point3 };
    const index = [middle[0] * columns - pixelShift(), middle[1] * rows - pixelShift(), 0];
    // Drawn by the processor, the answer is written into the second argument too.
    const from = [...(indexToWorld as (index: number[], to: number[]) => number[])(index, [0, 0, 0])];
    const to = this.viewport.canvasToWorld([box.width / 2, box.height / 2]);
    const { focalPoint, position, parallelScale } = this.viewport.getCamera();
    const moved = focalPoint!.map((value, axis) => value + from[axis] - to[axis]) as Types.Point3;
    this.move(moved, focalPoint!, position!, parallelScale! / zoom);
  }

  /** Column and row under (x, y), in stage pixels: whole numbers are the pixels' upper left corners. */
  indexAt(x: number, y: number): [number, number] | null {
    if (!this.painted) return null;
    const image = this.viewport.getImageData();
    if (!image) return null;
    const world = this.viewport.canvasToWorld([x, y]);
    const { worldToIndex } = image.imageData as unknown as { worldToIndex(world: Types.Point3): number[] };
    const index = worldToIndex(world);
    return [index[0] + pixelShift(), index[1] + pixelShift()];
  }

  /** Value under (x, y), in stage pixels; null outside the picture, and of a preview, which is only near to it. */
  valueAt(x: number, y: number): number | null {
    const index = this.indexAt(x, y);
    const said = this.facts;
    if (!index || !said || this.painted === this.slice?.preview) return null;
    const [column, row] = index.map(Math.floor);
    if (column < 0 || row < 0 || column >= said.columns || row >= said.rows) return null;
    return valuesOf(this.painted!)?.[row * said.columns + column] ?? null;
  }

  /** Times the pixels of the file that one pixel of the screen is. */
  get scale(): number {
    const [first, second] = [this.indexAt(0, 0), this.indexAt(100, 0)];
    if (!first || !second) return 1;
    return 100 / Math.max(1e-6, Math.hypot(second[0] - first[0], second[1] - first[1]));
  }

  letters(): void {
    const box = this.viewportElement.getBoundingClientRect();
    const shown = letters(this.facts, (x, y) => this.indexAt(box.width / 2 + x, box.height / 2 + y));
    for (const side of ["left", "right", "top", "bottom"] as const) setText(part(this.element, `side-${side}`), shown[side]);
  }
}

let shared: RenderingEngine | null = null;

/** The one rendering engine of the page. */
export function engine(): RenderingEngine {
  shared ??= new RenderingEngine(ENGINE);
  return shared;
}

// Key images at full depth: window/level, zoom, pan, invert, presets.

import { ApiError, imageValues } from "/ui/api.js";
import { Choosing } from "/ui/choosing.js";
import { droppedWords, imagesThere } from "/ui/dropped.js";
import { h, isTyping, part, setText } from "/ui/dom.js";
import { onLanguage, ready, t, translate } from "/ui/i18n.js";
import { CT_PRESETS, greyValues, paint } from "/ui/pixels.js";
import { may, signedIn } from "/ui/session.js";
import { on, state } from "/ui/state.js";
import { attachGestures } from "/ui/gestures.js";

const CACHED_IMAGES = 24;
/** Why an image is not there, said in its own words. */
const TOLD = ["images_dropped", "archive_unreachable"];

/** Bring the viewer in `root` to life. */
export async function mount(root) {
  await Promise.all([ready, signedIn]);
  if (!may("read_signed")) {
    root.replaceChildren();
    return;
  }
  const viewer = new Viewer(root);
  translate(root);
  onLanguage(() => {
    translate(root);
    viewer.tools();
    viewer.choosing.render();
    viewer.words();
    viewer.draw();
  });
  on("opening", () => viewer.clear());
  on("view", (view) => viewer.show(view));
  document.addEventListener("keydown", (event) => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.toLowerCase() === "i") viewer.invert();
  });
}

class Viewer {
  constructor(root) {
    for (const name of ["stage", "canvas", "window", "place", "presets", "note", "dropped"]) {
      this[`${name}Element`] = part(root, name);
    }
    this.invertButton = part(root, "invert");
    this.painted = document.createElement("canvas");
    this.cache = new Map();
    this.images = [];
    this.frame = 0;
    this.choosing = new Choosing(root, (item) => this.choose(item));
    this.clear();
    attachGestures(this.stageElement, this);
    this.invertButton.addEventListener("click", () => this.invert());
    part(root, "fit").addEventListener("click", () => this.reset());
    new ResizeObserver(() => this.draw()).observe(this.stageElement);
  }

  clear() {
    this.image = null;
    this.images = [];
    this.dropped = null;
    this.note = () => "";
    this.words();
    this.view = { center: 0, width: 1, invert: false, zoom: 1, x: 0, y: 0 };
    this.choosing.clear();
    this.presetsElement.replaceChildren();
    this.draw();
  }

  /** Say `note()` on the stage from now on. */
  say(note) {
    this.note = note;
    this.words();
  }

  /** What is said in words, in the page's language. */
  words() {
    setText(this.noteElement, this.note());
    setText(this.droppedElement, this.images.length ? droppedWords(this.dropped, "originals_dropped") : "");
    this.droppedElement.hidden = !this.droppedElement.textContent;
  }

  /** Take the images of a CaseView; the picture on screen stays when they are the same. */
  show(caseView) {
    const there = imagesThere(caseView);
    const ids = there.map((image) => image.image_id).join();
    const changed = ids !== this.images.map((image) => image.image_id).join() || !this.image;
    this.choosing.show(caseView);
    this.dropped = caseView.dropped;
    if (!changed) return;
    this.images = there;
    this.modality = caseView.case.modality;
    this.tools();
    this.words();
    if (this.images.length) this.choosing.select(this.choosing.items[0]);
    else this.say(() => droppedWords(this.dropped, "images_dropped_on") || t("no_images"));
  }

  /** Show an item of the strip: a stored image at full depth, or a small one of what is wished. */
  async choose(item) {
    const caseId = state.caseId;
    this.chosen = item.key;
    let loaded = this.cache.get(item.key);
    if (!loaded) {
      if (!this.image) this.say(() => t("loading_image"));
      try {
        loaded = item.image_id ? { values: await imageValues(item.image_id) } : await greyValues(item.src);
      } catch (error) {
        const known = error instanceof ApiError && TOLD.includes(error.code);
        if (this.chosen === item.key) this.say(() => (known ? error.sentence : t("image_failed")));
        return;
      }
      this.remember(item.key, loaded);
    }
    if (caseId !== state.caseId || this.chosen !== item.key) return;
    this.say(() => "");
    this.image = { ...item, ...loaded };
    this.tools();
    this.reset();
  }

  remember(key, loaded) {
    this.cache.set(key, loaded);
    if (this.cache.size > CACHED_IMAGES) this.cache.delete(this.cache.keys().next().value);
  }

  reset() {
    if (!this.image) return;
    const [center, width] = this.image.window;
    this.view = { center, width, invert: this.view.invert, zoom: 1, x: 0, y: 0 };
    this.repaint();
  }

  invert() {
    this.view.invert = !this.view.invert;
    this.invertButton.setAttribute("aria-pressed", String(this.view.invert));
    this.repaint();
  }

  setWindow(center, width) {
    Object.assign(this.view, { center, width: Math.max(1, width) });
    this.repaint();
  }

  /** Keep the image point under (x, y), in stage pixels, where it is. */
  zoomAt(x, y, factor) {
    const zoom = Math.min(40, Math.max(0.25, this.view.zoom * factor));
    const change = zoom / this.view.zoom;
    const { width, height } = this.stageElement.getBoundingClientRect();
    this.view.x = x - width / 2 - (x - width / 2 - this.view.x) * change;
    this.view.y = y - height / 2 - (y - height / 2 - this.view.y) * change;
    this.view.zoom = zoom;
    this.draw();
  }

  pan(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.draw();
  }

  repaint() {
    this.stale = true;
    this.draw();
  }

  draw() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    this.frame = 0;
    const { width, height } = this.stageElement.getBoundingClientRect();
    const ratio = window.devicePixelRatio;
    const canvas = this.canvasElement;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.dataset.image = this.image?.image_id ?? "";
    this.corners();
    if (!this.image || !width || !height) return;
    if (this.stale) paint(this.painted, this.image, this.view);
    this.stale = false;
    const context = canvas.getContext("2d");
    const [left, top, scale] = this.placement(width, height);
    context.setTransform(scale * ratio, 0, 0, scale * ratio, left * ratio, top * ratio);
    context.imageSmoothingEnabled = scale * ratio < 4;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.painted, 0, 0);
  }

  placement(width, height) {
    const fit = Math.min(width / this.image.columns, height / this.image.rows);
    const scale = fit * this.view.zoom;
    const left = (width - this.image.columns * scale) / 2 + this.view.x;
    const top = (height - this.image.rows * scale) / 2 + this.view.y;
    return [left, top, scale];
  }

  /** Value under (x, y), in stage pixels, or null outside the image. */
  valueAt(x, y) {
    if (!this.image) return null;
    const { width, height } = this.stageElement.getBoundingClientRect();
    const [left, top, scale] = this.placement(width, height);
    const column = Math.floor((x - left) / scale);
    const row = Math.floor((y - top) / scale);
    if (column < 0 || row < 0 || column >= this.image.columns || row >= this.image.rows) return null;
    return this.image.values[row * this.image.columns + column];
  }

  corners(pointer = null) {
    if (!this.image) {
      setText(this.windowElement, "");
      setText(this.placeElement, "");
      return;
    }
    const { center, width, zoom } = this.view;
    const { columns, rows } = this.image;
    const fit = this.placement(this.stageElement.clientWidth, this.stageElement.clientHeight)[2];
    setText(
      this.windowElement,
      t("window_level", { w: Math.round(width), l: Math.round(center), zoom: Math.round(fit * 100) }),
    );
    const value = pointer && this.valueAt(pointer.x, pointer.y);
    const unit = this.modality === "CT" && this.image.image_id ? "value_hu" : "value_plain";
    setText(
      this.placeElement,
      value === null || value === undefined ? `${columns} × ${rows}` : t(unit, { value }),
    );
    this.canvasElement.dataset.zoom = zoom.toFixed(2);
  }

  tools() {
    // What is only wished for is shown as grey levels, which no window of CT fits.
    const presets = this.modality === "CT" && this.image?.image_id ? Object.entries(CT_PRESETS) : [];
    this.presetsElement.replaceChildren(
      ...presets.map(([name, [center, width]]) =>
        h("button", {
          type: "button",
          class: "rd-tool",
          text: t(`preset_${name}`),
          onclick: () => this.setWindow(center, width),
        }),
      ),
    );
  }
}

// Adding a key image: a series, a slice of it, a window.

import { h, part, setText } from "/ui/dom.js";
import { onLanguage, t } from "/ui/i18n.js";
import { seriesLabel } from "/ui/serieslabel.js";
import { state } from "/ui/state.js";

const SETTLE_MS = 80;

export class AddPanel {
  /** `onAdd(item)` gets an image that is wished for. */
  constructor(root, { onAdd, onClose }) {
    this.root = root;
    this.onAdd = onAdd;
    this.onClose = onClose;
    for (const name of ["series", "slice-window", "slice", "slice-place", "picture", "full"]) {
      this[name.replace("slice-", "")] = part(root, name);
    }
    this.series.addEventListener("change", () => this.pick());
    this.window.addEventListener("change", () => this.preview());
    this.slice.addEventListener("input", () => this.preview());
    this.addButton = part(root, "add-slice");
    this.addButton.addEventListener("click", () => this.onAdd(this.item()));
    part(root, "close-panel").addEventListener("click", () => this.leave());
    for (const event of ["load", "error"]) {
      this.picture.addEventListener(event, () => {
        this.picture.dataset.loading = "false";
        if (event === "error") setText(this.place, t("image_failed"));
      });
    }
    root.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.leave();
    });
    onLanguage(() => {
      if (!root.hidden) this.choices();
    });
  }

  /** Show what `found` (StudyFrames) offers, beside `count` images that are there. */
  open(found, count) {
    this.found = found;
    this.root.hidden = false;
    this.choices();
    this.count(count);
    this.series.focus();
  }

  close() {
    this.root.hidden = true;
    this.found = null;
    clearTimeout(this.waiting);
  }

  leave() {
    this.close();
    this.onClose();
  }

  /** How many images there are now: no more than the budget can be added. */
  count(count) {
    if (!this.found) return;
    const full = count >= this.found.budget;
    this.addButton.disabled = full || !this.found.series.length;
    this.full.hidden = !full;
    setText(this.full, t("key_images_full", { n: this.found.budget }));
  }

  choices() {
    const { series, windows } = this.found;
    const at = Math.max(0, this.series.selectedIndex);
    const shown = Math.max(0, this.window.selectedIndex);
    this.series.replaceChildren(...series.map((one) => h("option", { text: seriesLabel(one) })));
    this.series.selectedIndex = Math.min(at, series.length - 1);
    this.window.replaceChildren(
      ...windows.map((name) => h("option", { value: name, text: t(`preset_${name || "own"}`) })),
    );
    this.window.selectedIndex = Math.min(shown, windows.length - 1);
    this.window.parentElement.hidden = windows.length < 2;
    this.pick();
  }

  pick() {
    const series = this.found.series[this.series.selectedIndex];
    this.frames = series ? spelled(series.instances) : [];
    this.slice.max = String(Math.max(0, this.frames.length - 1));
    this.slice.value = String(Math.floor(this.frames.length / 2));
    this.slice.disabled = this.frames.length < 2;
    this.preview();
  }

  item() {
    const { instance_ref, frame } = this.frames[Number(this.slice.value)];
    const window_name = this.window.value;
    const query = window_name ? `?window=${window_name}` : "";
    const src = `/api/cases/${state.caseId}/frames/${instance_ref}/${frame}/png${query}`;
    return { key: `${instance_ref}/${frame}/${window_name}`, instance_ref, frame, window_name, src };
  }

  /** The slice under the slider, once it rests: each takes the service a moment. */
  preview() {
    clearTimeout(this.waiting);
    const chosen = this.frames[Number(this.slice.value)];
    const place = t("slice_place", { n: Number(this.slice.value) + 1, all: this.frames.length });
    setText(this.place, chosen?.marked ? `${place} · ${t("slice_marked")}` : chosen ? place : t("no_images"));
    if (!chosen) return;
    const { src } = this.item();
    const show = () => {
      if (this.picture.getAttribute("src") === src) return;
      this.picture.dataset.loading = "true";
      this.picture.src = src;
    };
    this.waiting = setTimeout(show, SETTLE_MS);
  }

  wheeled(event) {
    if (event.target.closest("select")) return;
    event.preventDefault();
    this.slice.value = String(Number(this.slice.value) + Math.sign(event.deltaY));
    this.preview();
  }
}

/** Every frame of `instances`, in order. */
function spelled(instances) {
  return instances.flatMap(({ instance_ref, frames, marked }) =>
    Array.from({ length: frames }, (_, frame) => ({ instance_ref, frame, marked })),
  );
}

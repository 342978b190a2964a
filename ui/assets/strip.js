// The row of key images: choosing one to look at, moving and dropping them by pointer or keys.

import { arrange, h, setText } from "/ui/dom.js";
import { t } from "/ui/i18n.js";
import { emit } from "/ui/state.js";

const KIND = "application/x-radraft-key-image";

export class Strip {
  /** `onSelect(item)`, `onMove(key, index)` (counts without the item itself), `onDrop(key)`. */
  constructor(element, { onSelect, onMove, onDrop }) {
    this.element = element;
    this.onSelect = onSelect;
    this.onMove = onMove;
    this.onDrop = onDrop;
    this.thumbs = new Map();
    this.items = [];
    element.addEventListener("keydown", (event) => this.keyed(event));
    this.attachDrag();
  }

  /** Show `items` ({key, src, window_name, instance_ref}), `current` marked; those `retaken` in gray. */
  render(items, { current, editable, retaken }) {
    this.items = items;
    this.retaken = retaken;
    this.editable = editable;
    const focused = this.element.contains(document.activeElement) ? document.activeElement : null;
    const known = new Set(items.map((item) => item.key));
    for (const key of this.thumbs.keys()) if (!known.has(key)) this.thumbs.delete(key);
    const wanted = items.map((item, index) => this.thumb(item, index, item.key === current));
    arrange(this.element, wanted);
    // Moving an element takes the focus from it.
    if (focused?.isConnected && document.activeElement !== focused) focused.focus();
  }

  focus(key) {
    this.thumbs.get(key)?.querySelector("button").focus();
  }

  thumb(item, index, current) {
    if (!this.thumbs.has(item.key)) this.thumbs.set(item.key, this.make(item));
    const thumb = this.thumbs.get(item.key);
    const [look, drop] = thumb.querySelectorAll("button");
    const name = item.window_name ? t(`preset_${item.window_name}`) : "";
    thumb.draggable = this.editable;
    thumb.dataset.pending = String(!item.image_id);
    thumb.setAttribute("aria-current", String(current));
    look.setAttribute("aria-label", t("image_number", { n: index + 1 }));
    const retaken = this.retaken.has(item.instance_ref);
    thumb.dataset.retaken = String(retaken);
    look.title = [retaken ? t("thumb_retaken_hint") : "", this.editable ? t("thumb_hint") : ""].filter(Boolean).join(" ");
    drop.hidden = !this.editable || this.items.length < 2;
    drop.title = t("thumb_drop");
    drop.setAttribute("aria-label", t("thumb_drop_number", { n: index + 1 }));
    setText(thumb.querySelector(".rd-thumb-name"), [index + 1, name, retaken ? t("thumb_retaken") : ""].filter(Boolean).join(" "));
    return thumb;
  }

  make(item) {
    return h(
      "div",
      { class: "rd-thumb", role: "listitem", dataset: { key: item.key, image: item.image_id ?? "" } },
      h(
        "button",
        { type: "button", class: "rd-thumb-look", onclick: () => this.onSelect(this.item(item.key)) },
        h("img", { src: item.src, alt: "", draggable: "false", onload: () => item.image_id && emit("drawn", { image_id: item.image_id }) }),
      ),
      h("span", { class: "rd-thumb-name" }),
      h("button", { type: "button", class: "rd-thumb-drop", text: "×", onclick: () => this.onDrop(item.key) }),
    );
  }

  item(key) {
    return this.items.find((one) => one.key === key);
  }

  keyed(event) {
    const key = event.target.closest?.(".rd-thumb")?.dataset.key;
    const place = this.items.findIndex((item) => item.key === key);
    if (place < 0 || event.ctrlKey || event.metaKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      event.preventDefault();
      const next = place + step;
      if (next < 0 || next >= this.items.length) return;
      if (event.altKey) {
        if (this.editable) this.onMove(key, next);
      } else {
        this.focus(this.items[next].key);
        this.onSelect(this.items[next]);
      }
    } else if (event.key === "Delete" && this.editable && this.items.length > 1) {
      event.preventDefault();
      const neighbour = this.items[place + 1] ?? this.items[place - 1];
      this.onDrop(key);
      this.focus(neighbour.key);
    }
  }

  attachDrag() {
    const { element } = this;
    element.addEventListener("dragstart", (event) => {
      const thumb = event.target.closest?.(".rd-thumb");
      if (!thumb || !this.editable) return;
      event.dataTransfer.setData(KIND, thumb.dataset.key);
      event.dataTransfer.effectAllowed = "move";
      thumb.classList.add("rd-dragged");
    });
    element.addEventListener("dragend", (event) => {
      event.target.closest?.(".rd-thumb")?.classList.remove("rd-dragged");
      this.mark(null);
    });
    element.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes(KIND)) return;
      event.preventDefault();
      this.mark(event.clientX);
    });
    element.addEventListener("dragleave", () => this.mark(null));
    element.addEventListener("drop", (event) => {
      const key = event.dataTransfer.getData(KIND);
      if (!key) return;
      event.preventDefault();
      event.stopPropagation();
      this.mark(null);
      const others = [...element.children].filter((thumb) => thumb.dataset.key !== key);
      this.onMove(key, others.filter((thumb) => middle(thumb) < event.clientX).length);
    });
  }

  /** Show between which images a drop at `x` would land. */
  mark(x) {
    const thumbs = [...this.element.children];
    const before = x === null ? undefined : thumbs.find((thumb) => middle(thumb) >= x);
    for (const thumb of thumbs) thumb.classList.toggle("rd-drop-left", thumb === before);
    thumbs.at(-1)?.classList.toggle("rd-drop-right", x !== null && !before);
  }
}

function middle(thumb) {
  const box = thumb.getBoundingClientRect();
  return box.left + box.width / 2;
}

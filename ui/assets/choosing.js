// Which images the draft is made from: the reader's changes, until a new draft is asked for.

import { getChanged, send, sentenceOf } from "/ui/api.js";
import { AddPanel } from "/ui/addpanel.js";
import { h, part } from "/ui/dom.js";
import { imagesThere } from "/ui/dropped.js";
import { t } from "/ui/i18n.js";
import { keepsUnsaved, may } from "/ui/session.js";
import { state } from "/ui/state.js";
import { Strip } from "/ui/strip.js";
import { refresh, settle } from "/ui/study.js";

export class Choosing {
  /** `onSelect(item)` shows an image: a stored one, or one that is only wished for yet. */
  constructor(root, onSelect) {
    this.bar = part(root, "choose-bar");
    this.addButton = part(root, "add-image");
    this.onSelect = onSelect;
    this.strip = new Strip(part(root, "strip"), {
      onSelect: (item) => this.select(item),
      onMove: (key, index) => this.move(key, index),
      onDrop: (key) => this.change(this.items.filter((item) => item.key !== key)),
    });
    this.panel = new AddPanel(part(root, "add-panel"), {
      onAdd: (item) => this.add(item),
      onClose: () => this.addButton.focus(),
    });
    this.addButton.addEventListener("click", () => this.open());
    keepsUnsaved(() => this.dirty);
    this.clear();
  }

  clear() {
    this.saved = [];
    this.items = [];
    this.known = null;
    this.current = null;
    this.editable = false;
    this.retaken = new Set();
    this.told = null;
    this.asking = false;
    this.busy = false;
    this.panel.close();
    this.render();
  }

  /** Take the images of a CaseView; what the reader changed and did not send yet stays. */
  show(view) {
    this.retaken = new Set(view.retaken);
    const stored = imagesThere(view).map(asItem);
    if (keys(stored) !== keys(this.saved)) {
      if (!this.dirty || frames(this.items) === frames(stored)) this.items = stored;
      this.saved = stored;
      this.known = null;
    }
    const { state: where } = view.case;
    this.editable = may("write", view) && view.working?.state !== "signed" && where !== "drafting";
    if (!this.editable) this.panel.close();
    this.render();
  }

  get dirty() {
    return frames(this.items) !== frames(this.saved);
  }

  select(item) {
    this.current = item.key;
    this.render();
    this.onSelect(item);
  }

  move(key, index) {
    const others = this.items.filter((item) => item.key !== key);
    const item = this.items.find((one) => one.key === key);
    this.change([...others.slice(0, index), item, ...others.slice(index)]);
  }

  add(item) {
    if (this.items.some((one) => frame(one) === frame(item))) return;
    this.change([...this.items, item]);
    this.select(item);
  }

  change(items) {
    this.items = items;
    this.told = null;
    this.asking = false;
    if (!items.some((item) => item.key === this.current) && items.length) this.select(items[0]);
    this.render();
    this.learn().catch((error) => this.failed(error));
  }

  /** All frames of the study, asked for once. */
  async learn() {
    const { caseId } = state;
    this.known ??= getChanged(`/cases/${caseId}/frames`, { fresh: true });
    try {
      return await this.known;
    } catch (error) {
      this.known = null;
      throw error;
    }
  }

  async open() {
    const { caseId } = state;
    try {
      const found = await this.learn();
      if (caseId === state.caseId) this.panel.open(found, this.items.length);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Ask for a draft from these images; `keepEdit`: the reader knows that edited text stays. */
  async send(keepEdit) {
    const { caseId } = state;
    this.busy = true;
    this.render();
    try {
      // What is being typed is an edit too: saved before anything is asked of the service.
      await settle();
      const found = await this.learn();
      const base = found.images.map((one) => ({ ...one, window_name: one.window }));
      if (frames(base) !== frames(this.saved)) {
        this.told = t("key_images_changed");
        this.known = null;
      } else {
        await send("PUT", `/cases/${caseId}/key-images`, {
          images: this.items.map((item) => ({
            instance_ref: item.instance_ref,
            frame: item.frame,
            window: item.window_name,
          })),
          base_revision: found.revision,
          keep_edit: keepEdit,
        });
        this.told = null;
        this.asking = false;
        this.saved = this.items;
        this.panel.close();
      }
    } catch (error) {
      this.failed(error);
    }
    this.busy = false;
    if (caseId === state.caseId) await refresh(true);
    this.render();
  }

  failed(error) {
    this.asking = error.code === "key_images_report_edited";
    if (error.code === "key_images_conflict") this.known = null;
    this.told = sentenceOf(error);
    this.render();
  }

  undo() {
    this.change([...this.saved]);
  }

  render() {
    const { items, current, editable, dirty, retaken } = this;
    this.strip.render(items, { current, editable, retaken });
    this.addButton.hidden = !editable || !items.length;
    const words = this.told ?? (dirty ? t("key_images_dirty") : "");
    const version = JSON.stringify([words, this.asking, this.busy, dirty, document.documentElement.lang]);
    this.panel.count(items.length);
    if (this.bar.dataset.version === version) return;
    this.bar.dataset.version = version;
    this.bar.hidden = !words;
    const button = (name, key, action, look) =>
      h("button", {
        type: "button",
        class: look,
        disabled: this.busy,
        text: t(key),
        dataset: { part: name },
        onclick: action,
      });
    const main = this.asking ? "redraft_keep_edit" : "redraft_images";
    this.bar.replaceChildren(
      h("span", { text: this.busy ? t("choosing_sends") : words }),
      ...(dirty
        ? [
            button("undo-images", "undo", () => this.undo(), "rd-link"),
            button("send-images", main, () => this.send(this.asking), "rd-button rd-small rd-primary"),
          ]
        : []),
    );
  }
}

function asItem(image) {
  return { ...image, key: image.image_id, src: `/api/images/${image.image_id}/png` };
}

function frame(item) {
  return `${item.instance_ref}/${item.frame}/${item.window_name}`;
}

function frames(items) {
  return items.map(frame).join();
}

function keys(items) {
  return items.map((item) => item.key).join();
}

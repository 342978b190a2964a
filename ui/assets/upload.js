// Taking in files: a button, or a drop anywhere on the page. Each refused file says why.

import { sentenceOf, upload } from "/ui/api.js";
import { h } from "/ui/dom.js";
import { reason } from "/ui/gate.js";
import { onLanguage, pick, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { emit } from "/ui/state.js";
import { open } from "/ui/study.js";

/**
 * Wire the upload button, its file chooser and the page as a drop target. What became of the files is said in
 * `place`, or in a panel over the page.
 */
export function attachUpload(button, chooser, { place = null } = {}) {
  const panel = new UploadPanel(place);
  button.addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    panel.take([...chooser.files]);
    chooser.value = "";
  });
  let depth = 0;
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const mark = () => document.body.classList.toggle("rd-dropping", depth > 0);
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    mark();
  });
  document.addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth = Math.max(0, depth - 1);
    mark();
  });
  document.addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark();
    // A page that is covered takes nothing in.
    if (!reason()) panel.take(await droppedFiles(event.dataTransfer));
  });
  onLanguage(() => panel.render());
}

class UploadPanel {
  constructor(place) {
    this.element = h("section", { class: place ? "rd-uploaded" : "rd rd-upload", role: "status", hidden: true });
    (place ?? document.body).append(this.element);
    this.shown = null;
  }

  async take(files) {
    if (!files.length || this.shown?.busy) return;
    this.shown = { busy: true, count: files.length, share: 0 };
    this.render();
    try {
      const result = await upload(files, (share) => {
        this.shown.share = share;
        this.render();
      });
      this.shown = { result };
      emit("uploaded");
      const first = result.cases[0] ?? result.known[0];
      if (first && may("read_unsigned")) open(first);
    } catch (error) {
      this.shown = { error };
    }
    this.render();
  }

  close() {
    this.shown = null;
    this.render();
  }

  render() {
    this.element.hidden = !this.shown;
    if (!this.shown) return;
    const { busy, count, share, result, error } = this.shown;
    const parts = [];
    if (busy) {
      const text = share < 1 ? t("uploading", { n: count }) : t("reading_files", { n: count });
      parts.push(h("p", { text }), h("progress", { max: 1, value: share < 1 ? share : undefined }));
    } else {
      parts.push(
        h("button", { type: "button", class: "rd-icon rd-close", "aria-label": t("close"), text: "×", onclick: () => this.close() }),
        ...(error ? [h("p", { class: "rd-bad", text: sentenceOf(error) })] : outcome(result)),
      );
    }
    this.element.replaceChildren(...parts);
  }
}

function outcome({ cases, known, rejections }) {
  const parts = [];
  if (cases.length) parts.push(h("p", { class: "rd-good", text: t("taken_in", { n: cases.length }) }));
  if (known.length) parts.push(h("p", { text: t("already_known", { n: known.length }) }));
  if (rejections.length) {
    parts.push(h("p", { class: "rd-bad", text: t("rejected", { n: rejections.length }) }));
    const rows = rejections.map((rejection) =>
      h(
        "li",
        {},
        h("span", { class: "rd-file", text: rejection.file }),
        h("code", { text: rejection.code }),
        h("span", { text: pick({ zh: rejection.message_zh, en: rejection.message_en }) }),
      ),
    );
    parts.push(h("ul", { class: "rd-rejections" }, ...rows));
  }
  return parts;
}

/** Files of a drop, folders opened. */
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const files = [];
  for (const entry of entries) await collect(entry, files);
  return files;
}

async function collect(entry, files) {
  if (entry.isFile) {
    files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) return;
    for (const child of batch) await collect(child, files);
  }
}

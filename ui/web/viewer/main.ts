// The viewer's pane: every image of the open study, key images first, measured and compared.

import { isTyping } from "/ui/dom.js";
import { onLanguage, ready, translate } from "/ui/i18n.js";
import { may, signedIn } from "/ui/session.js";
import { on } from "/ui/state.js";

import { install } from "./library";
import { installTools } from "./measure";
import { beginRendering } from "./rendering";
import { Viewer } from "./viewer";

/** Bring the viewer in `root` to life. */
export async function mount(root: HTMLElement): Promise<void> {
  await Promise.all([ready, signedIn]);
  if (!may("read_signed")) {
    root.replaceChildren();
    return;
  }
  await beginRendering();
  install();
  const viewer = new Viewer(root);
  installTools(() => viewer.measured());
  viewer.begin();
  translate(root);
  onLanguage(() => {
    translate(root);
    viewer.words();
  });
  on("opening", () => viewer.clear());
  on("view", (view: object) => viewer.show(view));
  document.addEventListener("keydown", (event) => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest("dialog")) return;
    if (document.querySelector("dialog[open]")) return;
    viewer.key(event);
  });
}

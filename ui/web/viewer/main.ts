// The viewer's pane: every image of the open study, key images first, measured and compared.

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
  viewer.bindKeys();
}

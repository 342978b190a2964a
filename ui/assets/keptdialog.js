// Before somebody signs out: what becomes of text that could not be saved.

import { h } from "/ui/dom.js";
import { t } from "/ui/i18n.js";
import { discardAll, keptNumber } from "/ui/unsaved.js";

let agreed = false;

/** Whether he has said that it may stay where it is, and the page go. */
export function agreedToKeep() {
  return agreed;
}

/** Ask in `dialog` where anything is kept. Resolves to false where he stays, else to true; `onDiscard()` before it goes. */
export function askKept(dialog, onDiscard) {
  const n = keptNumber();
  if (!n) return true;
  const button = (value, primary) =>
    h("button", { type: "submit", value, class: primary ? "rd-button rd-primary" : "rd-button", dataset: { kept: value }, text: t(`kept_${value}`) });
  dialog.replaceChildren(
    h(
      "form",
      { method: "dialog" },
      h("h2", { text: t("kept_title") }),
      h("p", { text: t("kept_says", { n }) }),
      h("div", { class: "rd-dialog-acts" }, button("discard", false), h("span", { class: "rd-spring" }), button("stay", false), button("keep", true)),
    ),
  );
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const done = async () => {
      dialog.replaceChildren();
      if (dialog.returnValue === "discard") {
        onDiscard();
        await discardAll();
      }
      agreed = dialog.returnValue === "keep";
      resolve(["keep", "discard"].includes(dialog.returnValue));
    };
    dialog.addEventListener("close", done, { once: true });
  });
}

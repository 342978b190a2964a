// The keys of what can be done now, in a list that opens with `?`.

import { h } from "/ui/dom.js";
import { t } from "/ui/i18n.js";
import { bind, bound, keysOf } from "/ui/keys.js";

/** Have `?` show the keys. */
export function mountKeys() {
  const dialog = h("dialog", { class: "rd rd-dialog" });
  document.body.append(dialog);
  bind("help.keys", () => show(dialog));
}

function show(dialog) {
  const before = document.activeElement;
  dialog.setAttribute("aria-label", t("keys_title"));
  dialog.replaceChildren(
    h("h2", { text: t("keys_title") }),
    h("dl", { class: "rd-keys" }, ...bound().flatMap(line)),
    h("div", { class: "rd-dialog-acts" }, h("span", { class: "rd-spring" }), close(dialog)),
  );
  dialog.addEventListener("close", () => before?.focus?.({ preventScroll: true }), { once: true });
  dialog.showModal();
}

function line(action) {
  const keys = keysOf(action).map((key) => h("kbd", { text: key }));
  return [h("dt", { text: t(`key_${action.replace(".", "_")}`) }), h("dd", {}, ...keys)];
}

function close(dialog) {
  return h("button", { type: "button", class: "rd-button rd-primary", dataset: { part: "keys-close" }, text: t("panel_close"), onclick: () => dialog.close() });
}

// Asks for the words that a step with a report needs: a reviewer's remark, the reason of an amendment.

import { h } from "/ui/dom.js";
import { t } from "/ui/i18n.js";
import { state } from "/ui/state.js";

const MOST = 1000;
const KINDS = ["amendment", "addendum"];

/**
 * Ask in `dialog` before the step `name` is taken. Resolves to what goes with it, or to null where the person gave up.
 * `remark`: the name of the field for his words; `kinds`: whether he chooses how the signed report is changed.
 */
export function askStep(dialog, name, { remark = null, kinds = false } = {}) {
  const field = remark && h("textarea", { class: "rd-input rd-remark", name: remark, rows: 3, maxlength: MOST, required: true, dataset: { part: "remark" } });
  const form = h(
    "form",
    { method: "dialog", dataset: { step: name } },
    h("h2", { text: t(`step_${name}_title`) }),
    h("p", { class: "rd-dim", text: t(`step_${name}_says`) }),
    kinds ? h("fieldset", { class: "rd-kinds" }, h("legend", { text: t("amendment_kind") }), ...KINDS.map(kindChoice)) : null,
    field && h("label", {}, h("span", { text: t(`step_${name}_remark`) }), field),
    h("p", {}, h("span", { class: "rd-dim", text: t("step_by") }), " ", h("b", { text: state.session.name })),
    h(
      "div",
      { class: "rd-dialog-acts" },
      h("button", { type: "button", class: "rd-button", text: t("cancel"), onclick: () => dialog.close("") }),
      h("button", { type: "submit", value: "take", class: "rd-button rd-primary", dataset: { part: "take" }, text: t(`step_${name}`).replace("…", "") }),
    ),
  );
  // A reason of spaces alone is none.
  field?.addEventListener("input", () => field.setCustomValidity(field.value.trim() ? "" : t("remark_empty")));
  dialog.replaceChildren(form);
  dialog.returnValue = "";
  dialog.showModal();
  (field ?? form.querySelector("[type=submit]")).focus();
  return new Promise((resolve) => {
    const done = () => {
      if (dialog.returnValue !== "take") resolve(null);
      else resolve(Object.fromEntries(new FormData(form)));
    };
    dialog.addEventListener("close", done, { once: true });
  });
}

function kindChoice(kind, place) {
  const radio = h("input", { type: "radio", name: "kind", value: kind, required: true, checked: place === 0 });
  const text = h("span", {}, h("b", { text: t(`amendment_${kind}`) }), h("span", { class: "rd-dim", text: t(`amendment_${kind}_hint`) }));
  return h("label", {}, radio, text);
}

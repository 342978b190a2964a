// The study's orders: what was asked, by whom and how soon, and which of them a reader has to say.

import { h } from "/ui/dom.js";
import { has, personNames, pick, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { state } from "/ui/state.js";
import { StudyPanel } from "/ui/studypanel.js";

const SOON = { stat: "stat", high: "emergency" };

/** Keep `element` showing the open study's orders. */
export async function mountOrders(element) {
  await new Orders(element, "orders").mount();
}

class Orders extends StudyPanel {
  render() {
    if (!this.found) return;
    const lines = this.found.orders.map((order) => {
      if (order.link === "asked") return this.question(order);
      return order.link === "rejected" ? this.refused(order) : this.held(order);
    });
    if (this.told) lines.push(h("p", { class: "rd-bad", role: "alert", text: this.told }));
    this.element.hidden = !lines.length;
    this.element.replaceChildren(...lines);
  }

  held(order) {
    const confirmed = order.link === "confirmed";
    return h(
      "div",
      {},
      h(
        "p",
        { class: "rd-prior-line" },
        h("b", { text: t("order") }),
        soon(order),
        h("span", { text: order.procedure.description }),
        ...said(order),
        confirmed ? h("span", { class: "rd-dim", text: t("prior_confirmed") }) : null,
        h("span", { class: "rd-spring" }),
        confirmed && decides() ? this.button(order, false, "rd-tool") : null,
      ),
      ...cares(order),
      ...told(order),
    );
  }

  question(order) {
    const [name] = personNames(order.patient.name);
    const sex = has(`sex_${order.patient.sex}`) ? t(`sex_${order.patient.sex}`) : t("unknown");
    const number = `${t("patient_id")} ${order.patient.patient_id || t("unknown")}`;
    const facts = [name || t("unknown"), sex, order.patient.birth_date ?? t("unknown"), number];
    return h(
      "div",
      { class: "rd-prior-ask" },
      h(
        "p",
        { class: "rd-prior-line" },
        h("b", { text: t("order_possible") }),
        soon(order),
        h("span", { text: [order.procedure.modality, order.procedure.description].filter(Boolean).join(" ") }),
        h("span", { class: "rd-prior-who", text: facts.join(" · ") }),
        ...said(order),
      ),
      ...told(order),
      decides()
        ? h(
            "p",
            { class: "rd-prior-line" },
            h("span", { class: "rd-prior-acts" }, this.button(order, true, "rd-button"), this.button(order, false, "rd-button")),
          )
        : null,
    );
  }

  refused(order) {
    return h(
      "p",
      { class: "rd-prior-line rd-dim" },
      h("span", { text: t("order_rejected", { order: order.procedure.description || order.placer || order.filler || "" }) }),
      decides() ? this.button(order, true, "rd-link") : null,
    );
  }

  button(order, same, kind) {
    const text = t(same ? "order_ours" : "order_not_ours");
    return h("button", { type: "button", class: kind, text, onclick: () => this.say(order.order_id, same) });
  }
}

/** Whether the person at the page may say whose an order is: who reads the study from another site may not. */
function decides() {
  return !state.view.reading_site && may("write", state.view);
}

function soon(order) {
  const priority = SOON[order.priority];
  if (!priority || order.state === "cancelled") return null;
  return h("span", { class: "rd-priority", dataset: { priority }, text: t(`priority_${priority}`) });
}

/** Reason, history, ward and who asks. */
function said(order) {
  const [doctor] = personNames(order.referring?.name ?? "");
  const from = [order.ward, order.referring?.department, doctor, order.referring?.phone].filter(Boolean);
  const why = [...new Set([order.reason, order.history].filter(Boolean))];
  return [...why.map((text) => h("span", { text })), from.length ? h("span", { class: "rd-dim", text: from.join(" · ") }) : null];
}

/** What must not be missed: allergies and pregnancy. */
function cares(order) {
  const lines = [];
  if (order.allergies.length) lines.push(t("order_allergies", { what: order.allergies.join(t("list_comma")) }));
  if (order.pregnancy === "pregnant") lines.push(t("order_pregnant"));
  if (order.pregnancy === "possible") lines.push(t("order_perhaps_pregnant"));
  return lines.length ? [h("p", { class: "rd-prior-line rd-warn", text: lines.join(t("list_comma")) })] : [];
}

function told(order) {
  return order.notes.map((note) =>
    h("p", { class: "rd-prior-line rd-warn", role: "note", text: pick({ zh: note.message_zh, en: note.message_en }) }),
  );
}

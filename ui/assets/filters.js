// What the worklist is asked for beside its stage: a panel of choices, and views under names of one's own.

import { getChanged, send, sentenceOf } from "/ui/api.js";
import { Columns } from "/ui/columns.js";
import { h, setText } from "/ui/dom.js";
import { bodyPart, has, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { emit } from "/ui/state.js";

const EMPTY = { phase: "", site: "", modality: "", body_part: "", verdict: "", priority: "", author: "", reviewer: "", since: "", until: "", mine: false, asked: false };
const NONE = { modalities: [], body_parts: [], phases: [], verdicts: [], priorities: [], sites: [], people: [] };

export class Filters {
  /** `form` is filled once it is opened; `button` opens it. Emits `filters` where something else is asked for. */
  constructor(form, button) {
    this.form = form;
    this.button = button;
    this.asked = { ...EMPTY };
    this.choices = NONE;
    this.columns = new Columns();
    this.views = [];
    this.refusal = "";
    /** Whether it is chosen what each line shows. */
    this.choosing = false;
    /** What is being typed as the name of a new view. */
    this.viewName = "";
    button.addEventListener("click", () => this.toggle());
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.toggle();
    });
  }

  /** What is asked for, without what asks for nothing. */
  get parameters() {
    return Object.fromEntries(Object.entries(this.asked).filter(([, value]) => value));
  }

  async toggle() {
    this.form.hidden = !this.form.hidden;
    this.render();
    if (this.form.hidden) {
      this.button.focus();
      return;
    }
    this.form.querySelector("select")?.focus();
    try {
      this.choices = (await getChanged("/worklist/choices", { fresh: true })) ?? this.choices;
      this.views = (await getChanged("/worklist/views", { fresh: true })).views;
      this.refusal = "";
    } catch (error) {
      this.refuse(error);
    }
    this.render();
  }

  ask(changes) {
    this.asked = { ...this.asked, ...changes };
    this.render();
    emit("filters");
  }

  /** Ask for what a view keeps; its stage goes with it. */
  take(view) {
    const { stage, ...wanted } = view.wanted;
    this.asked = { ...EMPTY, ...wanted, since: wanted.since ?? "", until: wanted.until ?? "" };
    this.render();
    emit("filters", stage);
  }

  async keep(name, stage) {
    try {
      await send("POST", "/worklist/views", { name, wanted: { ...this.parameters, stage } });
      this.viewName = "";
      this.views = (await getChanged("/worklist/views", { fresh: true })).views;
      this.refusal = "";
    } catch (error) {
      this.refuse(error);
    }
    this.render();
  }

  async forget(view) {
    try {
      await send("DELETE", `/worklist/views/${view.view_id}`);
      this.views = this.views.filter((other) => other !== view);
      this.refusal = "";
    } catch (error) {
      this.refuse(error);
    }
    this.render();
  }

  /** Say why something was not kept. */
  told(error) {
    this.refuse(error);
    this.render();
  }

  refuse(error) {
    this.refusal = sentenceOf(error);
  }

  /** What the button says; the panel itself stays as it is while the list is polled. */
  renderButton() {
    const count = Object.keys(this.parameters).length;
    setText(this.button, count ? t("filters_of", { n: count }) : t("filters"));
    this.button.setAttribute("aria-expanded", String(!this.form.hidden));
    this.button.dataset.active = String(count > 0);
  }

  render() {
    this.renderButton();
    if (this.form.hidden) {
      this.form.replaceChildren();
      return;
    }
    const focus = document.activeElement?.name;
    this.form.replaceChildren(...this.fields());
    if (focus) this.form.elements.namedItem(focus)?.focus?.();
  }

  fields() {
    const { modalities, body_parts: parts, phases, verdicts, priorities, sites, people } = this.choices;
    const whole = may("read_unsigned");
    const quality = verdicts.map((name) => [name, has(`verdict_${name}`) ? t(`verdict_${name}`) : name]);
    return [
      this.viewList(),
      this.select("modality", modalities.filter(Boolean).map((name) => [name, name])),
      this.select("body_part", parts.filter(Boolean).map((name) => [name, bodyPart(name)])),
      this.select("priority", priorities.map((name) => [name, t(`priority_${name}`)])),
      sites.length > 1 ? this.select("site", sites.map((name) => [name, name])) : null,
      whole ? this.select("phase", phases.map((name) => [name, t(`phase_${name}`)])) : null,
      whole ? this.select("author", people) : null,
      whole ? this.select("reviewer", people) : null,
      quality.length ? this.select("verdict", quality) : null,
      this.day("since"),
      this.day("until"),
      whole ? this.check("mine") : null,
      whole ? this.check("asked") : null,
      this.acts(),
      this.choosing ? this.columns.fieldset((error) => this.told(error)) : null,
      this.refusal ? h("p", { class: "rd-bad rd-asked-wide", role: "alert", text: this.refusal }) : null,
    ].filter(Boolean);
  }

  select(name, choices) {
    const known = choices.some(([value]) => value === this.asked[name]);
    const all = [["", t("any")], ...choices, ...(known || !this.asked[name] ? [] : [[this.asked[name], this.asked[name]]])];
    const options = all.map(([value, text]) => h("option", { value, text, selected: value === this.asked[name] }));
    const change = (event) => this.ask({ [name]: event.target.value });
    return h("label", {}, h("span", { text: t(`by_${name}`) }), h("select", { class: "rd-input", name, onchange: change }, ...options));
  }

  day(name) {
    const change = (event) => this.ask({ [name]: event.target.value });
    const input = h("input", { class: "rd-input", type: "date", name, min: "1900-01-01", max: "2199-12-31", onchange: change });
    input.value = this.asked[name];
    return h("label", {}, h("span", { text: t(`by_${name}`) }), input);
  }

  chooseColumns() {
    this.choosing = !this.choosing;
    this.render();
  }

  check(name) {
    const input = h("input", { type: "checkbox", name, onchange: (event) => this.ask({ [name]: event.target.checked }) });
    input.checked = this.asked[name];
    return h("label", { class: "rd-asked-check" }, input, h("span", { text: t(`by_${name}`) }));
  }

  acts() {
    const clear = h("button", { type: "button", class: "rd-link", name: "clear", text: t("filters_clear"), onclick: () => this.ask({ ...EMPTY }) });
    clear.disabled = Object.keys(this.parameters).length === 0;
    const columns = h("button", { type: "button", class: "rd-link", name: "columns", "aria-expanded": String(this.choosing), text: t("columns"), onclick: () => this.chooseColumns() });
    return h("div", { class: "rd-asked-acts rd-asked-wide" }, columns, clear);
  }

  /** The views, each a button with one to forget it; and a field to keep what is listed now. */
  viewList() {
    const line = (view) =>
      h(
        "li",
        {},
        h("button", { type: "button", class: "rd-link", text: view.name, onclick: () => this.take(view) }),
        h("button", { type: "button", class: "rd-icon", text: t("view_forget_sign"), title: t("view_forget", { name: view.name }), "aria-label": t("view_forget", { name: view.name }), onclick: () => this.forget(view) }),
      );
    const name = h("input", { class: "rd-input", name: "view", maxlength: "64", placeholder: t("view_name"), "aria-label": t("view_name"), autocomplete: "off" });
    name.value = this.viewName;
    name.addEventListener("input", () => (this.viewName = name.value));
    const keep = () => {
      if (name.value.trim()) emit("keep_view", name.value.trim());
    };
    name.addEventListener("keydown", (event) => {
      if (event.key === "Enter") keep();
    });
    return h(
      "div",
      { class: "rd-asked-wide rd-views" },
      this.views.length ? h("ul", { "aria-label": t("views") }, ...this.views.map(line)) : null,
      h("div", { class: "rd-view-new" }, name, h("button", { type: "button", class: "rd-button", text: t("view_keep"), title: t("view_keep_hint"), onclick: keep })),
    );
  }
}

// In which languages each site reports: read and changed by its administrator.

import { ApiError, getChanged, send } from "/ui/api.js";
import { h } from "/ui/dom.js";
import { formatDate, onLanguage, t } from "/ui/i18n.js";

const CHOICES = { zh: ["zh"], en: ["en"], both: ["zh", "en"] };
const MISSING = ["block", "warn", "silent"];
let rules = [];

/** Fill `place` with one form for each site. */
export async function mountLanguageRules(place) {
  const draw = () => place.replaceChildren(...rules.map((rule) => new SiteLanguages(rule).element));
  onLanguage(draw);
  try {
    ({ rules } = await getChanged("/language-rules", { fresh: true }));
    draw();
  } catch (error) {
    place.replaceChildren(h("p", { class: "rd-bad", role: "alert", text: sentence(error) }));
  }
}

class SiteLanguages {
  constructor(rule) {
    this.rule = rule;
    this.radios = Object.keys(CHOICES).map((name) => h("input", { type: "radio", name: "languages", value: name, checked: name === this.proposed }));
    this.missing = h(
      "select",
      { class: "rd-input", name: "missing_side" },
      ...MISSING.map((name) => h("option", { value: name, text: t(`missing_side_${name}`), selected: name === rule.missing_side })),
    );
    this.button = h("button", { type: "submit", class: "rd-button rd-primary", text: t("rule_save"), disabled: true });
    const changed = rule.by ? t("rule_changed_by", { name: rule.by, time: formatDate(rule.at) }) : t("language_rule_unset");
    this.said = h("span", { class: "rd-dim", role: "status", text: changed });
    this.element = h(
      "form",
      { class: "sr-site", dataset: { languagesOf: rule.site } },
      h("h3", { text: rule.site }),
      ...this.radios.map((radio) => this.line(radio)),
      h("label", { class: "sr-exception" }, h("span", { text: t("missing_side") }), this.missing),
      h("div", { class: "sr-acts" }, this.button, this.said),
    );
    this.element.addEventListener("change", () => this.edited());
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    this.edited();
  }

  /** What holds; where nobody chose yet, what the administrator's browser speaks, to be saved or not. */
  get proposed() {
    if (this.rule.number > 0) return this.held;
    return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
  }

  get held() {
    return this.rule.languages.length > 1 ? "both" : this.rule.languages[0];
  }

  get chosen() {
    return this.radios.find((radio) => radio.checked)?.value ?? this.held;
  }

  line(radio) {
    const text = h("span", {}, h("b", { text: t(`languages_${radio.value}`) }), h("span", { class: "rd-dim", text: t(`languages_${radio.value}_hint`) }));
    return h("label", {}, radio, text);
  }

  edited() {
    this.missing.disabled = this.chosen !== "both";
    this.button.disabled = this.rule.number > 0 && this.chosen === this.held && this.missing.value === this.rule.missing_side;
  }

  async save() {
    this.button.disabled = true;
    const body = { base_number: this.rule.number, languages: CHOICES[this.chosen], missing_side: this.missing.value };
    try {
      const changed = await send("PUT", `/sites/${encodeURIComponent(this.rule.site)}/language-rule`, body);
      rules = rules.map((rule) => (rule.site === changed.site ? changed : rule));
      this.element.replaceWith(new SiteLanguages(changed).element);
    } catch (error) {
      this.said.textContent = sentence(error);
      this.said.className = "rd-bad";
      this.edited();
    }
  }
}

function sentence(error) {
  return error instanceof ApiError ? error.sentence : t("unreachable");
}

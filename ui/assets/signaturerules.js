// What each site asks of a signature: read and changed by its administrator.

import { mountAccount } from "/ui/account.js";
import { getChanged, send, sentenceOf } from "/ui/api.js";
import { h, part, setText } from "/ui/dom.js";
import { formatDate, onLanguage, t, translate } from "/ui/i18n.js";
import { mountLanguageRules } from "/ui/languagerules.js";
import { beginPage, fixedWords, look } from "/ui/standalone.js";

const FIELDS = ["two_signatures", "attending_alone", "emergency_alone", "reauthenticate"];
/** They say something only where two signatures are asked for. */
const EXCEPTIONS = ["attending_alone", "emergency_alone"];
let rules = [];

function load() {
  return look(async () => {
    ({ rules } = await getChanged("/signature-rules", { fresh: true }));
  }, draw);
}

function draw() {
  fixedWords();
  document.title = t("signature_rules");
  part(document, "sites").replaceChildren(...rules.map((rule) => new SiteRule(rule).element));
}

class SiteRule {
  constructor(rule) {
    this.rule = rule;
    this.boxes = Object.fromEntries(FIELDS.map((name) => [name, this.box(name)]));
    this.button = h("button", { type: "submit", class: "rd-button rd-primary", text: t("rule_save"), disabled: true });
    const changed = rule.by ? t("rule_changed_by", { name: rule.by, time: formatDate(rule.at) }) : t("rule_unset");
    this.said = h("span", { class: rule.damaged ? "rd-bad" : "rd-dim", role: "status", text: rule.damaged ? t("rule_damaged") : changed });
    this.element = h(
      "form",
      { class: "sr-site", dataset: { site: rule.site } },
      h("h2", { text: rule.site }),
      ...FIELDS.map((name) => this.line(name)),
      h("div", { class: "sr-acts" }, this.button, this.said),
    );
    this.element.addEventListener("change", () => this.edited());
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    this.edited();
  }

  box(name) {
    return h("input", { type: "checkbox", name, checked: this.rule[name] });
  }

  line(name) {
    const text = h("span", {}, h("b", { text: t(`rule_${name}`) }), h("span", { class: "rd-dim", text: t(`rule_${name}_hint`) }));
    return h("label", { class: EXCEPTIONS.includes(name) ? "sr-exception" : "" }, this.boxes[name], text);
  }

  edited() {
    for (const name of EXCEPTIONS) this.boxes[name].disabled = !this.boxes.two_signatures.checked;
    this.button.disabled = !this.rule.damaged && FIELDS.every((name) => this.boxes[name].checked === this.rule[name]);
  }

  async save() {
    this.button.disabled = true;
    const body = Object.fromEntries(FIELDS.map((name) => [name, this.boxes[name].checked]));
    try {
      const changed = await send("PUT", `/sites/${encodeURIComponent(this.rule.site)}/signature-rule`, { base_number: this.rule.number, ...body });
      rules = rules.map((rule) => (rule.site === changed.site ? changed : rule));
      this.element.replaceWith(new SiteRule(changed).element);
    } catch (error) {
      setText(this.said, sentenceOf(error));
      this.said.className = "rd-bad";
      this.edited();
    }
  }
}

await beginPage();
translate(document);
await mountAccount(document);
onLanguage(draw);
draw();
await load();
await mountLanguageRules(part(document, "language-sites"));

// What an administrator sets beside accounts and rules: tokens of other programs, and how long images are kept.

import { mountAccount } from "/ui/account.js";
import { getChanged, send, sentenceOf } from "/ui/api.js";
import { h, part, setText } from "/ui/dom.js";
import { formatDate, onLanguage, t, translate } from "/ui/i18n.js";
import { beginPage, fixedWords, look } from "/ui/standalone.js";

const SCOPES = ["read", "intake", "export", "link"];
const DAYS = 90;
let tokens = [];
let kept = { rules: [], archive: true };
/** The secret of the token that was made last: shown until the page is left or another is made. */
let made = null;

function load() {
  return look(async () => {
    const [listed, rules] = await Promise.all([getChanged("/tokens", { fresh: true }), getChanged("/retention-rules", { fresh: true })]);
    ({ tokens } = listed);
    kept = rules;
  }, draw);
}

function draw() {
  fixedWords();
  document.title = t("administration");
  keepingTyped(part(document, "new"), drawNew);
  drawTokens();
  part(document, "archive").hidden = kept.archive || !kept.rules.some((rule) => rule.terms.some((term) => term.includes("move after")));
  const sites = part(document, "sites");
  const draw = () => sites.replaceChildren(...kept.rules.map((rule) => new SiteRule(rule).element));
  // Where a site is told of that was not before, no field stands where it stood.
  if (sites.children.length === kept.rules.length) keepingTyped(sites, draw);
  else draw();
}

/** Draw fields anew, with what was typed in them. */
function keepingTyped(root, draw) {
  const fields = () => [...root.querySelectorAll("input, textarea")];
  const typed = fields().map((field) => (field.value !== field.defaultValue || field.checked !== field.defaultChecked ? [field.value, field.checked] : null));
  draw();
  fields().forEach((field, place) => {
    if (!typed[place]) return;
    [field.value, field.checked] = typed[place];
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

/** The form for a new token, and the one that was just made: its secret is kept nowhere. */
function drawNew() {
  const form = part(document, "new");
  const field = (name, props) => h("label", {}, h("span", { class: "rd-dim", text: t(`token_${name}`) }), h("input", { class: "rd-input", name, required: true, autocomplete: "off", ...props }));
  const scope = (name) => h("label", {}, h("input", { type: "checkbox", name: "scopes", value: name }), h("span", {}, h("b", { text: t(`scope_${name}`) }), " ", h("span", { class: "rd-dim", text: t(`scope_${name}_hint`) })));
  const said = h("span", { class: "rd-bad", role: "alert", dataset: { part: "refused" } });
  form.replaceChildren(
    h(
      "div",
      { class: "ad-fields" },
      field("name", { maxlength: 64, placeholder: t("token_name_hint") }),
      field("sites", { maxlength: 400, value: ownSites(), placeholder: t("token_sites_hint") }),
      field("days", { type: "number", min: 1, max: 366, value: DAYS }),
    ),
    h("fieldset", { class: "ad-scopes" }, ...SCOPES.map(scope)),
    h("div", { class: "ad-acts" }, h("button", { type: "submit", class: "rd-button rd-primary", text: t("token_make") }), said),
    made
      ? h(
          "div",
          { class: "ad-secret", role: "status" },
          h("span", { text: t("token_made", { name: made.name }) }),
          h("output", { dataset: { part: "secret" }, text: made.secret }),
          h("button", { type: "button", class: "rd-button", text: t("token_copy"), onclick: () => navigator.clipboard.writeText(made.secret) }),
        )
      : "",
  );
}

/** The sites that are told of, where they are few; else nothing: every site is written as *. */
function ownSites() {
  return kept.rules.length === 1 ? kept.rules[0].site : "";
}

async function make(event) {
  event.preventDefault();
  const form = part(document, "new");
  const field = (name) => form.querySelector(`[name=${name}]`).value;
  const asked = {
    name: field("name"),
    sites: field("sites").split(/[\s,\uff0c\u3001]+/).filter(Boolean),
    days: Number(field("days")),
    scopes: [...form.querySelectorAll("[name=scopes]:checked")].map((box) => box.value),
  };
  try {
    const answer = await send("POST", "/tokens", asked);
    made = { name: answer.token.name, secret: answer.secret };
    form.reset();
    await load();
  } catch (error) {
    setText(part(form, "refused"), sentenceOf(error));
  }
}

function drawTokens() {
  const head = ["name", "scopes", "sites", "state", "used", "maker"];
  part(document, "tokens").replaceChildren(
    h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col", text: t(`token_${name}`) })), h("td", {}))),
    h("tbody", {}, ...tokens.map(line), tokens.length ? "" : h("tr", {}, h("td", { class: "rd-dim", colspan: head.length + 1, text: t("token_none") }))),
  );
}

function line(token) {
  const usable = token.state === "usable";
  const state = usable ? t("token_until", { date: formatDate(token.expires_at) }) : t(`token_${token.state}`, { date: formatDate(token.revoked_at ?? token.expires_at) });
  const texts = [
    token.name,
    token.scopes.map((scope) => t(`scope_${scope}`)).join(", "),
    token.sites.map((site) => (site === "*" ? t("token_every_site") : site)).join(", "),
    state,
    token.used_at ? formatDate(token.used_at) : t("token_unused"),
    t("token_made_by", { name: token.made_by, date: formatDate(token.made_at) }),
  ];
  const button = h("button", { type: "button", class: "rd-link", text: t("token_revoke"), onclick: () => revoke(token, button) });
  return h("tr", { dataset: { token: token.token_id, state: token.state } }, ...texts.map((text) => h("td", { text })), h("td", {}, usable ? button : ""));
}

/** The first press asks, the second does it: what uses the token stops at once. */
async function revoke(token, button) {
  if (!button.dataset.asked) {
    button.dataset.asked = "true";
    setText(button, t("token_revoke_sure"));
    return;
  }
  button.disabled = true;
  try {
    await send("POST", `/tokens/${token.token_id}/revoke`);
    await load();
  } catch (error) {
    setText(part(document, "state"), sentenceOf(error));
    button.disabled = false;
  }
}

class SiteRule {
  constructor(rule) {
    this.rule = rule;
    this.text = h("textarea", { class: "rd-input", rows: Math.max(2, rule.terms.length + 1), name: "terms", spellcheck: "false", "aria-label": t("retention_of", rule), placeholder: t("retention_example") });
    this.text.defaultValue = rule.terms.join("\n");
    this.save = h("button", { type: "submit", class: "rd-button rd-primary", text: t("rule_save"), disabled: !rule.damaged });
    const set = rule.number ? t("rule_changed_by", { name: rule.by, time: formatDate(rule.at) }) : t("retention_unset");
    this.said = h("span", { class: rule.damaged ? "rd-bad" : "rd-dim", role: "status", text: rule.damaged ? t("retention_damaged") : set });
    this.element = h("form", { class: "ad-box", dataset: { site: rule.site } }, h("h3", { text: rule.site }), this.text, h("div", { class: "ad-acts" }, this.save, this.said));
    this.element.addEventListener("input", () => (this.save.disabled = false));
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.put();
    });
  }

  async put() {
    this.save.disabled = true;
    const terms = this.text.value.split("\n").map((term) => term.trim()).filter(Boolean);
    try {
      const changed = await send("PUT", `/sites/${encodeURIComponent(this.rule.site)}/retention-rule`, { base_number: this.rule.number, terms });
      kept.rules = kept.rules.map((rule) => (rule.site === changed.site ? changed : rule));
      this.element.replaceWith(new SiteRule(changed).element);
    } catch (error) {
      setText(this.said, sentenceOf(error));
      this.said.className = "rd-bad";
      this.save.disabled = false;
    }
  }
}

await beginPage();
translate(document);
await mountAccount(document);
onLanguage(draw);
part(document, "new").addEventListener("submit", make);
draw();
await load();

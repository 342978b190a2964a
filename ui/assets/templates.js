// Report templates and phrases of each site: seen, brought in, given out and switched off by its administrator.

import { mountAccount } from "/ui/account.js";
import { getChanged, send, sentenceOf } from "/ui/api.js";
import { h, part, setText } from "/ui/dom.js";
import { formatDate, onLanguage, pick, t, translate } from "/ui/i18n.js";
import { limits, mountPhrases } from "/ui/phrases.js";
import { beginPage, fixedWords, look } from "/ui/standalone.js";

const OPEN_FIELDS = ["prohibit", "warn", "silent"];
/** Larger files are no templates; the service says so too. */
const MOST_BYTES = 500000;
let sites = [];

function load() {
  return look(async () => {
    ({ sites } = await getChanged("/templates", { fresh: true }));
  }, draw);
}

function draw() {
  fixedWords();
  document.title = t("templates");
  part(document, "sites").replaceChildren(...sites.map((site) => siteSection(site)));
}

function siteSection(site) {
  const said = h("span", { role: "status", dataset: { part: "said" } });
  const phrases = h("div", { class: "tp-phrases" });
  const section = h(
    "section",
    { class: "tp-site", dataset: { site: site.site } },
    h("h2", { text: site.site }),
    ruleForm(site, said),
    h("h3", { text: t("templates_list") }),
    h("div", { class: "tp-scroll", tabindex: "0", role: "region", "aria-label": t("templates_list") }, templateTable(site, said)),
    importForm(site, said),
    said,
    h("h3", { text: t("phrases_site") }),
    phrases,
  );
  mountPhrases(phrases, `${at(site)}/phrases`);
  return section;
}

function at(site) {
  return `/sites/${encodeURIComponent(site.site)}`;
}

function ruleForm(site, said) {
  const { rule } = site;
  const fields = h(
    "select",
    { class: "rd-input", name: "open_fields" },
    ...OPEN_FIELDS.map((value) => h("option", { value, text: t(`open_fields_${value}`), selected: value === rule.open_fields })),
  );
  const begin = h("input", { type: "checkbox", name: "begin_reports", checked: rule.begin_reports });
  const save = h("button", { type: "submit", class: "rd-button rd-primary", text: t("rule_save"), disabled: true });
  const changed = rule.by ? t("rule_changed_by", { name: rule.by, time: formatDate(rule.at) }) : t("template_rule_unset");
  const form = h(
    "form",
    { class: "tp-rule" },
    h("label", { class: "tp-check" }, begin, h("span", {}, h("b", { text: t("begin_reports") }), h("span", { class: "rd-dim", text: t("begin_reports_hint") }))),
    h("label", { class: "tp-choice" }, h("span", {}, h("b", { text: t("open_fields") }), h("span", { class: "rd-dim", text: t("open_fields_hint") })), fields),
    h("div", { class: "tp-acts" }, save, h("span", { class: "rd-dim", text: changed })),
  );
  form.addEventListener("change", () => {
    save.disabled = fields.value === rule.open_fields && begin.checked === rule.begin_reports;
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    save.disabled = true;
    const body = { base_number: rule.number, open_fields: fields.value, begin_reports: begin.checked };
    const answer = await tried(said, () => send("PUT", `${at(site)}/template-rule`, body));
    if (answer) await load();
    else save.disabled = false;
  });
  return form;
}

function templateTable(site, said) {
  const heads = ["template_name", "template_for", "template_lines", "template_source", "template_used"];
  return h(
    "table",
    { class: "tp-table" },
    h("thead", {}, h("tr", {}, ...heads.map((name) => h("th", { scope: "col", text: t(name) })), h("th", { scope: "col", text: t("template_acts") }))),
    h("tbody", {}, ...site.templates.map((template) => templateRow(site, template, said))),
  );
}

function templateRow(site, template, said) {
  const name = pick({ zh: template.name_zh, en: template.name_en });
  const path = `${at(site)}/templates/${template.id}`;
  const box = h("input", { type: "checkbox", checked: template.enabled, "aria-label": t("template_use", { name }) });
  box.addEventListener("change", async () => {
    const answer = await tried(said, () => send("PUT", path, { enabled: box.checked }));
    if (!answer) box.checked = template.enabled;
    else template.enabled = answer.enabled;
  });
  const of = [template.modalities.join(", ") || t("template_any"), template.body_parts.join(", "), limits(template)].filter(Boolean);
  const source = template.own ? t("template_own", { name: template.by ?? "", time: template.at ? formatDate(template.at) : "" }) : t("template_ready");
  const file = (form) => h("a", { class: "rd-link", href: `/api${path}/file/${form}`, download: `${template.id}.${form}`, text: form === "html" ? "MRRT" : "YAML", "aria-label": t("template_export", { name, form: form === "html" ? "MRRT" : "YAML" }) });
  return h(
    "tr",
    { dataset: { template: template.id } },
    h("th", { scope: "row" }, h("b", { text: name }), h("code", { class: "rd-dim", text: `${template.id} · ${template.version}` })),
    h("td", { text: of.join(" · ") }),
    h("td", { text: `${template.lines} · ${template.langs.map((lang) => t(`lang_${lang}`)).join(", ")}` }),
    h("td", { text: source }),
    h("td", {}, box),
    h("td", {}, h("div", { class: "tp-row-acts" }, h("button", { type: "button", class: "rd-button", text: t("template_preview"), "aria-label": t("template_preview_of", { name }), onclick: () => preview(path, name, said) }), file("yaml"), file("html"))),
  );
}

async function preview(path, name, said) {
  const found = await tried(said, () => getChanged(path, { fresh: true }));
  if (!found) return;
  const dialog = part(document, "preview");
  const lines = (section) => found.line_list.filter((line) => line.section === section).map(previewLine);
  dialog.setAttribute("aria-label", name);
  dialog.replaceChildren(
    h("h2", { text: name }),
    ...["findings", "impression"].flatMap((section) => (lines(section).length ? [h("h3", { text: t(section) }), h("dl", { class: "tp-lines" }, ...lines(section).flat())] : [])),
    h("div", { class: "rd-dialog-acts" }, h("button", { type: "button", class: "rd-button", text: t("close"), onclick: () => dialog.close() })),
  );
  dialog.showModal();
  dialog.focus();
  dialog.scrollTop = 0;
}

function previewLine(line) {
  const notes = [line.required && t("template_required"), line.sex && t(`sex_${line.sex}`)].filter(Boolean).join(" · ");
  return [
    h("dt", {}, h("span", { text: pick({ zh: line.name_zh, en: line.name_en }) }), notes ? h("span", { class: "rd-dim", text: notes }) : null),
    h("dd", {}, line.zh ? h("p", { lang: "zh-CN", text: line.zh }) : null, line.en ? h("p", { lang: "en", text: line.en }) : null),
  ];
}

function importForm(site, said) {
  const input = h("input", { type: "file", class: "rd-input", accept: ".yaml,.yml,.html,.htm", required: true, "aria-label": t("template_file") });
  const button = h("button", { type: "submit", class: "rd-button", text: t("template_import") });
  const form = h("form", { class: "tp-import" }, h("span", { class: "rd-dim", text: t("template_import_hint") }), input, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [file] = input.files;
    if (!file) return;
    button.disabled = true;
    const answer = await tried(said, async () => send("POST", `${at(site)}/templates`, { name: file.name.replace(/\.[^.]*$/, "").slice(0, 200), content: await base64(file) }));
    button.disabled = false;
    if (!answer) return;
    await load();
    const name = pick({ zh: answer.name_zh, en: answer.name_en });
    const place = document.querySelector(`[data-site="${CSS.escape(site.site)}"] [data-part="said"]`);
    setText(place, t(answer.enabled ? "template_imported" : "template_imported_off", { name, n: answer.lines }));
  });
  return form;
}

async function base64(file) {
  const bytes = new Uint8Array(await file.slice(0, MOST_BYTES + 1).arrayBuffer());
  let text = "";
  for (let begin = 0; begin < bytes.length; begin += 32768) text += String.fromCharCode(...bytes.subarray(begin, begin + 32768));
  return btoa(text);
}

async function tried(said, action) {
  said.className = "rd-dim";
  setText(said, "");
  try {
    return await action();
  } catch (error) {
    said.className = "rd-bad";
    setText(said, sentenceOf(error));
    return null;
  }
}

await beginPage();
translate(document);
await mountAccount(document);
onLanguage(draw);
await load();

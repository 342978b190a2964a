// Every version of the report and what became of it: any two side by side, and who did what when.

import { getChanged, sentenceOf } from "/ui/api.js";
import { changeParts } from "/ui/changes.js";
import { h } from "/ui/dom.js";
import { formatDate, language, onLanguage, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { signatureLine, signatureRemark } from "/ui/standing.js";
import { on, state } from "/ui/state.js";

/** Bring the panel in `element`, a `<details>`, to life. */
export function mountVersions(element) {
  const panel = new Versions(element);
  element.addEventListener("toggle", () => panel.load());
  on("opening", () => panel.clear());
  on("view", () => panel.update());
  onLanguage(() => panel.update());
}

class Versions {
  constructor(element) {
    this.element = element;
    this.clear();
  }

  clear() {
    this.element.open = false;
    this.element.hidden = true;
    this.element.replaceChildren();
    delete this.element.dataset.version;
    this.chosen = null;
    this.changes = h("ul", { class: "rd-changes", dataset: { part: "differences" } });
    this.record = h("ol", { class: "rd-record", dataset: { part: "record" } });
  }

  update() {
    const { view } = state;
    if (!view) return;
    const whole = may("read_unsigned", view);
    const states = namedStates(view, whole);
    // Whoever reads signed reports alone has nothing to compare with one version.
    this.element.hidden = states.length < 2 && !view.broken.length && !(whole && view.working.revision > 0);
    const { revision, steps } = view.working;
    const version = JSON.stringify([language(), states, view.broken, revision, steps]);
    if (this.element.dataset.version === version) return;
    this.element.dataset.version = version;
    this.states = states;
    this.whole = whole;
    this.draw();
    this.load();
  }

  /** The frame; what was asked for before stays until it is asked for anew, once the panel is open. */
  draw() {
    const names = this.states.map(([name]) => name);
    const last = names.length - 1;
    const [before, after] = this.chosen?.every((name) => names.includes(name)) ? this.chosen : [names[Math.max(0, last - 1)], names[last]];
    this.before = this.select("before", before);
    this.after = this.select("after", after);
    this.problem = h("p", { class: "rd-bad", role: "alert" });
    const count = state.view.versions.length;
    this.element.replaceChildren(
      h("summary", { text: t(this.whole ? "versions_title" : "versions_alone", { n: count }) }),
      h("ol", { class: "rd-version-list", dataset: { part: "version-list" } }, ...state.view.versions.map(versionItem), ...state.view.broken.map(brokenItem)),
      this.states.length > 1
        ? h("div", { class: "rd-compare" }, h("label", {}, h("span", { text: t("compare_before") }), this.before), h("label", {}, h("span", { text: t("compare_after") }), this.after))
        : "",
      this.changes,
      this.whole ? h("h3", { text: t("record_title") }) : "",
      this.record,
      this.problem,
    );
  }

  select(name, chosen) {
    const options = this.states.map(([value, text]) => h("option", { value, text, selected: value === chosen }));
    return h("select", { class: "rd-input", dataset: { part: `compare-${name}` }, onchange: () => this.choose() }, ...options);
  }

  choose() {
    this.chosen = [this.before.value, this.after.value];
    this.compare();
  }

  async load() {
    if (!this.element.open || !state.view) return;
    await Promise.all([this.compare(), this.whole ? this.tell() : null]);
  }

  async compare() {
    if (this.states.length < 2) return;
    const { caseId } = state;
    const [before, after] = [this.before.value, this.after.value];
    const found = await this.ask(`/cases/${caseId}/versions/${before}/${after}`);
    if (!found || caseId !== state.caseId || before !== this.before.value || after !== this.after.value) return;
    const items = found.changes.map((change) => h("li", {}, ...changeParts(change)));
    this.changes.replaceChildren(...(items.length ? items : [h("li", { class: "rd-dim", text: t("no_difference") })]));
  }

  /** Who did what when. */
  async tell() {
    const { caseId } = state;
    const found = await this.ask(`/cases/${caseId}/history`);
    if (!found || caseId !== state.caseId) return;
    const entries = [...found.saves.map(savedEntry), ...found.steps.map(stepEntry)];
    entries.sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
    this.record.replaceChildren(...entries.map(({ element }) => element));
  }

  async ask(path) {
    try {
      const found = await getChanged(path, { fresh: true });
      this.problem.textContent = "";
      return found;
    } catch (error) {
      this.problem.textContent = sentenceOf(error);
      return null;
    }
  }
}

/** The states that can be compared, as [name, text], first to newest. */
function namedStates(view, whole) {
  const versions = view.versions.map((signed) => [`v${signed.version}`, t("version_named", { version: signed.version, time: formatDate(signed.signed_at) })]);
  if (!whole) return versions;
  const draft = view.draft?.coverage === "drafted" ? [["draft", t("version_draft")]] : [];
  const working = view.working.state === "signed" || view.working.revision === 0 ? [] : [["working", t("version_working")]];
  return [...draft, ...versions, ...working];
}

function versionItem(signed) {
  const remark = signatureRemark(signed);
  return h("li", {}, h("span", { text: signatureLine(signed) }), remark ? h("span", { class: "rd-dim", text: remark }) : "");
}

/** A version that is not what was signed: named, never shown. */
function brokenItem({ version }) {
  return h("li", {}, h("span", { class: "rd-bad", text: t("version_broken", { version }) }));
}

function savedEntry({ revision, editor, saved_at: at, changes }) {
  const who = editor ?? t("record_model");
  const said = revision === 1 && !editor ? t("record_drafted") : t("record_saved", { n: changes.length });
  const line = [h("time", { text: formatDate(at) }), h("b", { text: who }), h("span", { text: said })];
  const items = changes.map((change) => h("li", {}, ...changeParts(change)));
  const element = items.length
    ? h("li", {}, h("details", {}, h("summary", {}, ...line), h("ul", { class: "rd-changes" }, ...items)))
    : h("li", {}, ...line);
  return { at, element };
}

function stepEntry({ move, by, at, remark }) {
  const said = remark ? t("record_remark", { step: t(`did_${move}`), remark }) : t(`did_${move}`);
  return { at, element: h("li", { dataset: { move } }, h("time", { text: formatDate(at) }), h("b", { text: by }), h("span", { text: said })) };
}

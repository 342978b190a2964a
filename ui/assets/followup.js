// Questions on a signed report. An answer rests on report sentences, which it can show.

import { send, sentenceOf } from "/ui/api.js";
import { h, setText } from "/ui/dom.js";
import { formatDate, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { state } from "/ui/state.js";
import { refresh } from "/ui/study.js";

export class Followup {
  /** `onCite(ids)` highlights sentences of the report. */
  constructor(element, { onCite }) {
    this.element = element;
    this.onCite = onCite;
    this.turns = h("ol", { class: "rd-turns", tabindex: "0" });
    this.input = h("input", { class: "rd-input", maxlength: 500, required: true, autocomplete: "off" });
    this.button = h("button", { type: "submit", class: "rd-button" });
    this.title = h("h2", {});
    this.page = h("a", { class: "rd-link", target: "_blank", rel: "noopener", dataset: { part: "asking-page" } });
    this.message = h("p", { class: "rd-bad", role: "status" });
    this.form = h("form", { onsubmit: (event) => this.ask(event) }, this.input, this.button);
    element.append(this.title, this.page, this.turns, this.message, this.form);
  }

  /** Whether a question was typed that nobody has answered. */
  get unsaved() {
    return Boolean(this.input.value.trim());
  }

  close() {
    this.element.hidden = true;
    this.asking = null;
    this.shown = null;
    this.input.value = "";
    this.turns.replaceChildren();
    setText(this.message, "");
  }

  update(view, signed) {
    this.element.hidden = !signed;
    this.form.hidden = !may("ask", view);
    // Whoever treats the patient asks a radiologist there, and finds his answers.
    this.page.hidden = may("write", view);
    this.page.href = `/s/${encodeURIComponent(view.identity.accession || state.caseId)}`;
    setText(this.page, t("asking_page"));
    setText(this.title, t("followup"));
    setText(this.button, t(this.asking ? "asking" : "ask"));
    this.input.placeholder = t("ask_hint");
    this.input.setAttribute("aria-label", t("ask_hint"));
    const version = JSON.stringify([document.documentElement.lang, view.turns, this.asking]);
    if (version === this.shown) return;
    this.shown = version;
    this.report = view.versions.at(-1)?.report;
    const waiting = this.asking ? [h("li", {}, h("p", { class: "rd-question", text: this.asking }), h("p", { class: "rd-dim", text: t("answering") }))] : [];
    this.turns.replaceChildren(...view.turns.map((turn) => this.turn(turn)), ...waiting);
    this.turns.scrollTop = this.turns.scrollHeight;
  }

  turn(turn) {
    const cited = turn.citations.length
      ? h("button", { type: "button", class: "rd-link", text: this.citation(turn), onclick: () => this.onCite(turn.citations) })
      : null;
    return h(
      "li",
      {},
      h("p", { class: "rd-question" }, h("span", { text: turn.question }), h("small", { text: `${turn.asked_by} · ${formatDate(turn.asked_at)}` })),
      turn.answer
        ? h("p", { class: turn.refused ? "rd-answer rd-refused" : "rd-answer", lang: turn.lang === "zh" ? "zh-CN" : "en", text: turn.answer })
        : null,
      turn.hidden ? h("p", { class: "rd-dim", dataset: { part: "hidden" }, text: t("asking_hidden", { n: turn.hidden }) }) : null,
      cited,
      turn.nearest.length ? this.nearest(turn) : null,
    );
  }

  /** Sentences that do not answer, for the reader to judge; each leads to its place in the report. */
  nearest(turn) {
    const rows = turn.nearest.map((id) => {
      const text = this.sentence(id, turn.lang);
      return h(
        "li",
        {},
        text === null
          ? h("span", { class: "rd-dim", text: t("earlier_version") })
          : h("button", { type: "button", class: "rd-link", text, lang: turn.lang === "zh" ? "zh-CN" : "en", onclick: () => this.onCite([id]) }),
      );
    });
    return h("div", { class: "rd-nearest" }, h("p", { class: "rd-dim", text: t("nearest_sentences") }), h("ul", {}, ...rows));
  }

  /** A sentence of the newest version in the question's language, or in the other where it has none. */
  sentence(id, lang) {
    const found = [...(this.report?.findings ?? []), ...(this.report?.impression ?? [])].find((s) => s.id === id);
    if (!found) return null;
    return (lang === "zh" ? [found.zh, found.en] : [found.en, found.zh]).find((text) => text.trim()) ?? "";
  }

  citation(turn) {
    const places = turn.citations.map((id) => {
      for (const section of ["findings", "impression"]) {
        const index = this.report?.[section].findIndex((s) => s.id === id) ?? -1;
        if (index >= 0) return t("cited_place", { section: t(section), n: index + 1 });
      }
      return t("earlier_version");
    });
    return t("cites", { places: places.join(t("list_comma")) });
  }

  async ask(event) {
    event.preventDefault();
    const question = this.input.value.trim();
    if (!question || this.asking) return;
    const { caseId } = state;
    this.asking = question;
    this.button.disabled = true;
    setText(this.message, "");
    this.update(state.view, true);
    try {
      const turn = await send("POST", `/cases/${caseId}/questions`, { question });
      this.asking = null;
      if (caseId === state.caseId) {
        this.input.value = "";
        await refresh(true);
        this.onCite(turn.citations);
      }
    } catch (error) {
      this.asking = null;
      if (caseId === state.caseId) {
        setText(this.message, sentenceOf(error));
        this.update(state.view, true);
      }
    } finally {
      this.button.disabled = false;
      setText(this.button, t("ask"));
    }
  }
}

// The conversation about a signed report: what radraft found in it, and what radiologists answered, never mixed.

import { answerParts } from "/ui/answer.js";
import { send, sentenceOf } from "/ui/api.js";
import { arrange, h, setText } from "/ui/dom.js";
import { formatDate, language, t } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { state } from "/ui/state.js";

const MOST_QUESTION = 500;
const MOST_CORRECTION = 1000;
const CHINESE = /[\u4e00-\u9fff]/;

export class Conversation {
  /** `onCite(ids)` shows sentences of the report; `refresh()` asks for what is new; `links`: whether other studies may be opened. */
  constructor({ onCite, refresh, links }) {
    Object.assign(this, { onCite, refresh, links });
    this.items = new Map();
    this.asking = null;
    this.shown = 0;
    this.title = h("h3", {});
    this.hint = h("p", { class: "rd-dim" });
    this.list = h("ol", { class: "ak-turns", dataset: { part: "turns" }, "aria-live": "polite" });
    this.problem = h("p", { class: "rd-bad", role: "alert", dataset: { part: "problem" } });
    this.input = h("textarea", { class: "rd-input", name: "question", rows: 2, maxlength: MOST_QUESTION });
    this.button = h("button", { type: "submit", class: "rd-button rd-primary", dataset: { part: "ask-report" } });
    this.person = h("button", { type: "button", class: "rd-button", dataset: { part: "ask-person" }, onclick: () => this.put(this.typed, null) });
    this.form = h("form", { class: "ak-ask" }, this.input, h("div", { class: "ak-acts" }, this.button, this.person));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.form.requestSubmit();
    });
    this.element = h("section", { class: "ak-talk", dataset: { part: "conversation" } }, this.title, this.hint, this.list, this.form, this.problem);
  }

  get typed() {
    return this.input.value.trim();
  }

  clear() {
    this.items.clear();
    this.asking = null;
    this.shown = 0;
    this.input.value = "";
    this.list.replaceChildren();
    setText(this.problem, "");
  }

  /** Beside the report the list has its own bar: what is new does not come in below its edge. */
  newest() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  update(view) {
    const [newest] = view.versions;
    setText(this.title, t("followup"));
    setText(this.hint, t("asking_hint"));
    setText(this.button, t(this.asking ? "asking" : "asking_report"));
    setText(this.person, t("asking_person"));
    this.person.title = this.whom(view);
    this.input.placeholder = t("ask_hint");
    this.input.setAttribute("aria-label", t("ask_hint"));
    this.form.hidden = !may("ask", view);
    const lines = [
      ...view.turns.map((turn) => [turn.asked_at, `t${turn.turn_id}`, turn, () => this.turn(turn, view, newest)]),
      ...view.inquiries.map((asked) => [asked.asked_at, `q${asked.inquiry_id}`, asked, () => this.inquiry(asked, newest)]),
    ].sort(([one], [other]) => one.localeCompare(other));
    const waiting = this.asking ? [this.item("waiting", this.asking, () => waitingItem(this.asking))] : [];
    arrange(this.list, [...lines.map(([, key, about, make]) => this.item(key, [about, newest.version, this.putOf(about, view), view.radiologist], make)), ...waiting]);
    const before = this.shown;
    this.shown = this.list.children.length;
    if (this.shown > before) this.newest();
  }

  /** The element of one line: made anew where something in it is new, and never while a correction is typed in it. */
  item(key, about, make) {
    const version = JSON.stringify([language(), about]);
    const known = this.items.get(key);
    if (known?.version === version || known?.element.querySelector("textarea:focus")) return known.element;
    const element = make();
    this.items.set(key, { version, element });
    return element;
  }

  /** The question to a radiologist that a turn led to. */
  putOf(turn, view) {
    return view.inquiries.find((asked) => asked.turn_id !== null && asked.turn_id === turn.turn_id) ?? null;
  }

  whom(view) {
    return view.radiologist ? t("asking_goes_to", { name: view.radiologist }) : t("asking_goes_to_any");
  }

  turn(turn, view, newest) {
    const put = this.putOf(turn, view);
    return h(
      "li",
      { class: "ak-turn", dataset: { kind: "system", turn: String(turn.turn_id) } },
      question(turn.question, turn.asked_by, turn.asked_at),
      asOf(turn.version, newest),
      ...answerParts(turn, view, { cite: this.onCite, links: this.links }),
      may("ask", view) ? this.judge(turn) : "",
      may("ask", view) && !put
        ? h("button", { type: "button", class: "rd-button", dataset: { part: "put" }, title: this.whom(view), text: t("asking_put"), onclick: () => this.put(turn.question, turn.turn_id) })
        : "",
    );
  }

  /** Whether an answer was right, and what would have been. */
  judge(turn) {
    const { own } = turn.marks;
    const said = h("span", { class: "rd-bad", role: "alert" });
    const keep = async (verdict, correction = "") => {
      try {
        await send("POST", `/cases/${state.caseId}/turns/${turn.turn_id}/mark`, { verdict, correction });
        document.activeElement?.blur?.();
        await this.refresh();
      } catch (error) {
        setText(said, sentenceOf(error));
      }
    };
    const thumb = (verdict) => {
      const pressed = own?.verdict === verdict;
      return h("button", { type: "button", class: "rd-tool", dataset: { mark: verdict }, "aria-pressed": String(pressed), text: t(`asking_mark_${verdict}`), onclick: () => keep(pressed ? "none" : verdict) });
    };
    const field = h("textarea", { class: "rd-input", rows: 2, maxlength: MOST_CORRECTION, "aria-label": t("asking_correction"), placeholder: t("asking_correction") });
    field.value = own?.correction ?? "";
    const correct =
      own?.verdict === "down"
        ? h("form", { class: "ak-correct", onsubmit: (event) => (event.preventDefault(), keep("down", field.value)) }, field, h("button", { type: "submit", class: "rd-button", dataset: { part: "correct" }, text: t(own.correction ? "asking_correct_again" : "asking_correct") }))
        : "";
    return h("div", { class: "ak-judge" }, h("div", { role: "group", "aria-label": t("asking_judge") }, thumb("up"), thumb("down"), said), correct);
  }

  inquiry(asked, newest) {
    const open = ["asked", "seen"].includes(asked.state);
    const said = h("span", { class: "rd-bad", role: "alert" });
    const withdraw = async () => {
      try {
        await send("POST", `/cases/${state.caseId}/inquiries/${asked.inquiry_id}/withdraw`, { base_revision: asked.revision });
        await this.refresh();
      } catch (error) {
        setText(said, sentenceOf(error));
        await this.refresh();
      }
    };
    return h(
      "li",
      { class: "ak-turn", dataset: { kind: "person", state: asked.state, inquiry: String(asked.inquiry_id) } },
      question(asked.question, asked.asked_by, asked.asked_at),
      h("p", { class: "ak-from", text: inquiryState(asked) }),
      ...asked.answers.map((answer) =>
        h(
          "div",
          { class: "ak-answered" },
          h("p", { class: "ak-by", text: t("asking_by_person", { name: answer.by, time: formatDate(answer.at) }) }),
          asOf(answer.version, newest),
          h("p", { class: "rd-answer ak-person", text: answer.text }),
        ),
      ),
      asked.mine && open ? h("button", { type: "button", class: "rd-link", dataset: { part: "withdraw" }, text: t("asking_withdraw"), onclick: withdraw }) : "",
      said,
    );
  }

  async ask() {
    const text = this.typed;
    if (!text || this.asking) return;
    await this.during(text, async () => {
      const turn = await send("POST", `/cases/${state.caseId}/questions`, { question: text });
      this.onCite(turn.citations);
    });
  }

  /** Put a question to a radiologist; `turnId`: of the answer that did not help. */
  async put(text, turnId) {
    if (this.asking) return;
    if (!text) return void this.input.focus();
    await this.during(text, () => send("POST", `/cases/${state.caseId}/inquiries`, { question: text, lang: CHINESE.test(text) ? "zh" : "en", turn_id: turnId }), turnId === null);
  }

  async during(text, task, own = true) {
    const { caseId } = state;
    this.asking = text;
    for (const button of [this.button, this.person]) button.disabled = true;
    setText(this.problem, "");
    this.update(state.view);
    try {
      await task();
      if (own && caseId === state.caseId) this.input.value = "";
    } catch (error) {
      if (caseId === state.caseId) setText(this.problem, sentenceOf(error));
    } finally {
      this.asking = null;
      this.items.delete("waiting");
      for (const button of [this.button, this.person]) button.disabled = false;
      if (caseId === state.caseId) {
        await this.refresh();
        if (state.view) this.update(state.view);
      }
    }
  }
}

/** Where a question to a radiologist stands. */
export function inquiryState(asked) {
  const whom = asked.to ?? t("asking_any_radiologist");
  const gone = asked.to && !asked.to_here && ["asked", "seen"].includes(asked.state) ? t("asking_to_gone") : "";
  if (asked.state === "withdrawn") return t("inquiry_withdrawn", { time: formatDate(asked.withdrawn.at) });
  if (asked.state === "answered") return t("inquiry_answered");
  if (asked.seen) return [t("inquiry_seen", { whom, by: asked.seen.by, time: formatDate(asked.seen.at) }), gone].filter(Boolean).join(" · ");
  return [t("inquiry_asked", { whom }), gone].filter(Boolean).join(" · ");
}

function question(text, by, at) {
  return h("p", { class: "rd-question" }, h("span", { text }), h("small", { text: `${by} · ${formatDate(at)}` }));
}

/** That something was said of a version that was replaced since; nothing where it was of the newest. */
function asOf(version, newest) {
  if (!version || version >= newest.version) return "";
  return h("p", { class: "ak-old", dataset: { part: "as-of" }, text: t("asking_as_of", { version, newest: newest.version }) });
}

function waitingItem(text) {
  return h("li", { class: "ak-turn" }, h("p", { class: "rd-question" }, h("span", { text })), h("p", { class: "rd-dim", text: t("answering") }));
}

// Signed reports on their way to other systems: what each receiver takes, and what a person must see to.

import { mountAccount } from "/ui/account.js";
import { getChanged, send, sentenceOf } from "/ui/api.js";
import { h, part, setText } from "/ui/dom.js";
import { formatDate, onLanguage, pick, t, translate } from "/ui/i18n.js";
import { beginPage, fixedWords, look } from "/ui/standalone.js";
import { Watch } from "/ui/watch.js";

const LOOK_MS = 5000;
const MOST_REASON = 200;
let watch = null;
let shown = { targets: [], dead: [], waiting: [] };

function load() {
  return look(async () => {
    shown = await getChanged("/outbox", { fresh: true });
  }, draw);
}

function draw() {
  fixedWords();
  document.title = t("outbox");
  drawTargets();
  drawDead();
  drawWaiting();
}

function drawTargets() {
  const head = ["target", "kind", "waits", "oldest", "dead_count", "delivered"];
  const numbers = ["waits", "dead_count"];
  part(document, "targets").replaceChildren(
    h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col", class: numbers.includes(name) ? "number" : "", text: t(`outbox_${name}`) })))),
    ...shown.targets.map(targetRows),
    shown.targets.length ? "" : h("tbody", {}, h("tr", {}, h("td", { class: "rd-dim", colspan: head.length, text: t("outbox_no_target") }))),
  );
}

/** A receiver, and below it why it is not well. */
function targetRows(target) {
  const kind = target.orphaned ? "–" : `${t(`outbox_kind_${target.kind}`)} · ${target.forms.map(form).join(", ")}`;
  const row = h(
    "tr",
    { dataset: { target: target.name } },
    h("th", { scope: "row", text: target.name }),
    h("td", { text: kind }),
    h("td", { class: "number", text: String(target.waiting) }),
    h("td", { class: "time", text: target.oldest_at ? formatDate(target.oldest_at) : "–" }),
    h("td", { class: target.dead ? "number rd-bad" : "number", text: String(target.dead) }),
    h("td", { class: "time", text: target.delivered_at ? formatDate(target.delivered_at) : "–" }),
  );
  const orphaned = target.orphaned ? [h("span", { class: "rd-bad", text: t("outbox_orphaned") })] : [];
  const uncommitted = target.stored ? [h("span", { class: "rd-dim", text: t("outbox_uncommitted", { n: target.stored }) })] : [];
  const commitment = target.commitment ? [h("span", { class: "rd-dim", text: pick(target.commitment) })] : [];
  const problem = target.problem ? [h("span", { class: "rd-dim", text: pick(target.problem) })] : [];
  const said = [...orphaned, ...uncommitted, ...commitment, ...problem];
  return h("tbody", {}, row, said.length ? h("tr", { class: "ob-said" }, h("td", { colspan: 6 }, ...said)) : "");
}

function drawDead() {
  const list = part(document, "dead");
  const known = new Map([...list.querySelectorAll("form")].map((element) => [element.dataset.entry, element]));
  const wanted = shown.dead.map((entry) => {
    const before = known.get(String(entry.entry));
    // One in which a reason is being typed stays as it is.
    return before && before.querySelector("input")?.value ? before : deadEntry(entry);
  });
  list.replaceChildren(...wanted, ...(wanted.length ? [] : [h("p", { class: "rd-dim", text: t("outbox_no_dead") })]));
}

/** A form in which an entry is dropped with a reason; `act` does that, or another thing with it. */
function dropForm(entry, attributes, content) {
  const said = h("span", { class: "rd-bad", role: "alert" });
  const reason = h("input", { class: "rd-input", name: "reason", maxlength: MOST_REASON, autocomplete: "off", placeholder: t("outbox_reason"), "aria-label": t("outbox_reason") });
  const act = async (path, body) => {
    try {
      await send("POST", `/outbox/${entry.entry}/${path}`, body);
      reason.value = "";
      await watch.now();
    } catch (error) {
      setText(said, sentenceOf(error));
    }
  };
  const drop = h("button", { type: "submit", class: "rd-button", dataset: { part: "drop" }, text: t("outbox_drop") });
  return h(
    "form",
    {
      ...attributes,
      onsubmit: (event) => {
        event.preventDefault();
        act("drop", { reason: reason.value });
      },
    },
    ...content({ act, reason, drop, said }),
  );
}

function deadEntry(entry) {
  return dropForm(entry, { class: "ob-entry", dataset: { entry: entry.entry } }, ({ act, reason, drop, said }) => [
    h(
      "div",
      { class: "ob-what" },
      h("b", { text: entry.target }),
      h("span", { text: whatOf(entry) }),
      h("span", { class: "rd-dim", text: t("outbox_tried", { n: entry.tries, time: formatDate(entry.ended_at) }) }),
    ),
    h("p", { text: pick(entry.problem) }),
    h(
      "div",
      { class: "ob-acts" },
      h("button", { type: "button", class: "rd-button rd-primary", dataset: { part: "resend" }, text: t("outbox_resend"), onclick: () => act("resend") }),
      reason,
      drop,
      said,
    ),
  ]);
}

function drawWaiting() {
  const head = ["target", "report", "since", "tries"];
  const table = part(document, "waiting");
  // One that is just being dropped stays as it is.
  const dropped = new Map([...table.querySelectorAll("tbody")].filter((body) => body.querySelector("details[open]")).map((body) => [body.dataset.entry, body]));
  table.replaceChildren(
    h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col", class: name === "tries" ? "number" : "", text: t(`outbox_${name}`) })))),
    ...shown.waiting.map((entry) => dropped.get(String(entry.entry)) ?? waitingEntry(entry, head.length)),
    shown.waiting.length ? "" : h("tbody", {}, h("tr", {}, h("td", { class: "rd-dim", colspan: head.length, text: t("outbox_nothing") }))),
  );
}

function waitingEntry(entry, columns) {
  const held = entry.state === "held" ? [h("span", { class: "rd-bad", text: t("outbox_held") })] : [];
  const stored = entry.state === "stored" ? [h("span", { class: "rd-dim", text: t("outbox_state_stored") })] : [];
  const problem = entry.problem ? [h("span", { class: "rd-dim", text: pick(entry.problem) })] : [];
  const drop = h(
    "details",
    {},
    h("summary", { class: "rd-dim", text: t("outbox_drop") }),
    dropForm(entry, { class: "ob-acts" }, ({ reason, drop, said }) => [reason, drop, said]),
  );
  return h(
    "tbody",
    { dataset: { entry: entry.entry } },
    h(
      "tr",
      {},
      h("th", { scope: "row", text: entry.target }),
      h("td", { text: whatOf(entry) }),
      h("td", { class: "time", text: formatDate(entry.queued_at) }),
      h("td", { class: "number", text: String(entry.tries) }),
    ),
    h("tr", { class: "ob-said" }, h("td", { colspan: columns }, ...held, ...stored, ...problem, drop)),
  );
}

/** What another version of radraft queued has a word that this one does not know. */
function word(kind, name, known) {
  return known.includes(name) ? t(`outbox_${kind}_${name}`) : name;
}

function form(name) {
  return word("form", name, ["text", "pdf", "sr", "kos", "oru", "fhir"]);
}

function whatOf(entry) {
  const status = word("status", entry.status, ["preliminary", "final", "corrected", "appended"]);
  return t("outbox_what", { case: entry.case_id, version: entry.version, status, form: form(entry.form) });
}

await beginPage();
translate(document);
await mountAccount(document);
onLanguage(draw);
watch = new Watch(load, LOOK_MS);
await watch.now();

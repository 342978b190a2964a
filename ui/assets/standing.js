// Where a report stands on its way to the signature: who writes it, who returned it and why, what is being amended.

import { h } from "/ui/dom.js";
import { formatDate, t } from "/ui/i18n.js";

const SUBMITTED = ["submitted", "amend_submitted"];
const RETURNED = ["returned", "amend_returned"];

/** Whether the report waits for its reviewer. */
export function underReview(view) {
  return SUBMITTED.includes(view.working.state);
}

/** Say in `element` where the report of `view` stands; hidden where nothing is to be said. */
export function renderStanding(element, view) {
  const { working, steps } = view;
  const lines = working.state === "signed" ? [] : [...amending(working), ...returned(working, steps), ...writing(working)];
  element.hidden = lines.length === 0;
  element.dataset.state = working.state;
  const version = JSON.stringify([document.documentElement.lang, lines]);
  if (element.dataset.version === version) return;
  element.dataset.version = version;
  element.replaceChildren(...lines.map(([kind, text]) => h("p", { dataset: { kind }, text })));
}

function writing({ author, author_kind: kind, submitted_at: submitted }) {
  if (!author) return [];
  const typed = kind === "typed" ? ` (${t("typed_name")})` : "";
  if (!submitted) return [["author", t("written_by", { name: author + typed })]];
  return [["submitted", t("submitted_by", { name: author + typed, time: formatDate(submitted) })]];
}

function returned({ state }, steps) {
  const last = RETURNED.includes(state) && steps.filter((step) => step.move === "return").at(-1);
  if (!last) return [];
  return [["returned", t("returned_by", { name: last.by, time: formatDate(last.at), remark: last.remark })]];
}

function amending({ amendment, base_version: version }) {
  if (!amendment) return [];
  const key = amendment.reason ? "amending_because" : "amending";
  return [["amendment", t(key, { kind: t(`amendment_${amendment.kind}`), reason: amendment.reason, version })]];
}

/** The line under a signed version: who wrote, who reviewed, each with the minute. */
export function signatureLine(signed) {
  const { author, reviewer, signing, signed_at: at, version } = signed;
  const time = formatDate(at);
  const typed = (name, kind) => (kind === "typed" ? `${name} (${t("typed_name")})` : name);
  const writer = typed(author, signed.author_kind);
  if (!reviewer) return t("signed_by", { name: writer, time, version });
  const names = { author: writer, reviewer: typed(reviewer, signed.reviewer_kind), time, version };
  const written = signing?.submitted_at;
  return written ? t("signed_by_two", { ...names, written: formatDate(written) }) : t("signed_by_two_names", names);
}

/** What else is to be known of how `signed` came about; empty where nothing is. */
export function signatureRemark({ signing, amendment }) {
  const emergency = signing?.manner === "emergency" && signing.reason ? t("signed_in_emergency", { reason: signing.reason }) : "";
  const kind = amendment ? t(`amendment_${amendment.kind}`) : "";
  const why = amendment ? t(amendment.reason ? "amended_because" : "amended_plain", { kind, reason: amendment.reason }) : "";
  return [emergency, why].filter(Boolean).join(" · ");
}

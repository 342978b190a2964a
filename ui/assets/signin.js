// The page where one signs in: by log-in name and password, or by a one-time link that sets a password or makes the
// first administrator, or through the hospital's OpenID provider, which sends the browser back to `/sign-in/openid`.
// It says why one was sent here, and leads to where one wanted to go.

import { getChanged, send } from "/ui/api.js";
import { h, part } from "/ui/dom.js";
import { has, onLanguage, pick, t } from "/ui/i18n.js";
import { Refusal, passwordField, textField } from "/ui/password.js";
import { beginPage, fixedWords } from "/ui/standalone.js";

/** As what the demo's visitor begins. */
const DEMO_ROLE = "attending";
/** When this tab was signed in by itself last: a browser that keeps no cookies would come back for ever. */
const TRIED = "radraft.demo_tried";
const AGAIN_MS = 10000;
/** Where one wanted to go before one was sent to the provider. */
const NEXT = "radraft.next";
/** That this tab was opened to unlock another. */
const UNLOCKS = "radraft.unlocks";

const asked = new URLSearchParams(location.search);
const why = asked.get("why");
const returned = location.pathname === "/sign-in/openid";
const next = ownPath(returned ? sessionStorage.getItem(NEXT) : asked.get("next"));
const link = /^#(first|password)=(.+)$/.exec(location.hash);
// A secret is not left in the address bar, nor in the history.
if (returned) history.replaceState(null, "", "/sign-in");
else if (location.hash) history.replaceState(null, "", location.pathname + location.search);

await beginPage();
const card = part(document, "card");
const [session, roles, label] = await Promise.all([turnedAway(), rolesOfDemo(), labelOfProvider()]);
let problem = null;
let answered = false;
let shownRefusal = null;
/** What was typed already while a code of the telephone is asked for; `enrolment` where it is to be enrolled first. */
let factor = null;
const away = returned || asked.has("unlock");
if (!link && !away && roles.length && why !== "not_allowed") await beginByItself();
let draw = link ? drawLink : session ? drawRefused : drawForm;
if (away) draw = drawProvider;
onLanguage(show);
show();
if (away) card.querySelector("form").requestSubmit();

function show() {
  fixedWords();
  document.title = t("sign_in");
  // What is typed stays: only its words are those of the other language.
  const typed = [...card.querySelectorAll("input")].map((input) => [input.name, input.value]);
  draw();
  for (const [name, value] of typed) {
    const input = card.querySelector(`input[name="${name}"]`);
    if (input) input.value = value;
  }
}

/** Sign in with a log-in name and a password; in the demo, without. */
function drawForm() {
  const login = textField("login", "username");
  const password = passwordField("password", "current-password");
  const form = roles.length
    ? makeForm("demo_begin", [], begin)
    : makeForm("sign_in", [login, password], () => signIn(login.input.value, password.input.value));
  const key = roles.length ? problem : `why_${why}`;
  const provider = label ? makeForm("openid", [], () => toProvider(false), t("openid_enter", { label: pick(label) })) : null;
  card.replaceChildren(...present(h("h1", { text: t("sign_in") }), key && has(key) ? reasonGiven(key) : null, provider, provider ? h("hr") : null, form));
  card.querySelector(label ? "button" : "input, button")?.focus();
}

/** In by a password and, where the site asks for one, a code; then on, past recovery codes where there are new ones. */
async function signIn(login, password, code = "") {
  try {
    const { recovery } = await send("POST", "/session", { login, password, code }, { past: true });
    if (!recovery.length) return await go();
    factor = { recovery };
    draw = drawRecovery;
  } catch (error) {
    if (!["second_factor_needed", "second_factor_enrol"].includes(error.code)) throw error;
    factor = { login, password, enrolment: error.body.enrolment };
    draw = drawCode;
  }
  show();
}

/** The second factor: the code that a telephone shows; before it, where there is none yet, what enrols it. */
function drawCode() {
  const { login, password, enrolment } = factor;
  const code = textField("code", "one-time-code");
  code.input.maxLength = 40;
  const form = makeForm("factor_enter", [code], () => signIn(login, password, code.input.value));
  const again = h("a", { class: "rd-link", href: location.pathname + location.search, dataset: { part: "again" }, text: t("factor_again") });
  const enrol = enrolment && [
    h("p", { text: t("factor_enrol_why") }),
    h("div", { class: "si-enrol" },
      h("img", { class: "si-qr", src: enrolment.qr, alt: t("factor_qr"), dataset: { part: "qr" } }),
      h("div", {}, h("p", { class: "rd-dim", text: t("factor_typed") }), h("code", { class: "si-key", dataset: { part: "key" }, text: enrolment.secret }))),
  ];
  card.replaceChildren(h("h1", { text: t(enrolment ? "factor_enrol_title" : "factor_title") }), ...(enrol ?? [h("p", { text: t("factor_why") })]), form, again);
  code.input.focus();
}

/** Recovery codes: shown once, before one goes on. */
function drawRecovery() {
  const list = h("ul", { class: "si-codes", dataset: { part: "codes" } }, ...factor.recovery.map((code) => h("li", {}, h("code", { text: code }))));
  const form = makeForm("factor_kept", [], go);
  card.replaceChildren(h("h1", { text: t("factor_recovery_title") }), h("p", { text: t("factor_recovery_why") }), list, form);
}

/** On the way to the provider, to unlock another tab; or back from it, once for what it answered. */
function drawProvider() {
  const name = pick(label ?? { zh: "", en: "" });
  const shown = returned && !answered ? t("openid_back") : t("openid_enter", { label: name });
  const form = makeForm("openid", [], () => (returned && !answered ? answerOfProvider() : toProvider(asked.has("unlock"))), shown);
  const local = h("a", { class: "rd-link", href: "/sign-in", dataset: { part: "local" }, text: t("openid_local") });
  card.replaceChildren(h("h1", { text: t("sign_in") }), form, local);
  card.querySelector("button").focus();
}

/** To the provider; `unlocking` another tab, where its session waits for who was signed in. */
async function toProvider(unlocking) {
  const { url } = await send("POST", "/session/openid", { fresh: unlocking }, { past: true });
  sessionStorage.setItem(NEXT, next);
  if (unlocking) sessionStorage.setItem(UNLOCKS, "1");
  location.assign(url);
  await new Promise(() => undefined);
}

/** In again by what the provider sent the browser back with; it is good for one try. */
async function answerOfProvider() {
  answered = true;
  const given = (name) => asked.get(name) ?? "";
  const body = { state: given("state"), code: given("code"), error: given("error"), iss: given("iss") };
  await send("POST", "/session/openid/answer", body, { past: true });
  sessionStorage.removeItem(NEXT);
  await go();
}

/** Use a one-time link: choose a password, and for the first administrator a log-in name. */
function drawLink() {
  const [, kind, secret] = link;
  const first = kind === "first";
  const fields = {
    login: first ? textField("login", "username") : null,
    name: first ? textField("name", "name") : null,
    password: passwordField("new_password", "new-password"),
    again: passwordField("new_password_again", "new-password"),
  };
  const value = (name) => fields[name]?.input.value ?? "";
  const form = makeForm(first ? "first_make" : "password_set", present(...Object.values(fields)), async (refusal) => {
    if (value("password") !== value("again")) {
      refusal.say(t("passwords_differ"));
      fields.again.input.select();
      return;
    }
    const password = value("password");
    const made = await send("POST", "/session/link", { secret, password, login: value("login"), name: value("name") }, { past: true });
    await signIn(made.login, password);
  });
  const title = t(first ? "first_title" : "password_title");
  card.replaceChildren(h("h1", { text: title }), h("p", { text: t(first ? "first_why" : "password_why") }), form, h("p", { class: "rd-dim", text: t("password_hint") }));
  card.querySelector("input").focus();
}

/** Somebody is signed in and may not see what he asked for: a way back, no way round in circles. */
function drawRefused() {
  const other = h("button", { type: "button", class: "rd-link", dataset: { part: "other" }, text: t("sign_in_other"), onclick: () => {
    draw = drawForm;
    show();
  } });
  card.replaceChildren(
    h("h1", { text: t("refused_title") }),
    reasonGiven("why_not_allowed"),
    h("p", { class: "rd-dim", text: t("signed_in_as", session) }),
    h("div", { class: "si-ways" }, h("a", { class: "rd-link", href: "/", dataset: { part: "back" }, text: t("sign_in_back") }), roles.length ? "" : other),
  );
  card.querySelector("a").focus();
}

function reasonGiven(key) {
  return h("p", { class: "si-why", role: "status", dataset: { part: "why" }, text: t(key) });
}

/** A form of `fields` that does `task(refusal)` when it is sent, and shows what that is refused with. */
function makeForm(name, fields, task, text = t(name)) {
  const problem = h("p", { class: "rd-bad", role: "alert", dataset: { part: "problem" } });
  const button = h("button", { type: "submit", class: "rd-button rd-primary", dataset: { part: name === "openid" ? name : "enter" }, text });
  const refusal = new Refusal(problem, button);
  shownRefusal = refusal;
  const form = h("form", { method: "post" }, ...fields.map((field) => field.element), problem, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    refusal.clear();
    button.disabled = true;
    try {
      await task(refusal);
      button.disabled = false;
    } catch (error) {
      if (draw === drawProvider) show();
      (draw === drawProvider ? shownRefusal : refusal).show(error);
      fields.at(-1)?.input.select();
    }
  });
  return form;
}

/** In the demo its visitor is let in at once, unless that has just led nowhere. */
async function beginByItself() {
  if (Date.now() - Number(sessionStorage.getItem(TRIED) ?? 0) < AGAIN_MS) {
    problem = "demo_no_cookies";
    return;
  }
  // Where it fails, the button does it again and says why.
  await begin().catch(() => undefined);
}

async function begin() {
  sessionStorage.setItem(TRIED, String(Date.now()));
  await send("POST", "/session/demo", { role: DEMO_ROLE }, { past: true });
  go();
}

/** On to where one wanted to go; other tabs of this browser hear who it is now. */
async function go() {
  const { login } = await getChanged("/session", { fresh: true, past: true });
  new BroadcastChannel("radraft.session").postMessage({ login });
  if (sessionStorage.getItem(UNLOCKS)) {
    sessionStorage.removeItem(UNLOCKS);
    // A browser that does not let it go shows the workstation here.
    window.close();
  }
  location.replace(next);
  // Nothing more is drawn here.
  await new Promise(() => undefined);
}

/** Who was turned away; not asked for where nobody is expected to be signed in. */
async function turnedAway() {
  if (why !== "not_allowed") return null;
  try {
    return await getChanged("/session", { fresh: true, past: true });
  } catch {
    // Nobody is, or it cannot be told: the form is what helps then.
    return null;
  }
}

/** What the button to the hospital's provider is called; null where there is none. */
async function labelOfProvider() {
  try {
    return (await getChanged("/session/openid", { fresh: true, past: true })).label;
  } catch {
    return null;
  }
}

async function rolesOfDemo() {
  try {
    return (await getChanged("/session/demo", { fresh: true, past: true })).roles;
  } catch {
    return [];
  }
}

/** `path` where it leads to a page of this very origin, else the workstation. */
function ownPath(path) {
  if (!path?.startsWith("/") || /^\/[/\\]/.test(path)) return "/";
  const { origin, pathname, search, hash } = new URL(path, location.origin);
  return origin === location.origin && pathname !== "/sign-in" ? pathname + search + hash : "/";
}

function present(...elements) {
  return elements.filter(Boolean);
}

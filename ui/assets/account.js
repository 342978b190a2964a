// In every page's top line: who is signed in, the way out, and links only to what he may see. In the demo, as what
// its visitor goes on.

import { getChanged } from "/ui/api.js";
import { h, part } from "/ui/dom.js";
import { onLanguage, ready, t } from "/ui/i18n.js";
import { watchIdle } from "/ui/idle.js";
import { watchLock } from "/ui/lock.js";
import { become, may, signOut, signedIn } from "/ui/session.js";
import { state } from "/ui/state.js";

/** Fill the place for the account in `root`, and watch over the session from now on. */
export async function mountAccount(root) {
  watchLock();
  await Promise.all([ready, signedIn]);
  watchIdle();
  for (const link of root.querySelectorAll("[data-needs]")) link.hidden = !may(link.dataset.needs);
  const roles = state.session.demo ? await rolesOfDemo() : [];
  const place = part(root, "account");
  const draw = () => place.replaceChildren(...(roles.length ? demo(roles) : person()));
  onLanguage(draw);
  draw();
}

function person() {
  const { name, login } = state.session;
  const button = h("button", { type: "button", class: "rd-tool", dataset: { part: "sign-out" }, text: t("sign_out"), onclick: () => leave(button) });
  return [h("span", { class: "rd-person", dataset: { part: "person" }, text: name, title: t("signed_in_as", { name, login }) }), button];
}

async function leave(button) {
  button.disabled = true;
  try {
    await signOut();
    button.disabled = false;
  } catch {
    // It is away: whoever stays signed in must see that he is.
    button.disabled = false;
    button.title = t("unreachable");
  }
}

function demo(roles) {
  const { demo_role: now, name, login } = state.session;
  const options = roles.map((role) => h("option", { value: role, selected: role === now, text: t(`role_of_${role}`) }));
  const select = h("select", { class: "rd-input", dataset: { part: "demo-role" }, "aria-label": t("demo_role"), onchange: () => switchTo(select) }, ...options);
  return [h("label", { class: "rd-demo", title: t("signed_in_as", { name, login }) }, h("span", { text: t("demo_signed_in") }), select)];
}

async function switchTo(select) {
  select.disabled = true;
  try {
    await become(select.value);
  } catch {
    select.value = state.session.demo_role;
    select.disabled = false;
  }
}

async function rolesOfDemo() {
  try {
    return (await getChanged("/session/demo", { fresh: true })).roles;
  } catch {
    return [];
  }
}

// The door of a signed study's page: by a link of the hospital's system, or as somebody who is signed in.

import { send, sentenceOf } from "/ui/api.js";
import { part, setText } from "/ui/dom.js";
import { onLanguage, t } from "/ui/i18n.js";
import { beginPage, fixedWords } from "/ui/standalone.js";
import { state } from "/ui/state.js";

/** Who came by a link in this tab; the secret of his visit is in a cookie that no script reads. */
const VISIT = "radraft.visit";

const link = /^#link=(.+)$/.exec(location.hash);
// It is not left in the address bar, nor in the history.
if (location.hash) history.replaceState(null, "", location.pathname + location.search);

await beginPage();
fixedWords();
document.title = t("asking_title");
const refusal = link ? await enter(link[1]) : null;
if (refusal) refuse(refusal);
else await show();

/** The accession number in the address; empty on the page that searches. */
function accession() {
  try {
    return decodeURIComponent(location.pathname.replace(/^\/s\/?/, ""));
  } catch {
    return "";
  }
}

/** Begin the visit that a link is good for; what it is refused with, or null. */
async function enter(secret) {
  try {
    const { login } = await send("POST", "/session/visit", { link: secret, accession: accession() }, { past: true });
    sessionStorage.setItem(VISIT, login);
    return null;
  } catch (error) {
    // Whoever loads the page again goes on with the visit that he has.
    if (error.code === "study_link_used" && sessionStorage.getItem(VISIT)) return null;
    return error;
  }
}

function refuse(error) {
  sessionStorage.removeItem(VISIT);
  const draw = () => {
    fixedWords();
    setText(part(document, "state"), sentenceOf(error));
  };
  onLanguage(draw);
  draw();
}

async function show() {
  const visit = sessionStorage.getItem(VISIT);
  // Each request says whose it is: a desk's own session may be in the same browser.
  if (visit) state.session = { login: visit };
  const { mountSignedStudy } = await import("/ui/signedstudy.js");
  try {
    await mountSignedStudy(accession(), { visiting: Boolean(visit) });
  } catch (error) {
    refuse(error);
  }
}

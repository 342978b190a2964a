// The technologist's page: what his device sent in the last hour, how good each image is, and what to correct while
// the patient is still there. A film has a line of its own; all slices of a study share one.

import { mountAccount } from "/ui/account.js";
import { ApiError, getChanged, send } from "/ui/api.js";
import { ArrivalLine, needsCorrection, unjudged } from "/ui/arrivalline.js";
import { chime } from "/ui/chime.js";
import { arrange, h, part, setText } from "/ui/dom.js";
import { language, number, onLanguage, t, translate } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { beginPage, fixedWords } from "/ui/standalone.js";
import { state } from "/ui/state.js";
import { attachUpload } from "/ui/upload.js";

const POLL_MS = 2000;
const SOUND = "radraft.arrivals_sound";
const items = new Map();
/** Verdicts that were heard of, by line: a sound is for those that are new. */
const heard = new Map();
const device = part(document, "device");
const sound = part(document, "sound");
let shown = { lines: [], devices: [], device: null, cut: false };
let loaded = false;
let timer = 0;
let asking = 0;

await beginPage();
onLanguage(() => {
  for (const item of items.values()) item.told = null;
  render();
});
translate(document);
await mountAccount(document);
device.addEventListener("change", () => choose(device.value));
sound.addEventListener("click", () => {
  localStorage.setItem(SOUND, isLoud() ? "" : "on");
  // Heard at once, so that he knows what it is like; browsers allow it only after a click.
  if (isLoud()) chime(false);
  render();
});
mountUpload();
await poll();

/** His device is kept for him at this browser: an account may be used in several rooms. */
function deviceKey() {
  return `radraft.device.${state.session.login}`;
}

function choose(id) {
  localStorage.setItem(deviceKey(), id);
  heard.clear();
  loaded = false;
  return poll({ fresh: true });
}

function isLoud() {
  return localStorage.getItem(SOUND) === "on";
}

/** Those who write reports send files in from the workstation. */
function mountUpload() {
  if (may("read_unsigned")) return;
  part(document, "upload-place").hidden = false;
  attachUpload(part(document, "upload"), part(document, "file"), { place: part(document, "results") });
}

async function poll({ fresh = false } = {}) {
  clearTimeout(timer);
  const mine = ++asking;
  try {
    const id = localStorage.getItem(deviceKey()) ?? "";
    const answer = await getChanged(`/arrivals?${new URLSearchParams({ device: id })}`, { fresh });
    if (mine !== asking) return;
    if (answer) shown = answer;
    setText(part(document, "offline"), "");
    listen();
    loaded = true;
  } catch (error) {
    if (mine !== asking) return;
    const known = error instanceof ApiError && !error.passing;
    setText(part(document, "offline"), known ? error.sentence : t("alerts_stale"));
  }
  render();
  timer = setTimeout(poll, POLL_MS);
}

/** One sound for all verdicts that came since the last answer. */
function listen() {
  const news = shown.lines.filter((line) => line.judged_at && heard.get(line.id) !== told(line));
  for (const line of news) heard.set(line.id, told(line));
  if (loaded && news.length && isLoud()) chime(news.some(needsCorrection));
}

function told(line) {
  return JSON.stringify([line.verdict, line.code]);
}

function render() {
  fixedWords();
  const now = Date.now();
  const { lines } = shown;
  const bad = lines.filter((line) => needsCorrection(line) && !line.replaced_by).length;
  const images = lines.reduce((sum, line) => sum + line.images, 0);
  const open = lines.reduce((sum, line) => sum + unjudged(line), 0);
  const counts = [
    t("arrivals_images", { n: number(images) }),
    bad ? t("arrivals_bad", { n: number(bad) }) : "",
    open ? t("arrivals_open", { n: number(open) }) : "",
  ];
  const count = part(document, "count");
  count.dataset.bad = String(bad > 0);
  setText(count, loaded ? counts.filter(Boolean).join(" · ") : "");
  document.title = bad ? `(${bad}) ${t("arrivals_title")}` : t("arrivals_title");
  sound.setAttribute("aria-pressed", String(isLoud()));
  renderDevices();
  const known = new Set(lines.map((line) => line.id));
  for (const id of items.keys()) if (!known.has(id)) items.delete(id);
  const byArrival = new Map(lines.map((line) => [line.arrival_id, line]));
  arrange(part(document, "list"), lines.map((line) => itemOf(line).update(line, byArrival, now)));
  const empty = part(document, "empty");
  empty.hidden = !loaded || lines.length > 0;
  setText(empty, t(shown.device ? "arrivals_none_of_device" : "arrivals_none"));
  const cut = part(document, "cut");
  cut.hidden = !shown.cut;
  setText(cut, t("arrivals_cut", { n: number(lines.length) }));
}

function renderDevices() {
  const { devices } = shown;
  const sites = new Set(devices.map(({ site }) => site));
  const name = ({ site, source, station }) => [station, source, sites.size > 1 ? site : ""].filter(Boolean).join(" · ");
  const version = JSON.stringify([language(), devices]);
  if (device.dataset.version !== version) {
    device.dataset.version = version;
    const all = h("option", { value: "", text: t("arrivals_all_devices") });
    device.replaceChildren(all, ...devices.map((one) => h("option", { value: one.id, text: name(one) })));
  }
  if (document.activeElement !== device) device.value = shown.device ?? "";
}

function itemOf(line) {
  if (!items.has(line.id)) items.set(line.id, new ArrivalLine(relink));
  return items.get(line.id);
}

/** Say which earlier image `line` was taken again for; null: for none. */
async function relink(line, replaces) {
  const body = { replaces, base_revision: line.link?.revision ?? 0 };
  await send("POST", `/arrivals/${line.arrival_id}/retake`, body);
  await poll({ fresh: true });
}

// Top line: what this is, what it may be used for, the model's state, who is signed in, the language. For those who
// read no reports it puts their desk on the page.

import { mountAccount } from "/ui/account.js";
import { getChanged } from "/ui/api.js";
import { mountDesk } from "/ui/desk.js";
import { h, part, setText } from "/ui/dom.js";
import { language, onLanguage, ready, setLanguage, t, translate } from "/ui/i18n.js";
import { may } from "/ui/session.js";
import { emit, on, state } from "/ui/state.js";
import { themeButton } from "/ui/theme.js";

const POLL_MS = 4000;

/** Bring the header in `root` to life. */
export async function mount(root) {
  await ready;
  const header = new Header(root);
  header.render();
  onLanguage(() => header.render());
  on("online", (online) => header.online(online));
  await mountAccount(root);
  // Whoever reads drafts too has the same here, and more.
  if (may("read_unsigned")) root.querySelector("[data-part=signed-reports]").hidden = true;
  // Who only sends images in sees what became of them.
  if (!may("read_signed") && may("intake")) return location.replace("/arrivals");
  if (!may("read_signed")) mountDesk();
  await header.poll();
}

class Header {
  constructor(root) {
    this.root = root;
    this.model = part(root, "model");
    this.sayTheme = themeButton(root.querySelector(".rd-langs"));
    for (const button of root.querySelectorAll("button[data-lang]")) {
      button.addEventListener("click", () => setLanguage(button.dataset.lang));
    }
  }

  async poll() {
    try {
      this.status = (await getChanged("/status")) ?? this.status;
      if (this.status.llm !== state.llm) {
        state.llm = this.status.llm;
        emit("llm", state.llm);
      }
      emit("online", true);
    } catch {
      emit("online", false);
    }
    this.render();
    setTimeout(() => this.poll(), POLL_MS);
  }

  online(online) {
    this.isOffline = !online;
    setText(part(this.root, "offline"), online ? "" : t("unreachable"));
  }

  render() {
    translate(this.root);
    this.sayTheme();
    for (const button of this.root.querySelectorAll("button[data-lang]")) {
      button.setAttribute("aria-pressed", String(button.dataset.lang === language()));
    }
    setText(part(this.root, "offline"), this.isOffline ? t("unreachable") : "");
    if (!this.status) return;
    const { llm, model, waiting, drafting, failed } = this.status;
    const queue = [
      ["queue_waiting", waiting],
      ["queue_drafting", drafting],
      ["queue_failed", failed],
    ].filter(([, n]) => n > 0);
    const version = JSON.stringify([language(), this.status]);
    if (this.model.dataset.version === version) return;
    this.model.dataset.version = version;
    this.model.replaceChildren(
      h("span", { class: "rd-dot", dataset: { llm } }),
      h("span", { text: t("model_state", { model, state: t(`llm_${llm}`) }) }),
      ...queue.map(([key, n]) => h("span", { class: "rd-dim", text: t(key, { n }) })),
    );
  }
}

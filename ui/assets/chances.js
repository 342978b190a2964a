// What the encoder made of the draft's films: a quiet line with the likeliest, and all of them as bars.

import { h } from "/ui/dom.js";
import { pick, t } from "/ui/i18n.js";
import { state } from "/ui/state.js";
import { StudyPanel } from "/ui/studypanel.js";

/** Most of them in the line, and from which chance on, beside the likeliest. */
const IN_LINE = 3;
const LEAST_IN_LINE = 0.05;

/** Keep `element`, a details element, showing the open study's chances. */
export async function mountChances(element) {
  await new Chances(element, "chances").mount();
}

class Chances extends StudyPanel {
  render() {
    const found = this.found;
    this.element.hidden = !found || state.view?.working.state === "signed";
    if (this.element.hidden) return this.element.replaceChildren();
    const worth = found.chances.filter((one, place) => !place || one.chance >= LEAST_IN_LINE);
    const likeliest = worth.slice(0, IN_LINE).map((one) => `${pick(one)} ${percent(one.chance)}`);
    this.element.replaceChildren(
      h("summary", {}, h("b", { text: t("chances") }), " ", likeliest.join(" · ")),
      h("p", { class: "rd-dim", text: t(`chances_of_${found.group}`, { n: found.images }) }),
      h("ul", {}, ...found.chances.map(bar)),
    );
  }
}

function bar(one) {
  const name = pick(one);
  return h(
    "li",
    {},
    h("span", { text: name }),
    h("meter", { min: 0, max: 1, value: one.chance, "aria-label": `${name} ${percent(one.chance)}` }),
    h("span", { class: "rd-number", text: percent(one.chance) }),
  );
}

function percent(chance) {
  if (chance < 0.01) return "<1%";
  return chance > 0.99 ? ">99%" : `${Math.round(100 * chance)}%`;
}

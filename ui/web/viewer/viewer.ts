// What the viewer shows of a study, and what its keys and buttons do.

import { ApiError, getChanged } from "/ui/api.js";
import { Choosing } from "/ui/choosing.js";
import { droppedWords, imagesThere } from "/ui/dropped.js";
import { h, isTyping, part, setText } from "/ui/dom.js";
import { t } from "/ui/i18n.js";
import { withKey } from "/ui/keyhelp.js";
import { bind } from "/ui/keys.js";
import { seriesLabel } from "/ui/serieslabel.js";
import { may } from "/ui/session.js";
import { emit, state } from "/ui/state.js";

import { attachGestures, type Desk } from "./gestures";
import type { Series, StoredImage, StudySeries } from "./frames";
import { budget, isLoaded, keyId, load, previewId } from "./library";
import { choose, newest, referenceLines, remove, removeAll, type ToolName } from "./measure";
import { nextStudy } from "./next";
import { named, nameOf, presets, type Preset } from "./presets";
import { Stage, engine, stackOf, stackOfKeyImages, type Look, type Stack } from "./stage";

const PAGE = 10;
const MOST_PRESETS = 9;
/** Buttons that have a key: the action of that, and what is said of both. */
const HINTS: Record<string, [string, string]> = {
  length: ["viewer.length", "tool_length_hint"],
  angle: ["viewer.angle", "tool_angle_hint"],
  rectangle: ["viewer.rectangle", "tool_rectangle_hint"],
  rotate: ["viewer.rotate", "tool_rotate_hint"],
  flip: ["viewer.flip", "tool_flip_hint"],
  two: ["viewer.two", "tool_two_hint"],
  invert: ["viewer.invert", "invert_hint"],
  "insert-measurement": ["viewer.insert", "measurement_insert_hint"],
};
const TOOLS: ToolName[] = ["length", "angle", "rectangle"];
const CROSS_SECTIONAL = ["CT", "MR", "PT", "NM"];

interface Item {
  key: string;
  instance_ref: string;
  frame: number;
  window: [number, number];
  window_name: string;
  image_id?: string;
  rows: number;
  columns: number;
}

interface Study {
  caseId: string;
  modality: string;
  stacks: Stack[];
  series: Series[];
}

interface Prior {
  case_id: string;
  modality: string;
  days_before: number;
}

export class Viewer implements Desk {
  tool: ToolName | null = null;
  private readonly root: HTMLElement;
  private first!: Stage;
  private second: Stage | null = null;
  private present!: Stage;
  private choosing!: any;
  private study: Study | null = null;
  private priors: Prior[] = [];
  private beside: Study | null = null;
  private images: StoredImage[] = [];
  private modality = "";
  private dropped: any = null;
  private linked = true;
  /** Where both stages stood when they were linked. */
  private anchor: [number, number] | null = null;
  private item: Item | null = null;
  /** A stage on which nothing was shown yet. */
  private blank!: Node;
  private readonly watch = new ResizeObserver(() => this.resized());

  constructor(root: HTMLElement) {
    this.root = root;
  }

  begin(): void {
    this.blank = part(this.root, "stage").cloneNode(true);
    this.first = new Stage(part(this.root, "stage"), "first");
    this.present = this.first;
    this.choosing = new Choosing(this.root, (item: Item) => this.choose(item));
    this.attach(this.first);
    this.click("invert", () => this.present.setLook({ invert: !this.present.current.invert }));
    this.click("fit", () => this.reset(this.present));
    this.click("rotate", () => this.present.rotate());
    this.click("flip", () => this.present.flip());
    this.click("length", () => this.draw("length"));
    this.click("angle", () => this.draw("angle"));
    this.click("rectangle", () => this.draw("rectangle"));
    this.click("two", () => this.two());
    this.click("link", () => this.link(!this.linked));
    this.click("pick-slice", () => this.pick());
    this.click("remove-measurement", () => this.removeMeasurement());
    const insert = part(this.root, "insert-measurement") as HTMLElement;
    // The cursor stays where the sentence is written.
    insert.addEventListener("pointerdown", (event) => event.preventDefault());
    insert.addEventListener("click", () => this.insert());
    part(this.root, "shown-series").addEventListener("change", () => this.chooseSeries());
    part(this.root, "beside-series").addEventListener("change", () => this.chooseBeside());
    this.clear();
  }

  private click(name: string, action: () => void): void {
    part(this.root, name).addEventListener("click", action);
  }

  private attach(stage: Stage): void {
    attachGestures(stage, this, stage.open.signal);
    this.watch.observe(stage.element);
    stage.onPainted = () => this.painted(stage);
    stage.onMoved = (by) => this.moved(stage, by);
  }

  clear(): void {
    this.closeSecond();
    removeAll();
    this.study = null;
    this.beside = null;
    this.priors = [];
    this.images = [];
    this.dropped = null;
    this.item = null;
    this.first.clear();
    (part(this.root, "elsewhere") as HTMLElement).hidden = true;
    this.choosing.clear();
    this.draw(null);
    this.words();
  }

  /** Take a CaseView; the picture on the screen stays where its images are the same. */
  show(view: any): void {
    const there: StoredImage[] = imagesThere(view);
    const ids = there.map((image) => image.image_id).join();
    const changed = ids !== this.images.map((image) => image.image_id).join() || !this.first.stack;
    this.choosing.show(view);
    this.dropped = view.dropped;
    this.modality = view.case.modality;
    if (!changed) return;
    this.images = there;
    this.words();
    if (this.images.length) this.choosing.select(this.choosing.items[0]);
    else this.first.say(droppedWords(this.dropped, "images_dropped_on") || t("no_images"));
    if (!this.dropped) this.learn();
  }

  /** The series of the study; without them its key images are all there is. */
  private async learn(): Promise<void> {
    const caseId: string | null = state.caseId;
    try {
      const found: StudySeries = await getChanged(`/cases/${caseId}/series`, { fresh: true });
      if (caseId !== state.caseId) return;
      this.study = studyOf(found);
      this.elsewhere(caseId);
      this.words();
      if (!this.images.length && this.study.stacks.length && !this.dropped) this.showSeries(0);
      else if (this.item) this.choose(this.item);
    } catch {
      // Dropped, or not to be had now: what is shown of the study says so itself.
    }
  }

  /** The way to the hospital's own viewer, where its address is known. */
  private async elsewhere(caseId: string | null): Promise<void> {
    const link = part(this.root, "elsewhere") as HTMLAnchorElement;
    try {
      const { url }: { url: string | null } = await getChanged(`/cases/${caseId}/viewer-link`, { fresh: true });
      if (caseId !== state.caseId) return;
      link.hidden = !url;
      if (url) link.href = url;
    } catch {
      // A way that is not known now is not offered.
      link.hidden = true;
    }
  }

  /** Show an item of the strip: a stored image, or one that is only wished for. */
  async choose(item: Item): Promise<void> {
    this.item = item;
    const place = `${item.instance_ref}/${item.frame}`;
    const at = this.find(place);
    const look = this.lookOf(item);
    if (!item.image_id) {
      if (at) await this.first.show(at.stack, at.index, look);
      return;
    }
    const stack = stackOfKeyImages(state.caseId ?? "", this.images, this.modality);
    const whole = at?.stack.slices[at.index].full;
    if (at && whole && isLoaded(whole)) {
      await this.first.show(at.stack, at.index, look);
      return;
    }
    const index = this.images.findIndex((image) => image.image_id === item.image_id);
    if (index < 0) return;
    await this.first.show(stack, index, look);
    if (!at || !whole) return;
    // The key image is there at once; the slice itself, among its neighbours, takes its place when it is loaded.
    try {
      await load(whole);
    } catch {
      return;
    }
    const still = this.item === item && this.first.stack?.key === stack.key && this.first.index === index;
    if (still) await this.first.show(at.stack, at.index, this.first.current, true);
  }

  private lookOf(item: Item): Look {
    const [center, width] = item.window ?? named(item.window_name) ?? [0, 0];
    return { center, width: width || 1, invert: this.first.current.invert };
  }

  private find(place: string): { stack: Stack; index: number } | null {
    for (const stack of this.study?.stacks ?? []) {
      const index = stack.slices.findIndex((slice) => slice.place === place);
      if (index >= 0) return { stack, index };
    }
    return null;
  }

  private showSeries(number: number): void {
    const stack = this.study?.stacks[number];
    if (stack) this.first.show(stack, Math.floor(stack.slices.length / 2));
  }

  private chooseSeries(): void {
    this.showSeries(Number((part(this.root, "shown-series") as HTMLSelectElement).value));
    this.first.element.focus();
  }

  /** Put the second stage beside the first, or take it away. */
  private async two(): Promise<void> {
    if (this.second) {
      this.closeSecond();
      this.words();
      return;
    }
    const element = this.blank.cloneNode(true) as HTMLElement;
    element.dataset.part = "second-stage";
    this.first.element.after(element);
    part(this.root, "stages").dataset.count = "2";
    this.second = new Stage(element, "second");
    this.attach(this.second);
    this.anchor = null;
    const { second } = this;
    await this.findPriors();
    this.words();
    // Something else may have been chosen meanwhile, or the second taken away.
    if (this.second !== second || second.stack) return;
    const prior = this.priors[0];
    if (prior) await this.showPrior(prior.case_id);
    else this.showBeside(this.study, this.study && this.study.stacks.length > 1 ? 1 : 0);
  }

  private closeSecond(): void {
    if (!this.second) return;
    this.watch.unobserve(this.second.element);
    this.second.close();
    this.second.element.remove();
    this.second = null;
    this.present = this.first;
    this.beside = null;
    part(this.root, "stages").dataset.count = "1";
    referenceLines(null);
  }

  private async findPriors(): Promise<void> {
    const { caseId, view } = state as any;
    if (!may("read_unsigned", view)) return;
    try {
      const found = await getChanged(`/cases/${caseId}/priors`, { fresh: true });
      if (caseId === state.caseId) this.priors = found.priors;
    } catch {
      this.priors = [];
    }
  }

  private async showPrior(caseId: string): Promise<void> {
    const second = this.second;
    if (!second) return;
    second.say(t("loading_image"));
    try {
      this.beside = studyOf(await getChanged(`/cases/${caseId}/series`, { fresh: true }));
    } catch (error) {
      second.say(error instanceof ApiError ? error.sentence : t("image_failed"));
      this.words();
      return;
    }
    this.showBeside(this.beside, this.alike(this.beside));
  }

  /** The series of another study that is most like the one on the screen. */
  private alike(study: Study): number {
    const mine = this.seriesOf(this.first.stack);
    const points = study.series.map(
      (series) =>
        4 * Number(series.modality === mine?.modality) +
        2 * Number(series.plane === mine?.plane) +
        Number(series.kernel === mine?.kernel) +
        Number(series.contrast === mine?.contrast),
    );
    return Math.max(0, points.indexOf(Math.max(...points)));
  }

  private seriesOf(stack: Stack | null): Series | undefined {
    const number = this.study?.stacks.findIndex((one) => one.key === stack?.key) ?? -1;
    return this.study?.series[number];
  }

  private async showBeside(study: Study | null, number: number): Promise<void> {
    const stack = study?.stacks[number];
    if (!this.second || !stack) {
      this.second?.say(t("no_images"));
      this.words();
      return;
    }
    this.anchor = null;
    await this.second.show(stack, Math.floor(stack.slices.length / 2));
    this.words();
  }

  private chooseBeside(): void {
    const [caseId, number] = (part(this.root, "beside-series") as HTMLSelectElement).value.split(" ");
    if (caseId === state.caseId) this.showBeside(this.study, Number(number));
    else if (caseId === this.beside?.caseId) this.showBeside(this.beside, Number(number));
    else this.showPrior(caseId);
    this.second?.element.focus();
  }

  private link(linked: boolean): void {
    this.linked = linked;
    this.anchor = null;
    part(this.root, "link").setAttribute("aria-pressed", String(linked));
  }

  /** The other stage follows: by as many millimetres where places are known, else by as many slices. */
  private moved(stage: Stage, by: number): void {
    const other = stage === this.first ? this.second : this.first;
    if (!this.linked || !other?.stack || !this.second) return;
    this.anchor ??= stage === this.first ? [stage.index - by, other.index] : [other.index, stage.index - by];
    const [mine, theirs] = stage === this.first ? this.anchor : [this.anchor[1], this.anchor[0]];
    const [here, there] = [stage.stack!.places, other.stack.places];
    if (!here || !there) {
      other.go(theirs + stage.index - mine);
      return;
    }
    const wanted = there[theirs] + here[stage.index] - here[mine];
    let nearest = 0;
    there.forEach((place, index) => {
      if (Math.abs(place - wanted) < Math.abs(there[nearest] - wanted)) nearest = index;
    });
    other.go(nearest);
  }

  windowed(stage: Stage): void {
    const other = stage === this.first ? this.second : this.first;
    if (!this.linked || !other?.stack || !this.second || other.stack.modality !== stage.stack?.modality) return;
    if (stage.stack.modality === "CT") other.setLook({ center: stage.current.center, width: stage.current.width });
  }

  reset(stage: Stage): void {
    stage.reset(stage === this.first && this.item && this.isOfItem() ? this.lookOf(this.item) : null);
  }

  /** Whether the first stage shows the item of the strip that was chosen last. */
  private isOfItem(): boolean {
    return Boolean(this.item) && this.first.slice?.place === `${this.item!.instance_ref}/${this.item!.frame}`;
  }

  scrolls(stage: Stage): boolean {
    const { stack } = stage;
    if (!stack || stack.slices.length < 2 || stack.key.endsWith("keys")) return false;
    return CROSS_SECTIONAL.includes(stack.modality) || stack.slices.some((slice) => !slice.place.endsWith("/0"));
  }

  active(stage: Stage): void {
    this.present = stage;
    this.lines();
    this.words();
  }

  /** Where the present picture cuts the other, where both lie in the same space. */
  private lines(): void {
    referenceLines(this.second ? this.present.id : null);
  }

  /** Have the keys of the page's table do what they do here. */
  bindKeys(): void {
    const scroll = (by: number) => (event: KeyboardEvent) => {
      if (!this.present.stack || inStrip(event)) return false;
      this.present.scroll(by);
      return undefined;
    };
    bind("viewer.next_image", scroll(1));
    bind("viewer.previous_image", scroll(-1));
    bind("viewer.next_page", scroll(PAGE));
    bind("viewer.previous_page", scroll(-PAGE));
    bind("viewer.first_image", scroll(-1e6));
    bind("viewer.last_image", scroll(1e6));
    for (let n = 0; n < MOST_PRESETS; n += 1) {
      bind(`viewer.preset_${n + 1}`, (event: KeyboardEvent) => {
        const preset = this.presets(this.present)[n];
        return preset && !inList(event) ? this.setPreset(this.present, preset) : false;
      });
    }
    bind("viewer.fit", () => this.reset(this.present));
    bind("viewer.invert", () => this.present.setLook({ invert: !this.present.current.invert }));
    bind("viewer.rotate", () => this.present.rotate());
    bind("viewer.flip", () => this.present.flip());
    bind("viewer.two", () => void this.two());
    for (const tool of TOOLS) bind(`viewer.${tool}`, () => this.draw(tool));
    bind("viewer.insert", () => this.insert());
    bind("viewer.remove", (event: KeyboardEvent) => (inStrip(event) ? false : this.removeMeasurement()));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.tool && !isTyping(event.target) && !document.querySelector("dialog[open]")) this.draw(null);
    });
  }

  private draw(tool: ToolName | null): void {
    this.tool = tool !== null && tool === this.tool ? null : tool;
    choose(this.tool);
    for (const name of TOOLS) part(this.root, name).setAttribute("aria-pressed", String(this.tool === name));
  }

  private presets(stage: Stage): Preset[] {
    const own = stage === this.first && this.isOfItem() ? this.item!.window : (stage.facts?.window ?? null);
    return presets(stage.stack?.modality ?? "", stage.facts, own);
  }

  private setPreset(stage: Stage, { center, width }: Preset): void {
    stage.setLook({ center, width });
    this.windowed(stage);
  }

  /** A measurement was drawn, moved or removed. */
  measured(): void {
    const found = newest(this.present.painted);
    const bar = part(this.root, "measurement") as HTMLElement;
    bar.hidden = !found;
    setText(part(this.root, "measurement-said"), found?.said ?? "");
  }

  private insert(): void {
    const found = newest(this.present.painted);
    if (found) emit("measurement", found.forReport);
  }

  private removeMeasurement(): void {
    const found = newest(this.present.painted);
    if (!found) return;
    remove(found.id);
    this.present.viewport.render();
    this.measured();
  }

  /** Wish for the slice on the screen as a key image, through the window it is shown through. */
  private async pick(): Promise<void> {
    const stage = this.first;
    if (!stage.slice || !stage.painted) return;
    const [instance_ref, frame] = stage.slice.place.split("/");
    const { center, width } = stage.current;
    const window_name = stage.stack?.modality === "CT" ? nameOf(center, width) : "";
    const query = window_name ? `?window=${window_name}` : "";
    const src = `/api/cases/${state.caseId}/frames/${instance_ref}/${frame}/png${query}`;
    const key = `${instance_ref}/${frame}/${window_name}`;
    this.choosing.add({ key, instance_ref, frame: Number(frame), window_name, window: [center, width], src });
  }

  private painted(stage: Stage): void {
    if (stage.canvas) {
      const shown = stage.painted && stage === this.first && this.isOfItem() ? this.item?.image_id : undefined;
      stage.canvas.dataset.image = shown ?? stage.slice?.place ?? "";
      if (!stage.painted) stage.canvas.dataset.image = "";
      stage.canvas.dataset.slice = String(stage.index + 1);
      if (shown) emit("drawn", { case_id: state.caseId, image_id: shown });
    }
    if (stage.painted && stage === this.first) this.ahead();
    if (this.second) this.lines();
    this.words();
  }

  /** While nothing else is to be loaded: the next study's first pictures. */
  private ahead(): void {
    nextStudy(async (found: StudySeries) => {
      for (const image of found.images.slice(0, 4)) await load(keyId(image, found.modality));
      const [shown] = found.images;
      const series = found.series.find((one) => one.instances.some((run) => run.instance_ref === shown?.instance_ref));
      if (!series || budget() < 1) return;
      const stack = stackOf(found.case_id, series, 0);
      const at = stack.slices.findIndex((slice) => slice.place === `${shown.instance_ref}/${shown.frame}`);
      await load(stack.slices[at].full);
      for (const step of [1, -1, 2, -2]) {
        const near = stack.slices[at + step];
        if (near) await load(previewId(found.case_id, near.place));
      }
    });
  }

  pointed(stage: Stage, place: { x: number; y: number } | null): void {
    this.corners(stage, place);
  }

  /** The stages have another size. */
  private resized(): void {
    const stages = [this.first, ...(this.second ? [this.second] : [])];
    const whole = stages.map((stage) => Math.abs(stage.zoom - 1) < 0.02);
    engine().resize(true, true);
    stages.forEach((stage, number) => stage.resized(whole[number]));
    this.words();
  }

  private corners(stage: Stage, pointer: { x: number; y: number } | null = null): void {
    const said = stage.facts;
    const left = part(stage.element, "window");
    const right = part(stage.element, "place");
    if (!said || !stage.painted) {
      setText(left, "");
      setText(right, "");
      return;
    }
    const { center, width } = stage.current;
    const zoom = Math.round(stage.scale * 100);
    setText(left, t("window_level", { w: Math.round(width), l: Math.round(center), zoom }));
    const value = pointer && stage.valueAt(pointer.x, pointer.y);
    const shown = typeof value === "number" ? (Number.isInteger(value) ? value : value.toFixed(2)) : null;
    setText(right, shown === null ? `${said.columns} × ${said.rows}` : t(said.unit ? "value_hu" : "value_plain", { value: shown }));
  }

  /** Everything that is said in words, in the page's language. */
  words(): void {
    const stage = this.present;
    for (const one of [this.first, this.second]) {
      if (!one) continue;
      one.words();
      this.corners(one);
      one.letters();
    }
    const droppedText = this.images.length ? droppedWords(this.dropped, "originals_dropped") : "";
    const dropped = part(this.root, "dropped") as HTMLElement;
    setText(dropped, droppedText);
    dropped.hidden = !droppedText;
    part(this.root, "invert").setAttribute("aria-pressed", String(stage.current.invert));
    part(this.root, "two").setAttribute("aria-pressed", String(Boolean(this.second)));
    for (const [name, [action, hint]] of Object.entries(HINTS)) part(this.root, name).title = withKey(t(hint), action);
    this.tools();
    this.seriesRow();
    this.measured();
    this.choosing.render();
  }

  private tools(): void {
    const shown = this.presets(this.present);
    const version = JSON.stringify([shown, document.documentElement.lang]);
    const row = part(this.root, "presets") as HTMLElement;
    if (row.dataset.version === version) return;
    row.dataset.version = version;
    row.replaceChildren(
      ...shown.map((preset, index) =>
        h(
          "button",
          { type: "button", class: "rd-tool", title: t("preset_key", { n: index + 1 }), onclick: () => this.setPreset(this.present, preset) },
          h("kbd", { "aria-hidden": "true", text: String(index + 1) }),
          t(`preset_${preset.name}`),
        ),
      ),
    );
  }

  private seriesRow(): void {
    const row = part(this.root, "series-row") as HTMLElement;
    row.hidden = !this.study?.stacks.length;
    if (row.hidden) return;
    const select = part(this.root, "shown-series") as HTMLSelectElement;
    const at = this.study!.stacks.findIndex((stack) => stack.key === this.first.stack?.key);
    const place = this.item && this.first.stack?.key.endsWith("keys") ? this.find(`${this.item.instance_ref}/${this.item.frame}`) : null;
    const number = at >= 0 ? at : place ? this.study!.stacks.indexOf(place.stack) : -1;
    options(select, this.study!.series.map((series, index) => [String(index), seriesLabel(series)]), String(number));
    const stack = this.study!.stacks[number];
    const index = at >= 0 ? this.first.index : (place?.index ?? -1);
    setText(part(this.root, "slice-number"), stack ? t("slice_place", { n: index + 1, all: stack.slices.length }) : "");
    (part(this.root, "pick-slice") as HTMLElement).hidden = !this.choosing.editable || at < 0;
    (part(this.root, "link") as HTMLElement).hidden = !this.second;
    (part(this.root, "beside-row") as HTMLElement).hidden = !this.second;
    if (this.second) this.besideRow(this.second);
  }

  private besideRow(second: Stage): void {
    const own = this.study!.series.map((series, index): [string, string] => [`${state.caseId} ${index}`, seriesLabel(series)]);
    const others = this.priors.flatMap((prior): [string, string][] => {
      const when = t("prior_days", { n: prior.days_before });
      if (prior.case_id !== this.beside?.caseId) return [[`${prior.case_id} 0`, `${when} · ${prior.modality}`]];
      return this.beside.series.map((series, index) => [`${prior.case_id} ${index}`, `${when} · ${seriesLabel(series)}`]);
    });
    options(part(this.root, "beside-series") as HTMLSelectElement, [...others, ...own], second.stack?.key ?? "");
    const { stack } = second;
    setText(part(this.root, "beside-number"), stack ? t("slice_place", { n: second.index + 1, all: stack.slices.length }) : "");
  }
}

function studyOf(found: StudySeries): Study {
  const { case_id: caseId, modality, series } = found;
  return { caseId, modality, series, stacks: series.map((one, number) => stackOf(caseId, one, number)) };
}

function options(select: HTMLSelectElement, wanted: [string, string][], chosen: string): void {
  const version = JSON.stringify(wanted);
  if (select.dataset.version !== version) {
    select.dataset.version = version;
    select.replaceChildren(...wanted.map(([value, text]) => h("option", { value, text })));
  }
  if (select.value !== chosen) select.value = chosen;
}

/** Whether a key is for the row of key images, or for choosing more of them. */
function inStrip(event: KeyboardEvent): boolean {
  return event.target instanceof Element && Boolean(event.target.closest(".rd-strip, .rd-add-panel"));
}

/** Whether a key is one of a list's own: numbers choose a reason there. */
function inList(event: KeyboardEvent): boolean {
  return event.target instanceof Element && Boolean(event.target.closest(".rd-report, .rd-worklist"));
}


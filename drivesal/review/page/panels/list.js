// The list of the worst frames and its navigation: one stop of the Tab key, arrows move within.

import { $, make, setText } from "../js/dom.js";
import { angle, clock, size } from "../js/format.js";
import { BOTH } from "../js/plan.js";
import { angleBands, topFrames, rankingsOf } from "../js/ranking.js";

export default class List {
  static title = "Worst";
  static order = 10;
  static key = "L";
  static help = "List of the worst frames";
  static markup = `
  <div class="form">
    <label class="row"><span>Sort by</span> <select id="order"></select></label>
    <label class="row"><span id="band-of">Angle</span> <select id="band-preset"></select></label>
    <div class="row"><span class="quiet">Left positive</span>
      <span class="pair"><input id="band-from" type="number" step="any" placeholder="from" aria-label="Smallest angle, left positive"> to
      <input id="band-to" type="number" step="any" placeholder="to" aria-label="Largest angle, left positive"></span></div>
  </div>
  <div class="list-head"><span id="list-place" class="quiet"></span>
    <button type="button" id="list-previous" aria-label="Previous in the list"><kbd>[</kbd> Previous</button>
    <button type="button" id="list-next" aria-label="Next in the list">Next <kbd>]</kbd></button></div>
  <ol id="list" class="items" role="listbox" aria-label="Frames, worst first"></ol>
  <p id="list-empty" class="quiet empty"></p>
  `;

  #drive; #store; #rows; #order = $("order"); #preset = $("band-preset"); #from = $("band-from"); #to = $("band-to");
  #orders = []; #items = []; #jumpedTo = -1; #stop = 0;

  constructor({ drive, store, rows }) {
    this.#drive = drive;
    this.#store = store;
    this.#rows = rows;
    this.describe();
    this.#order.addEventListener("change", () => this.fill());
    this.#preset.addEventListener("change", () => this.#usePreset());
    for (const field of [this.#from, this.#to]) {
      field.addEventListener("input", () => { this.#preset.value = "own"; this.fill(); });
    }
    rows.addEventListener("rows", () => this.fill());
    store.on(["model"], (state) => this.#selectModel(state.model));
    store.on(["frame"], () => this.#mark());
    $("list").addEventListener("keydown", (event) => this.#key(event));
    $("list-previous").addEventListener("click", () => this.go(-1));
    $("list-next").addEventListener("click", () => this.go(1));
  }

  /** The panel's own shortcuts, see keys.js. */
  get keys() {
    return [["] [", "Next, previous in the list", (event) => ["]", "["].includes(event.key), (event) => this.go(event.key === "]" ? 1 : -1)]];
  }

  /** Fills the lists of rankings and ranges. */
  describe() {
    this.#orders = rankingsOf(this.#drive);
    const chosen = this.#order.value;
    const option = ({ key, title }) => make("option", { value: key, text: title });
    const groups = [...new Set(this.#orders.map((one) => one.group))];
    const members = (group) => this.#orders.filter((one) => one.group === group).map(option);
    this.#order.replaceChildren(...groups.flatMap((group) => (group ? [make("optgroup", { label: group }, ...members(group))] : members(group))));
    if (this.#orders.some((one) => one.key === chosen)) this.#order.value = chosen;
    const bands = angleBands(this.#drive.kind);
    this.#preset.replaceChildren(...Object.entries(bands).map(([key, [title]]) => make("option", { value: key, text: title })),
      make("option", { value: "own", text: "Custom range" }));
    this.fill();
  }

  get #chosen() { return this.#orders.find((one) => one.key === this.#order.value) ?? this.#orders[0]; }

  // with a single model selected, the list shows that model
  #selectModel(model) {
    const [of] = this.#chosen.models;
    if (model === BOTH || this.#chosen.models.length > 1 || of === Number(model)) return;
    const key = this.#chosen.key.replace(/-b$/, "") + ["", "-b"][Number(model)];
    if (!this.#orders.some((one) => one.key === key)) return;
    this.#order.value = key;
    this.fill();
  }

  #usePreset() {
    const [, from, to] = angleBands(this.#drive.kind)[this.#preset.value] ?? [];
    if (from === undefined) return;
    this.#from.value = from ?? "";
    this.#to.value = to ?? "";
    this.fill();
  }

  fill() {
    const rows = this.#rows;
    const { models, values } = this.#chosen;
    const [model] = models;
    const angles = rows.column(this.#drive.has_truth ? "truth" : "angle", model);
    setText($("band-of"), this.#drive.has_truth ? "Label" : `Prediction${this.#drive.models.length > 1 ? ` of ${"AB"[model]}` : ""}`);
    const from = this.#from.value === "" ? -Infinity : Number(this.#from.value);
    const to = this.#to.value === "" ? Infinity : Number(this.#to.value);
    const [low, high] = from <= to ? [from, to] : [to, from];
    const filtered = low !== -Infinity || high !== Infinity;
    const shown = (i) => this.#store.shown(i) === i; // an exported file lists only the frames that it contains
    const accept = filtered ? (i) => shown(i) && angles[i] >= low && angles[i] <= high : shown;
    this.#items = topFrames(values(rows), rows.column("time_s", model), accept);
    this.#draw();
  }

  #draw() {
    const { signed, share, unsided } = this.#chosen;
    const most = this.#items[0]?.value ?? 1;
    const displayed = signed(this.#rows);
    const valueText = (value) => (share ? `${Math.round(100 * value)} %` : unsided ? size(value) : angle(value));
    const focused = $("list").contains(document.activeElement) ? Number(document.activeElement.dataset.frame) : null;
    this.#stop = Math.max(0, this.#items.findIndex((one) => one.frame === (focused ?? this.#jumpedTo)));
    $("list").replaceChildren(...this.#items.map(({ frame, value }, index) => {
      const bar = make("span", { class: "bar" });
      bar.style.width = `${(100 * value) / most}%`;
      const button = make("button", {
        type: "button", role: "option", class: "item", "data-frame": frame, tabindex: index === this.#stop ? 0 : -1, on: { click: () => this.#jump(index) },
      }, make("span", { class: "item-value", text: valueText(displayed[frame]) }),
      make("span", { class: "item-what", text: `${clock(this.#rows.at(0, frame)?.time_s, 1)} · frame ${frame}` }),
      make("span", { class: "item-more", text: this.#more(frame) }), bar);
      return make("li", { role: "none" }, button);
    }));
    if (focused !== null) this.#focus(this.#stop);
    for (const id of ["list-previous", "list-next"]) $(id).disabled = !this.#items.length;
    setText($("list-empty"), this.#items.length ? "" : this.#rows.length ? "No frame matches." : "Available once frames are analysed.");
    $("list").setAttribute("aria-label", `${this.#chosen.title}: frames, worst first`);
    this.#mark();
  }

  // the predictions and the label of a frame
  #more(frame) {
    const { models } = this.#chosen;
    const two = this.#drive.models.length > 1;
    const texts = models.map((model) => `${two ? `${"AB"[model]} ` : ""}${angle(this.#rows.at(model, frame)?.angle)}`);
    if (this.#drive.has_truth) texts.push(`label ${angle(this.#rows.at(models[0], frame)?.truth)}`);
    return texts.join(" · ");
  }

  // ---- navigation ----

  #button(index) { return $("list").children[index]?.firstChild; }

  // the item that the Tab key reaches
  #stopAt(index) {
    this.#button(this.#stop)?.setAttribute("tabindex", -1);
    this.#stop = index;
    this.#button(index)?.setAttribute("tabindex", 0);
  }

  #focus(index) {
    this.#stopAt(index);
    this.#button(index)?.focus();
  }

  #key(event) {
    const last = this.#items.length - 1;
    const to = { ArrowDown: this.#stop + 1, ArrowUp: this.#stop - 1, Home: 0, End: last, PageDown: this.#stop + 8, PageUp: this.#stop - 8 }[event.key];
    if (to === undefined || last < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.#focus(Math.max(0, Math.min(last, to)));
  }

  // the position in the list is that of the last jump, even after stepping
  get #position() { return this.#items.findIndex((one) => one.frame === this.#jumpedTo); }

  #jump(index) {
    this.#jumpedTo = this.#items[index].frame;
    this.#stopAt(index);
    this.#store.set({ frame: this.#items[index].frame, playing: false }, "jump");
    this.#mark();
  }

  /** Jumps to the next frame of the list, or with `by` −1 to the previous one. */
  go(by) {
    if (!this.#items.length) return;
    const position = this.#position;
    const next = position < 0 ? (by > 0 ? 0 : this.#items.length - 1) : position + by;
    if (next < 0 || next >= this.#items.length) return;
    this.#jump(next);
    $("list").children[next].scrollIntoView({ block: "nearest" });
  }

  #mark() {
    const { frame } = this.#store.now;
    const here = this.#items.findIndex((one) => one.frame === frame);
    this.#items.forEach((_, index) => {
      const button = this.#button(index);
      button.setAttribute("aria-selected", String(index === here));
      if (index === here) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
    setText($("list-place"), this.#items.length ? `${here >= 0 ? here + 1 : "–"} of ${this.#items.length}` : "");
  }
}

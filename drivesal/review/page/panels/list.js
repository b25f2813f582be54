// The list of frames worth a look, and the way through it: one stop of the Tab key, in which the arrows go.

import { $, make, say } from "../js/dom.js";
import { angle, clock, size } from "../js/format.js";
import { BOTH } from "../js/plan.js";
import { angleBands, largestApart, ordersOf } from "../js/ranking.js";

export default class List {
  static title = "Worst";
  static order = 10;
  static key = "L";
  static help = "worst list";
  static markup = `
  <div class="form">
    <label class="row"><span>order</span> <select id="order"></select></label>
    <label class="row"><span id="band-of">angle</span> <select id="band-preset"></select></label>
    <div class="row"><span class="quiet">left positive</span>
      <span class="pair"><input id="band-from" type="number" step="any" placeholder="from" aria-label="angle from, left positive"> to
      <input id="band-to" type="number" step="any" placeholder="to" aria-label="angle to, left positive"></span></div>
  </div>
  <div class="list-head"><span id="list-place" class="quiet"></span>
    <button type="button" id="list-previous" aria-label="Previous of the list"><kbd>[</kbd> previous</button>
    <button type="button" id="list-next" aria-label="Next of the list">next <kbd>]</kbd></button></div>
  <ol id="list" class="items" role="listbox" aria-label="Frames, worst first"></ol>
  <p id="list-empty" class="quiet empty"></p>
  `;

  #drive; #store; #rows; #order = $("order"); #preset = $("band-preset"); #from = $("band-from"); #to = $("band-to");
  #orders = []; #found = []; #jumped = -1; #stop = 0;

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
    store.on(["model"], (state) => this.#turnTo(state.model));
    store.on(["frame"], () => this.#mark());
    $("list").addEventListener("keydown", (event) => this.#key(event));
    $("list-previous").addEventListener("click", () => this.go(-1));
    $("list-next").addEventListener("click", () => this.go(1));
  }

  /** Keys of its own, see keys.js. */
  get keys() {
    return [["] [", "next, previous of the list", (event) => ["]", "["].includes(event.key), (event) => this.go(event.key === "]" ? 1 : -1)]];
  }

  /** Offers what the drive and its models allow. */
  describe() {
    this.#orders = ordersOf(this.#drive);
    const chosen = this.#order.value;
    const option = ({ key, title }) => make("option", { value: key, text: title });
    const groups = [...new Set(this.#orders.map((one) => one.group))];
    const members = (group) => this.#orders.filter((one) => one.group === group).map(option);
    this.#order.replaceChildren(...groups.flatMap((group) => (group ? [make("optgroup", { label: group }, ...members(group))] : members(group))));
    if (this.#orders.some((one) => one.key === chosen)) this.#order.value = chosen;
    const bands = angleBands(this.#drive.kind);
    this.#preset.replaceChildren(...Object.entries(bands).map(([key, [title]]) => make("option", { value: key, text: title })),
      make("option", { value: "own", text: "own band" }));
    this.fill();
  }

  get #chosen() { return this.#orders.find((one) => one.key === this.#order.value) ?? this.#orders[0]; }

  // whoever looks at one model alone is told of that one
  #turnTo(model) {
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
    say($("band-of"), this.#drive.has_truth ? "true angle" : `predicted${this.#drive.models.length > 1 ? ` by ${"AB"[model]}` : ""}`);
    const from = this.#from.value === "" ? -Infinity : Number(this.#from.value);
    const to = this.#to.value === "" ? Infinity : Number(this.#to.value);
    const [low, high] = from <= to ? [from, to] : [to, from];
    const filtered = low !== -Infinity || high !== Infinity;
    const shown = (i) => this.#store.shown(i) === i; // an exported file names the frames that it has
    const wanted = filtered ? (i) => shown(i) && angles[i] >= low && angles[i] <= high : shown;
    this.#found = largestApart(values(rows), rows.column("time_s", model), wanted);
    this.#draw();
  }

  #draw() {
    const { signed, share, unsided } = this.#chosen;
    const most = this.#found[0]?.value ?? 1;
    const written = signed(this.#rows);
    const inWords = (value) => (share ? `${Math.round(100 * value)} %` : unsided ? size(value) : angle(value));
    const held = $("list").contains(document.activeElement) ? Number(document.activeElement.dataset.frame) : null;
    this.#stop = Math.max(0, this.#found.findIndex((one) => one.frame === (held ?? this.#jumped)));
    $("list").replaceChildren(...this.#found.map(({ frame, value }, place) => {
      const bar = make("span", { class: "bar" });
      bar.style.width = `${(100 * value) / most}%`;
      const button = make("button", {
        type: "button", role: "option", class: "item", "data-frame": frame, tabindex: place === this.#stop ? 0 : -1, on: { click: () => this.#jump(place) },
      }, make("span", { class: "item-value", text: inWords(written[frame]) }),
      make("span", { class: "item-what", text: `${clock(this.#rows.at(0, frame)?.time_s, 1)} · frame ${frame}` }),
      make("span", { class: "item-more", text: this.#more(frame) }), bar);
      return make("li", { role: "none" }, button);
    }));
    if (held !== null) this.#focus(this.#stop);
    for (const id of ["list-previous", "list-next"]) $(id).disabled = !this.#found.length;
    say($("list-empty"), this.#found.length ? "" : this.#rows.length ? "No frame matches." : "Comes with the analysis of the drive.");
    $("list").setAttribute("aria-label", `${this.#chosen.title}: frames, worst first`);
    this.#mark();
  }

  // what was predicted there, and what was true
  #more(frame) {
    const { models } = this.#chosen;
    const two = this.#drive.models.length > 1;
    const said = models.map((model) => `${two ? `${"AB"[model]} ` : ""}${angle(this.#rows.at(model, frame)?.angle)}`);
    if (this.#drive.has_truth) said.push(`true ${angle(this.#rows.at(models[0], frame)?.truth)}`);
    return said.join(" · ");
  }

  // ---- the way through it ----

  #button(place) { return $("list").children[place]?.firstChild; }

  // the one that the Tab key comes to
  #stopAt(place) {
    this.#button(this.#stop)?.setAttribute("tabindex", -1);
    this.#stop = place;
    this.#button(place)?.setAttribute("tabindex", 0);
  }

  #focus(place) {
    this.#stopAt(place);
    this.#button(place)?.focus();
  }

  #key(event) {
    const last = this.#found.length - 1;
    const to = { ArrowDown: this.#stop + 1, ArrowUp: this.#stop - 1, Home: 0, End: last, PageDown: this.#stop + 8, PageUp: this.#stop - 8 }[event.key];
    if (to === undefined || last < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.#focus(Math.max(0, Math.min(last, to)));
  }

  // where one is in the list is where one jumped last, however far one has stepped since
  get #spot() { return this.#found.findIndex((one) => one.frame === this.#jumped); }

  #jump(place) {
    this.#jumped = this.#found[place].frame;
    this.#stopAt(place);
    this.#store.set({ frame: this.#found[place].frame, playing: false }, "jump");
    this.#mark();
  }

  /** The next of the list, or the one before. */
  go(by) {
    if (!this.#found.length) return;
    const spot = this.#spot;
    const place = spot < 0 ? (by > 0 ? 0 : this.#found.length - 1) : spot + by;
    if (place < 0 || place >= this.#found.length) return;
    this.#jump(place);
    $("list").children[place].scrollIntoView({ block: "nearest" });
  }

  #mark() {
    const { frame } = this.#store.now;
    const here = this.#found.findIndex((one) => one.frame === frame);
    this.#found.forEach((_, place) => {
      const button = this.#button(place);
      button.setAttribute("aria-selected", String(place === here));
      if (place === here) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
    say($("list-place"), this.#found.length ? `${here >= 0 ? here + 1 : "–"} of ${this.#found.length}` : "");
  }
}

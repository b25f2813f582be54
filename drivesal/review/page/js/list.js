// The list of frames worth a look, and the way through it.

import { $, make, say } from "./dom.js";
import { angle, clock } from "./format.js";
import { angleBands, largestApart, ORDERS } from "./ranking.js";

export class List {
  #drive; #store; #rows; #order = $("order"); #preset = $("band-preset"); #from = $("band-from"); #to = $("band-to"); #found = []; #jumped = -1;

  constructor(drive, store, rows) {
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
    store.on(["model"], () => this.fill());
    store.on(["frame"], () => this.#mark());
    $("list-previous").addEventListener("click", () => this.go(-1));
    $("list-next").addEventListener("click", () => this.go(1));
  }

  /** Offers what the drive and its models allow. */
  describe() {
    const there = { truth: this.#drive.has_truth, two: this.#drive.models.length > 1 };
    const orders = Object.entries(ORDERS).filter(([, one]) => !one.needs || there[one.needs]);
    const chosen = this.#order.value;
    this.#order.replaceChildren(...orders.map(([name, { title }]) => make("option", { value: name, text: title })));
    if (chosen && orders.some(([name]) => name === chosen)) this.#order.value = chosen;
    const bands = angleBands(this.#drive.kind);
    this.#preset.replaceChildren(...Object.entries(bands).map(([key, [title]]) => make("option", { value: key, text: title })),
      make("option", { value: "own", text: "own band" }));
    say($("band-of"), this.#drive.has_truth ? "true angle" : "predicted angle");
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
    const model = this.#store.now.model === "1" ? 1 : 0;
    const rows = this.#rows;
    const order = ORDERS[this.#order.value];
    const angles = rows.column(this.#drive.has_truth ? "truth" : "angle", model);
    const from = this.#from.value === "" ? -Infinity : Number(this.#from.value);
    const to = this.#to.value === "" ? Infinity : Number(this.#to.value);
    const [low, high] = from <= to ? [from, to] : [to, from];
    const filtered = low !== -Infinity || high !== Infinity;
    const shown = (i) => this.#store.shown(i) === i; // an exported file names the frames that it has
    const wanted = filtered ? (i) => shown(i) && angles[i] >= low && angles[i] <= high : shown;
    this.#found = largestApart(order.values(rows, model), rows.column("time_s", model), wanted);
    this.#draw(model);
  }

  #draw(model) {
    const most = this.#found[0]?.value ?? 1;
    const share = this.#order.value === "moved";
    const items = this.#found.map(({ frame, value }, place) => {
      const row = this.#rows.at(model, frame);
      const bar = make("span", { class: "bar" });
      bar.style.width = `${(100 * value) / most}%`;
      const text = share ? `${Math.round(100 * value)} %` : angle(value).replace(/ [LR]$/, "");
      const truth = this.#drive.has_truth ? ` · true ${angle(row?.truth)}` : "";
      const button = make("button", { type: "button", class: "item", "data-frame": frame, on: { click: () => this.#jump(place) } },
        make("span", { class: "item-value", text }),
        make("span", { class: "item-what", text: `${clock(row?.time_s, 1)} · frame ${frame}` }),
        make("span", { class: "item-more", text: `${angle(row?.angle)}${truth}` }), bar);
      return make("li", {}, button);
    });
    const held = $("list").contains(document.activeElement) ? document.activeElement.dataset.frame : null;
    $("list").replaceChildren(...items);
    if (held !== null) $("list").querySelector(`[data-frame="${held}"]`)?.focus();
    const none = this.#rows.length ? "No frame matches." : "Comes with the analysis of the drive.";
    say($("list-empty"), items.length ? "" : none);
    this.#mark();
  }

  // where one is in the list is where one jumped last, however far one has stepped since
  get #spot() { return this.#found.findIndex((one) => one.frame === this.#jumped); }

  #jump(place) {
    this.#jumped = this.#found[place].frame;
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
    [...$("list").children].forEach((item, place) => {
      if (place === here) item.firstChild.setAttribute("aria-current", "true");
      else item.firstChild.removeAttribute("aria-current");
    });
    say($("list-place"), this.#found.length ? `${here >= 0 ? here + 1 : "–"} of ${this.#found.length}` : "");
  }
}

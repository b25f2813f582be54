// The value of the pixel under the pointer, in the map's unit; a crosshair marks it in every panel.

import * as api from "./api.js";
import { viewQuery } from "./api.js";
import { $, makeSvg, setText } from "./dom.js";
import { short, unitText } from "./format.js";
import { withRequestedCases } from "./plan.js";

const DELAY_MS = 60;
const STEP = 1 / 100;

export class Probe {
  #drive; #store; #stage; #maps = new Map(); #numbers = []; #timer = 0; #controller = new AbortController(); #spot = null;

  constructor(drive, store, stage) {
    this.#drive = drive;
    this.#store = store;
    this.#stage = stage;
    const host = $("panels");
    host.addEventListener("pointermove", (event) => {
      const image = event.target.closest(".image");
      if (!image) return;
      const bounds = image.getBoundingClientRect();
      const x = ((event.clientX - bounds.left) / bounds.width) * drive.width;
      const y = ((event.clientY - bounds.top) / bounds.height) * drive.height;
      this.#moveTo(x, y, image.parentElement.dataset.panel);
    });
    host.addEventListener("pointerleave", () => this.clear());
    stage.addEventListener("numbers", ({ detail }) => { this.#numbers = detail.results; });
    stage.addEventListener("shown", () => { this.#maps.clear(); if (this.#spot && !store.now.playing) this.#load(); });
  }

  clear() {
    this.#spot = null;
    this.#cross();
    setText($("pixel"), "");
  }

  /** Moves the crosshair by keys, starting at the centre of the model's input region. */
  move(right, down) {
    const [left, top, end, bottom] = this.#drive.models[0]?.box ?? [0, 0, this.#drive.width, this.#drive.height];
    const from = this.#spot ?? { x: (left + end) / 2, y: (top + bottom) / 2 };
    const step = STEP * this.#drive.width;
    this.#moveTo(from.x + right * step, from.y + down * step, this.#spot?.panel);
  }

  #moveTo(x, y, panel) {
    const { width, height } = this.#drive;
    this.#spot = { x: Math.max(0, Math.min(width - 1, x)), y: Math.max(0, Math.min(height - 1, y)), panel };
    this.#cross();
    if (this.#store.now.playing) return;
    clearTimeout(this.#timer);
    if (this.#loaded()) this.#show();
    else this.#timer = setTimeout(() => this.#load(), DELAY_MS);
  }

  #cross() {
    for (const panel of this.#stage.panels) {
      panel.overlay.querySelectorAll(".cross").forEach((line) => line.remove());
      if (!this.#spot) continue;
      const { x, y } = this.#spot;
      const { width, height } = this.#drive;
      panel.overlay.append(makeSvg("path", { class: "cross", d: `M${x} 0V${height}M0 ${y}H${width}` }));
    }
  }

  // the panel under the pointer, or all heat panels if the pointer is on the plain frame
  #probed() {
    const heats = this.#stage.panels.map((panel) => panel.spec).filter((spec) => spec && spec.kind !== "frame");
    const under = heats.find((spec) => spec.id === this.#spot?.panel);
    return under ? [under] : heats;
  }

  #loaded() { return this.#probed().every((spec) => this.#maps.has(spec.id)); }

  async #load() {
    this.#controller.abort();
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    const state = this.#store.now;
    const requested = withRequestedCases(this.#drive, state);
    try {
      await Promise.all(this.#probed().filter((spec) => !this.#maps.has(spec.id)).map(async (spec) => {
        const kind = spec.kind === "difference" ? "difference-map" : "map";
        const query = viewQuery(requested, spec.model, { case: spec.case });
        const map = await api.floats(`/api/${kind}/${state.frame}?${query}`, { signal });
        if (this.#store.now === state) this.#maps.set(spec.id, map);
      }));
    } catch { return; } // the panels show the error
    if (this.#spot && !signal.aborted) this.#show();
  }

  #show() {
    const { x, y } = this.#spot;
    const values = this.#probed().map((spec) => this.#value(spec, x, y)).filter(Boolean);
    setText($("pixel"), `x ${Math.floor(x)}, y ${Math.floor(y)} px · ${values.join(" · ")}`);
  }

  #value(spec, x, y) {
    const map = this.#maps.get(spec.id);
    if (!map) return "";
    const whole = [0, 0, this.#drive.width, this.#drive.height];
    const [left, top, right, bottom] = spec.kind === "difference" ? whole : this.#drive.models[spec.model].box;
    const name = spec.kind === "difference" ? "Difference B − A" : spec.title.replace(/ \(.*?\)/, "");
    if (x < left || x >= right || y < top || y >= bottom) return `${name}: outside the model's input`;
    const column = Math.min(map.width - 1, Math.floor(((x - left) / (right - left)) * map.width));
    const row = Math.min(map.height - 1, Math.floor(((y - top) / (bottom - top)) * map.height));
    const value = map.values[row * map.width + column];
    const legend = this.#numbers.find((one) => one.model === spec.model)?.cases.find((one) => one.name === spec.case);
    const share = legend?.full ? ` (${Math.round((100 * value) / legend.full)} % of full)` : "";
    const unit = unitText(legend?.unit ?? "");
    return `${name} ${short(value)}${unit.startsWith("°") ? "" : " "}${unit}${share}`;
  }
}

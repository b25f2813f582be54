// A pixel's value under the pointer, in the map's unit; the same place is marked in every picture.

import * as api from "./api.js";
import { viewQuery } from "./api.js";
import { $, makeSvg, say } from "./dom.js";
import { short, unitText } from "./format.js";
import { asking } from "./plan.js";

const REST_MS = 60;
const STEP = 1 / 100;

export class Probe {
  #drive; #store; #stage; #maps = new Map(); #numbers = []; #timer = 0; #controller = new AbortController(); #spot = null;

  constructor(drive, store, stage) {
    this.#drive = drive;
    this.#store = store;
    this.#stage = stage;
    const host = $("panels");
    host.addEventListener("pointermove", (event) => {
      const picture = event.target.closest(".picture");
      if (!picture) return;
      const place = picture.getBoundingClientRect();
      const x = ((event.clientX - place.left) / place.width) * drive.width;
      const y = ((event.clientY - place.top) / place.height) * drive.height;
      this.#at(x, y, picture.parentElement.dataset.part);
    });
    host.addEventListener("pointerleave", () => this.clear());
    stage.addEventListener("numbers", ({ detail }) => { this.#numbers = detail.found; });
    stage.addEventListener("shown", () => { this.#maps.clear(); if (this.#spot && !store.now.playing) this.#ask(); });
  }

  clear() {
    this.#spot = null;
    this.#cross();
    say($("pixel"), "");
  }

  /** Moves the mark by keys, from the middle of what the model sees. */
  move(right, down) {
    const [left, top, end, bottom] = this.#drive.models[0]?.box ?? [0, 0, this.#drive.width, this.#drive.height];
    const from = this.#spot ?? { x: (left + end) / 2, y: (top + bottom) / 2 };
    const step = STEP * this.#drive.width;
    this.#at(from.x + right * step, from.y + down * step, this.#spot?.part);
  }

  #at(x, y, part) {
    const { width, height } = this.#drive;
    this.#spot = { x: Math.max(0, Math.min(width - 1, x)), y: Math.max(0, Math.min(height - 1, y)), part };
    this.#cross();
    if (this.#store.now.playing) return;
    clearTimeout(this.#timer);
    if (this.#known()) this.#say();
    else this.#timer = setTimeout(() => this.#ask(), REST_MS);
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

  // the panels whose values are told: that under the pointer, or those with heat where it is the frame
  #wanted() {
    const heats = this.#stage.panels.map((panel) => panel.part).filter((part) => part && part.kind !== "frame");
    const under = heats.find((part) => part.id === this.#spot?.part);
    return under ? [under] : heats;
  }

  #known() { return this.#wanted().every((part) => this.#maps.has(part.id)); }

  async #ask() {
    this.#controller.abort();
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    const state = this.#store.now;
    const asked = asking(this.#drive, state);
    try {
      await Promise.all(this.#wanted().filter((part) => !this.#maps.has(part.id)).map(async (part) => {
        const kind = part.kind === "difference" ? "difference-map" : "map";
        const query = viewQuery(asked, part.model, { case: part.case });
        const map = await api.floats(`/api/${kind}/${state.frame}?${query}`, { signal });
        if (this.#store.now === state) this.#maps.set(part.id, map);
      }));
    } catch { return; } // the panels say what is wrong
    if (this.#spot && !signal.aborted) this.#say();
  }

  #say() {
    const { x, y } = this.#spot;
    const values = this.#wanted().map((part) => this.#value(part, x, y)).filter(Boolean);
    say($("pixel"), `x ${Math.floor(x)}, y ${Math.floor(y)} px · ${values.join(" · ")}`);
  }

  #value(part, x, y) {
    const map = this.#maps.get(part.id);
    if (!map) return "";
    const whole = [0, 0, this.#drive.width, this.#drive.height];
    const [left, top, right, bottom] = part.kind === "difference" ? whole : this.#drive.models[part.model].box;
    const name = part.kind === "difference" ? "difference B − A" : part.title.replace(/ \(.*?\)/, "");
    if (x < left || x >= right || y < top || y >= bottom) return `${name}: the model does not see this`;
    const column = Math.min(map.width - 1, Math.floor(((x - left) / (right - left)) * map.width));
    const row = Math.min(map.height - 1, Math.floor(((y - top) / (bottom - top)) * map.height));
    const value = map.values[row * map.width + column];
    const legend = this.#numbers.find((one) => one.model === part.model)?.cases.find((one) => one.name === part.case);
    const share = legend?.full ? ` (${Math.round((100 * value) / legend.full)} % of full)` : "";
    const unit = unitText(legend?.unit ?? "");
    return `${name} ${short(value)}${unit.startsWith("°") ? "" : " "}${unit}${share}`;
  }
}

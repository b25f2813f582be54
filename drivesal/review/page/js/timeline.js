// The whole drive on one line: angles, error, attribution, its change; where to look; where one is.

import { errorBands, jumpBands } from "./bands.js";
import { Chart } from "./chart.js";
import { charts } from "./charts.js";
import { $, make, remembered, say } from "./dom.js";
import { angle, clock, errorInWords } from "./format.js";
import { failure } from "./notices.js";
import { frameOf, timeOf, timeTicks } from "./ticks.js";

const ZOOM = 1.6;
const BANDS = [
  { key: "error", colour: "--band-error", text: "error above 2 × RMSE" },
  { key: "jump", colour: "--band-jump", text: "attribution jumps, picture does not" },
];

export class Timeline {
  #drive; #store; #rows; #chart; #cursor = $("cursor"); #shares; #withMaintain; #rowsOf = []; #notes = []; #built = 0; #building = Promise.resolve();

  constructor(drive, store, rows) {
    this.#drive = drive;
    this.#store = store;
    this.#rows = rows;
    this.#shares = remembered.get("shares", false);
    this.#withMaintain = remembered.get("maintain", false);
    this.#chart = new Chart($("chart"), drive.frames);
    this.#chart.addEventListener("range", () => this.#ranged());
    this.#chart.addEventListener("sized", () => this.#labels());
    this.#chart.addEventListener("tap", ({ detail }) => store.set({ frame: clamp(detail.frame, drive.frames) }, "jump"));
    store.on(["frame"], () => { this.#follow(); this.#place(); });
    store.on(["model"], () => this.#fill());
    rows.addEventListener("rows", () => this.#fill());
    const host = $("chart");
    host.addEventListener("dblclick", () => this.all());
    host.addEventListener("pointermove", (event) => this.#hover(event));
    host.addEventListener("pointerleave", () => say($("hover"), ""));
    for (const [id, act] of Object.entries({ "see-all": () => this.all(), "zoom-in": () => this.zoom(ZOOM), "zoom-out": () => this.zoom(1 / ZOOM) })) {
      $(id).addEventListener("click", act);
    }
    this.#toggle("shares", this.#shares, (on) => { this.#shares = on; });
    this.#toggle("with-maintain", this.#withMaintain, (on) => { this.#withMaintain = on; });
    this.build().catch((error) => failure(`The timeline cannot be drawn: ${error.message}`));
  }

  #toggle(id, start, take) {
    $(id).checked = start;
    $(id).addEventListener("change", () => {
      take($(id).checked);
      remembered.set(id === "shares" ? "shares" : "maintain", $(id).checked);
      this.#fill();
    });
  }

  /** Builds the charts; again when it is known how many models there are. */
  build() {
    const last = this.#building.catch(() => undefined);
    this.#building = last.then(() => this.#build());
    return this.#building;
  }

  async #build() {
    await charts();
    const models = Math.max(this.#drive.models.length, 1);
    if (this.#built !== models) {
      this.#built = 0;
      this.#rowsOf = this.#describe();
      await this.#chart.build(this.#rowsOf, BANDS);
      this.#built = models;
    }
    this.#labels();
    this.#fill();
  }

  #describe() {
    const two = this.#drive.models.length > 1;
    const truth = this.#drive.has_truth;
    const predicted = [{ key: "a", colour: "--predicted", text: two ? "A predicted" : "predicted" }];
    if (two) predicted.push({ key: "b", colour: "--predicted-b", text: "B predicted" });
    const errors = [{ key: "a", colour: two ? "--predicted" : "--error", text: two ? "A" : "" }];
    if (two) errors.push({ key: "b", colour: "--predicted-b", text: "B" });
    return [
      { key: "angle", title: "angle", note: "left is up", weight: 2.2, bands: ["error", "jump"],
        lines: [...(truth ? [{ key: "truth", colour: "--truth", text: "true", width: 3.5, alpha: 0.75 }] : []), ...predicted] },
      ...(truth ? [{ key: "error", title: "error", note: "pred. − true", weight: 1.2, bands: ["error"], lines: errors }] : []),
      { key: "attribution", title: "attribution", note: "", weight: 1.3, bands: ["jump"], lines: [
        { key: "magnitude", colour: "--case-magnitude", text: "magnitude" },
        { key: "maintain", colour: "--case-maintain", text: "maintain" },
        { key: "decrease", colour: "--case-decrease", text: "decrease" }, { key: "increase", colour: "--case-increase", text: "increase" }] },
      { key: "moved", title: "change", note: "% moved", weight: 1, bands: ["jump"], lines: [{ key: "moved", colour: "--moved", text: "" }] },
    ];
  }

  repaint() {
    this.#chart.repaint();
    this.#labels();
  }

  all() { this.#chart.range = [0, this.#drive.frames - 1]; }

  /** Closer by `factor` around the frame in view. */
  zoom(factor) {
    const [from, to] = this.#chart.range;
    const { frame } = this.#store.now;
    const about = frame >= from && frame <= to ? frame : (from + to) / 2;
    this.#chart.range = [about - (about - from) / factor, about + (to - about) / factor];
  }

  get range() { return this.#chart.range; }

  notes(frames) {
    this.#notes = frames;
    if (this.#built) this.#chart.marks(this.#notes);
  }

  // ---- filling ----

  #fill() {
    if (!this.#built) return;
    const model = this.#store.now.model === "1" ? 1 : 0;
    const rows = this.#rows;
    const chart = this.#chart;
    const column = (name, of = model) => rows.column(name, of);
    const keys = rows.models > 1 ? ["a", "b"] : ["a"];
    chart.put("angle", "truth", column("truth"));
    keys.forEach((key, of) => {
      chart.put("angle", key, column("angle", of));
      if (this.#drive.has_truth) chart.put("error", key, minus(column("angle", of), column("truth", of)));
    });
    if (rows.length) this.#attribution(column);
    chart.put("moved", "moved", column("moved").map((value) => 100 * value));
    this.#limits(keys, column);
    this.#bandsOf(column);
    chart.marks(this.#notes);
    chart.redraw();
    this.#place();
  }

  #attribution(column) {
    const increase = column("increase");
    const decrease = column("decrease");
    const shares = this.#shares;
    const rows = this.#rows;
    const signed = rows.totals?.signed ?? true;
    const share = (part, other) => part.map((value, i) => (100 * value) / (value + other[i]));
    const up = shares ? share(increase, decrease) : increase;
    const down = shares ? share(decrease, increase) : decrease;
    const top = !signed ? 1.05 * usualTop(column("magnitude")) : shares ? 100 : 1.05 * Math.max(usualTop(up), usualTop(down));
    this.#chart.put("attribution", "magnitude", column("magnitude"), !signed);
    this.#chart.put("attribution", "increase", up, signed);
    this.#chart.put("attribution", "decrease", down, signed);
    // maintain has a unit of its own: it is drawn as a share of its largest
    const scale = top / 1.05 / (largest(column("maintain")) || 1);
    this.#chart.put("attribution", "maintain", column("maintain").map((value) => value * scale), this.#withMaintain);
    this.#chart.limits("attribution", 0, top);
    this.#labels();
  }

  #limits(keys, column) {
    const angles = [column("truth"), ...keys.map((_, of) => column("angle", of))];
    const low = Math.min(0, ...angles.map((values) => -largest(values.map((value) => -value))));
    const high = Math.max(0, ...angles.map(largest));
    const room = 0.08 * (high - low) || 1;
    this.#chart.limits("angle", low - room, high + room);
    if (this.#drive.has_truth) {
      const most = 1.08 * Math.max(...keys.map((_, of) => largest(minus(column("angle", of), column("truth", of)).map(Math.abs))), 1e-6);
      this.#chart.limits("error", -most, most);
    }
    this.#chart.limits("moved", 0, Math.max(105 * largest(column("moved")), 1));
  }

  #bandsOf(column) {
    const times = column("time_s");
    const found = {
      error: errorBands(times, column("angle"), column("truth")),
      jump: jumpBands(times, column("moved"), column("changed")),
    };
    this.#rows.limit = found.error.limit;
    this.#rows.dispatchEvent(new Event("limit"));
    const legend = BANDS.filter((band) => band.key !== "error" || this.#drive.has_truth).map((band) => {
      const { bands, limit } = found[band.key];
      this.#chart.band(band.key, bands);
      const swatch = make("span", { class: `band-swatch ${band.key}` });
      const detail = !Number.isFinite(limit) ? "" : band.key === "error" ? ` (${angle(limit).replace(/ [LR]$/, "")})` : ` (> ${Math.round(100 * limit)} %)`;
      return make("span", { class: "band", "data-band": band.key, "data-count": bands.length },
        swatch, make("span", { text: `${band.text}${detail}: ${bands.length}` }));
    });
    $("bands").replaceChildren(...legend);
  }

  // ---- names of the rows, beside them ----

  #labels() {
    const { heights } = this.#chart;
    if (!heights || !this.#rowsOf.length) return;
    $("row-labels").replaceChildren(...this.#rowsOf.map((row, i) => {
      const { totals, instead } = this.#rows;
      const hidden = (totals?.signed ?? true) ? ["magnitude"] : ["increase", "decrease"];
      if (!this.#withMaintain) hidden.push("maintain");
      const lines = row.lines.filter((line) => line.text && !hidden.includes(line.key));
      // whose totals they are stands there always: they may not be those of the method in view
      const of = [totals?.of?.method ?? "total", this.#shares ? "%" : ""].filter(Boolean).join(", ");
      const note = row.key === "attribution" ? of : row.note;
      const about = ["attribution", "moved"].includes(row.key) && totals?.name
        ? `of ${totals.name}${instead ? `; of the method in view: ${instead}` : ""}` : null;
      const label = make("div", { class: "row-label", title: about, "data-instead": row.key === "attribution" && instead ? instead : null }, make("strong", { text: row.title }), make("span", { class: "note", text: note }),
        ...lines.map((line) => {
          const swatch = make("span", { class: "line-swatch" });
          swatch.style.background = `var(${line.colour})`;
          return make("span", { class: "key" }, swatch, line.text);
        }));
      label.style.height = `${heights[i]}px`;
      return label;
    }));
  }

  // ---- where one is ----

  #ranged() {
    const times = this.#rows.column("time_s");
    const { rate } = this.#drive;
    const [from, to] = this.#chart.range;
    const { ticks, labels } = timeTicks(from, to, this.#chart.across,
      (frame) => timeOf(times, rate, frame), (time) => frameOf(times, rate, time));
    this.#chart.ticks(ticks, labels);
    Object.assign($("chart").dataset, { from: from.toFixed(1), to: to.toFixed(1) });
    $("see-all").disabled = to - from >= this.#drive.frames - 1.5;
    this.#place();
  }

  #place() {
    const { frame } = this.#store.now;
    const [from, to] = this.#chart.range;
    this.#cursor.hidden = frame < from || frame > to;
    this.#cursor.style.transform = `translateX(${this.#chart.placeOf(frame)}px)`;
  }

  // a frame that left the part in view brings it along
  #follow() {
    const { frame } = this.#store.now;
    const [from, to] = this.#chart.range;
    if (frame >= from && frame <= to) return;
    const width = to - from;
    const start = this.#store.now.playing ? frame - 0.05 * width : frame - width / 2;
    this.#chart.range = [start, start + width];
  }

  #hover(event) {
    const frame = Math.round(this.#chart.frameAt(event.clientX - $("chart").getBoundingClientRect().left));
    if (frame < 0 || frame >= this.#drive.frames) return;
    const models = this.#rows.models > 1 ? [0, 1] : [0];
    const found = models.map((model) => this.#rows.at(model, frame)).filter(Boolean);
    if (!found.length) { say($("hover"), `frame ${frame}, not analysed yet`); return; }
    const [first] = found;
    const shown = this.#store.shown(frame);
    const name = shown === frame ? `frame ${frame}` : `frame ${frame} (in this file: ${shown})`;
    const parts = [clock(first.time_s), name, `predicted ${found.map((one) => angle(one.angle)).join(" / ")}`];
    if (first.truth !== null) parts.push(`true ${angle(first.truth)}`, errorInWords(first.angle - first.truth));
    say($("hover"), parts.join(" · "));
  }
}

const clamp = (frame, frames) => Math.max(0, Math.min(frames - 1, frame));
const minus = (a, b) => a.map((value, i) => value - b[i]);

// one wild frame must not press all others flat: it may leave the row at its top
function usualTop(values) {
  const sorted = Float64Array.from(values.filter(Number.isFinite)).sort();
  return sorted.length ? Math.min(sorted.at(-1), 3 * sorted[Math.floor(0.99 * (sorted.length - 1))]) : 0;
}

function largest(values) {
  let most = -Infinity;
  for (const value of values) if (value > most) most = value;
  return Number.isFinite(most) ? most : 0;
}

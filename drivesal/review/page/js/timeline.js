// The whole drive on one line: angles, error, attribution, its change; where to look; where one is.

import { Chart } from "./chart.js";
import { charts } from "./charts.js";
import { $, make, remembered, say } from "./dom.js";
import { angle, clock, errorInWords } from "./format.js";
import { failure } from "./notices.js";
import { APART, BOTH, timelineOf } from "./plan.js";
import { bandsOf, rowsOf, rulesOf, shownLanes, totalUnit, values } from "./series.js";
import { frameOf, timeOf, timeTicks } from "./ticks.js";

const ZOOM = 1.6;
const TWICE_MS = 250; // within which a second click makes a double click
const PAGE = 0.1;     // of what is in view: how far PageUp and PageDown go
const BANDS = [{ key: "error", colour: "--band-error" }, { key: "jump", colour: "--band-jump" }];

export class Timeline {
  #drive; #store; #rows; #chart; #cursor = $("cursor"); #shares; #ticked = []; #rowsOf = []; #notes = []; #built = ""; #pointed = false; #building = Promise.resolve(); #click = 0;

  constructor(drive, store, rows) {
    this.#drive = drive;
    this.#store = store;
    this.#rows = rows;
    this.#shares = remembered.get("shares", false);
    this.#chart = new Chart($("chart"), drive.frames);
    this.#chart.addEventListener("range", () => this.#ranged());
    this.#chart.addEventListener("sized", () => this.#labels());
    this.#chart.addEventListener("tap", ({ detail }) => this.#tapped(detail.frame));
    store.on(["frame"], () => { this.#follow(); this.#place(); });
    store.on(["of"], () => this.#fill());
    // of one model alone the timeline shows that one
    store.on(["model"], (state) => { if (state.model !== BOTH) store.set({ of: state.model }); });
    $("of").addEventListener("change", () => store.set({ of: $("of").value }));
    rows.addEventListener("rows", () => this.#fill());
    const host = $("chart");
    host.addEventListener("dblclick", () => { clearTimeout(this.#click); this.all(); });
    host.addEventListener("keydown", (event) => this.#key(event));
    host.addEventListener("pointermove", (event) => this.#hover(event));
    host.addEventListener("pointerleave", () => { this.#pointed = false; this.#rest(); });
    for (const [id, act] of Object.entries({ "see-all": () => this.all(), "zoom-in": () => this.zoom(ZOOM), "zoom-out": () => this.zoom(1 / ZOOM) })) {
      $(id).addEventListener("click", act);
    }
    this.#toggle($("shares"), "shares", (on) => { this.#shares = on; });
    this.#boxes();
    this.build().catch((error) => failure(`The timeline cannot be drawn: ${error.message}`));
  }

  #toggle(box, name, take) {
    box.checked = remembered.get(name, false);
    box.addEventListener("change", () => {
      take(box.checked);
      remembered.set(name, box.checked);
      this.#fill();
    });
  }

  // a box for each lane that is not usual
  #boxes() {
    $("lanes").replaceChildren(...this.#drive.lanes.filter((one) => !one.usual).map(({ case: name }) => {
      const box = make("input", { id: `with-${name}`, type: "checkbox" });
      const take = (on) => { this.#ticked = on ? [...this.#ticked, name] : this.#ticked.filter((one) => one !== name); };
      this.#toggle(box, `lane.${name}`, take);
      take(box.checked);
      return make("label", { class: "check" }, box, ` ${name}`);
    }));
  }

  get #lanes() { return shownLanes(this.#drive.lanes, this.#rows, this.#ticked); }

  /** Builds the charts; again when it is known how many models there are. */
  build() {
    const last = this.#building.catch(() => undefined);
    this.#building = last.then(() => this.#build());
    return this.#building;
  }

  async #build() {
    await charts();
    const wanted = `${Math.max(this.#drive.models.length, 1)} ${this.#drive.has_truth}`;
    this.#choice();
    if (this.#built !== wanted) {
      this.#built = "";
      this.#rowsOf = rowsOf(this.#drive);
      await this.#chart.build(this.#rowsOf, BANDS);
      this.#built = wanted;
    }
    this.#labels();
    this.#fill();
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

  // whose attribution and bands are shown is a choice where there are two models
  #choice() {
    const { models } = this.#drive;
    $("of-box").hidden = models.length < 2;
    $("of").replaceChildren(...models.map((one, number) => make("option", { value: String(number), text: `${"AB"[number]}: ${one.name}` })),
      make("option", { value: APART, text: "B − A" }));
  }

  get #of() { return timelineOf(this.#drive, this.#store.now); }

  #fill() {
    if (!this.#built) return;
    const of = this.#of;
    const chart = this.#chart;
    $("of").value = String(of);
    const lanes = this.#lanes;
    const found = values(this.#rows, of, { truth: this.#drive.has_truth, shares: this.#shares, lanes });
    for (const { case: name } of this.#drive.lanes) chart.put("attribution", name, [], false);
    for (const [row, lines] of Object.entries(found)) {
      for (const [line, column] of Object.entries(lines)) chart.put(row, line, column);
    }
    chart.rules(rulesOf(found, of));
    this.#bands(of);
    this.#labels();
    chart.marks(this.#notes);
    chart.redraw();
    this.#place();
    if (!this.#pointed) this.#rest();
  }

  #bands(of) {
    const found = bandsOf(this.#rows, of);
    this.#rows.limits = found.limits;
    this.#rows.dispatchEvent(new Event("limit"));
    const legend = BANDS.filter(({ key }) => key !== "error" || this.#drive.has_truth || of === APART).map(({ key }) => {
      const { bands, text, hint } = found[key];
      this.#chart.band(key, bands);
      return make("span", { class: "band", "data-band": key, "data-count": bands.length, title: `${text}. ${hint}` },
        make("span", { class: `band-swatch ${key}` }), make("span", { text: this.#rows.length ? `${text}: ${bands.length}` : text }));
    });
    if (!legend.some((one) => one.dataset.band === "error")) this.#chart.band("error", []);
    $("bands").replaceChildren(...legend);
  }

  // ---- names of the rows, beside them ----

  #labels() {
    const { heights } = this.#chart;
    if (!heights || !this.#rowsOf.length) return;
    const whose = this.#whose();
    const lanes = this.#lanes.map((one) => one.case);
    $("row-labels").replaceChildren(...this.#rowsOf.map((row, i) => {
      const lines = row.lines.filter((line) => line.text && (row.key !== "attribution" || lanes.includes(line.key)));
      const note = row.key === "attribution" ? this.#attributionNote() : row.key === "moved" ? whose + row.note : row.note;
      const instead = row.key === "attribution" && this.#rows.instead;
      const label = make("div", { class: "row-label", title: ["attribution", "moved"].includes(row.key) ? this.#about() : null, "data-instead": instead || null },
        make("strong", { text: row.title }), make("span", { class: "note", text: note }),
        ...lines.map((line) => {
          const swatch = make("span", { class: "line-swatch" });
          swatch.style.background = `var(${line.colour})`;
          return make("span", { class: "key" }, swatch, line.text);
        }));
      label.style.height = `${heights[i]}px`;
      return label;
    }));
  }

  #whose() {
    if (this.#drive.models.length < 2) return "";
    return this.#of === APART ? "B − A, " : `${"AB"[this.#of]}, `;
  }

  // which method's totals they are stands there always: it may be another one than that in view
  #attributionNote() {
    const { totals, instead } = this.#rows;
    const { method } = this.#store.now;
    const name = totals?.of?.method ?? "total";
    const unit = this.#shares && (totals?.signed ?? true) ? "shares %" : totalUnit(this.#rows);
    return `${this.#whose()}${instead && name !== method ? `${name}, not ${method}` : name}, ${unit}`;
  }

  // the same at length
  #about() {
    const { totals, instead } = this.#rows;
    if (!totals?.name) return "";
    if (!instead) return `of ${totals.name}`;
    const title = this.#drive.methods.find((one) => one.name === this.#store.now.method)?.title ?? "the method in view";
    return `${title}: ${instead}. Attribution and change are those of ${totals.name}.`;
  }

  // where nothing else is to be said it tells why another method's totals stand there
  #rest() {
    const text = this.#rows.instead ? this.#about() : "";
    say($("hover"), text);
    $("hover").title = text;
  }

  // ---- where one is ----

  // a double click shows the whole drive and goes nowhere: while there is more to show, a click waits for a second one
  #tapped(frame) {
    const jump = () => this.#store.set({ frame: clamp(frame, this.#drive.frames) }, "jump");
    clearTimeout(this.#click);
    if (this.#chart.whole) jump();
    else this.#click = setTimeout(jump, TWICE_MS);
  }

  #key(event) {
    const pages = { PageUp: 1, PageDown: -1 }[event.key];
    if (!pages || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [from, to] = this.#chart.range;
    const step = Math.max(1, Math.round(PAGE * (to - from)));
    this.#store.set({ frame: clamp(this.#store.now.frame + pages * step, this.#drive.frames), playing: false }, "step");
  }

  #ranged() {
    const times = this.#rows.column("time_s");
    const { rate } = this.#drive;
    const [from, to] = this.#chart.range;
    const { ticks, labels } = timeTicks(from, to, this.#chart.across,
      (frame) => timeOf(times, rate, frame), (time) => frameOf(times, rate, time));
    this.#chart.ticks(ticks, labels);
    Object.assign($("chart").dataset, { from: from.toFixed(1), to: to.toFixed(1) });
    $("see-all").disabled = this.#chart.whole;
    this.#place();
  }

  #place() {
    const { frame } = this.#store.now;
    const [from, to] = this.#chart.range;
    this.#cursor.hidden = frame < from || frame > to;
    this.#cursor.style.transform = `translateX(${this.#chart.placeOf(frame)}px)`;
    const words = this.#words(frame);
    const host = $("chart");
    host.setAttribute("aria-valuenow", frame);
    host.setAttribute("aria-valuemax", this.#drive.frames - 1);
    host.setAttribute("aria-valuetext", words);
    host.setAttribute("aria-label", `Timeline of the drive: ${words}`);
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
    this.#pointed = true;
    say($("hover"), this.#words(frame));
    $("hover").title = "";
  }

  /** A frame's numbers in one line. */
  #words(frame) {
    const models = this.#rows.models > 1 ? [0, 1] : [0];
    const found = models.map((model) => this.#rows.at(model, frame));
    if (!found.every(Boolean)) return `frame ${frame}, not analysed yet`;
    const { time_s: time, truth } = found[0];
    const shown = this.#store.shown(frame);
    const parts = [clock(time), shown === frame ? `frame ${frame}` : `frame ${frame} (in this file: ${shown})`];
    if (truth !== null) parts.push(`true ${angle(truth)}`);
    found.forEach((one, model) => {
      const error = truth === null || one.angle === null ? "" : `, ${errorInWords(one.angle - truth)}`;
      parts.push(`${found.length > 1 ? `${"AB"[model]} ` : "predicted "}${angle(one.angle)}${error}`);
    });
    return parts.join(" · ");
  }
}

const clamp = (frame, frames) => Math.max(0, Math.min(frames - 1, frame));

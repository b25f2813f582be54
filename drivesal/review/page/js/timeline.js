// The timeline: angles, error, attribution and its change over the drive, bands of notable frames, the current frame.

import { Chart } from "./chart.js";
import { loadBokeh } from "./bokeh-loader.js";
import { $, make, preferences, setText } from "./dom.js";
import { angle, capitalised, clock, errorText } from "./format.js";
import { failure } from "./notices.js";
import { DIFFERENCE, BOTH, timelineModel } from "./plan.js";
import { bandsOf, rowsOf, rulesOf, shownLanes, totalUnit, values } from "./series.js";
import { frameOf, timeOf, timeTicks } from "./ticks.js";

const ZOOM = 1.6;
const DOUBLE_CLICK_MS = 250;
const PAGE = 0.1;     // step of PageUp and PageDown, as a share of the visible range
const BANDS = [{ key: "error", colour: "--band-error" }, { key: "jump", colour: "--band-jump" }];

export class Timeline {
  #drive; #store; #rows; #chart; #cursor = $("cursor"); #shares; #extraLanes = []; #rowsOf = []; #notes = []; #built = ""; #hovered = false; #building = Promise.resolve(); #click = 0;

  constructor(drive, store, rows) {
    this.#drive = drive;
    this.#store = store;
    this.#rows = rows;
    this.#shares = preferences.get("shares", false);
    this.#chart = new Chart($("chart"), drive.frames);
    this.#chart.addEventListener("range", () => this.#rangeChanged());
    this.#chart.addEventListener("sized", () => this.#labels());
    this.#chart.addEventListener("tap", ({ detail }) => this.#clicked(detail.frame));
    store.on(["frame"], () => { this.#follow(); this.#updateCursor(); });
    store.on(["of"], () => this.#fill());
    // with a single model selected, the timeline shows that model
    store.on(["model"], (state) => { if (state.model !== BOTH) store.set({ of: state.model }); });
    $("of").addEventListener("change", () => store.set({ of: $("of").value }));
    rows.addEventListener("rows", () => this.#fill());
    const host = $("chart");
    host.addEventListener("dblclick", () => { clearTimeout(this.#click); this.all(); });
    host.addEventListener("keydown", (event) => this.#key(event));
    host.addEventListener("pointermove", (event) => this.#hover(event));
    host.addEventListener("pointerleave", () => { this.#hovered = false; this.#showIdleText(); });
    for (const [id, act] of Object.entries({ "see-all": () => this.all(), "zoom-in": () => this.zoom(ZOOM), "zoom-out": () => this.zoom(1 / ZOOM) })) {
      $(id).addEventListener("click", act);
    }
    this.#toggle($("shares"), "shares", (on) => { this.#shares = on; });
    this.#laneBoxes();
    this.build().catch((error) => failure(`The timeline could not be drawn: ${error.message}`));
  }

  #toggle(box, name, apply) {
    box.checked = preferences.get(name, false);
    box.addEventListener("change", () => {
      apply(box.checked);
      preferences.set(name, box.checked);
      this.#fill();
    });
  }

  // a check box for each lane that is hidden by default
  #laneBoxes() {
    $("lanes").replaceChildren(...this.#drive.lanes.filter((one) => !one.usual).map(({ case: name }) => {
      const box = make("input", { id: `with-${name}`, type: "checkbox" });
      const apply = (on) => { this.#extraLanes = on ? [...this.#extraLanes, name] : this.#extraLanes.filter((one) => one !== name); };
      this.#toggle(box, `lane.${name}`, apply);
      apply(box.checked);
      return make("label", { class: "check" }, box, ` ${capitalised(name)}`);
    }));
  }

  get #lanes() { return shownLanes(this.#drive.lanes, this.#rows, this.#extraLanes); }

  /** Builds the charts, and again once the number of models is known. */
  build() {
    const last = this.#building.catch(() => undefined);
    this.#building = last.then(() => this.#build());
    return this.#building;
  }

  async #build() {
    await loadBokeh();
    const variant = `${Math.max(this.#drive.models.length, 1)} ${this.#drive.has_truth}`;
    this.#modelChoice();
    if (this.#built !== variant) {
      this.#built = "";
      this.#rowsOf = rowsOf(this.#drive);
      await this.#chart.build(this.#rowsOf, BANDS);
      this.#built = variant;
    }
    this.#labels();
    this.#fill();
  }

  repaint() {
    this.#chart.repaint();
    this.#labels();
  }

  all() { this.#chart.range = [0, this.#drive.frames - 1]; }

  /** Zooms in by `factor` around the current frame. */
  zoom(factor) {
    const [from, to] = this.#chart.range;
    const { frame } = this.#store.now;
    const center = frame >= from && frame <= to ? frame : (from + to) / 2;
    this.#chart.range = [center - (center - from) / factor, center + (to - center) / factor];
  }

  get range() { return this.#chart.range; }

  notes(frames) {
    this.#notes = frames;
    if (this.#built) this.#chart.marks(this.#notes);
  }

  // ---- filling ----

  // with two models, users choose whose attribution and bands are shown
  #modelChoice() {
    const { models } = this.#drive;
    $("of-box").hidden = models.length < 2;
    $("of").replaceChildren(...models.map((one, number) => make("option", { value: String(number), text: `${"AB"[number]}: ${one.name}` })),
      make("option", { value: DIFFERENCE, text: "B − A" }));
  }

  get #of() { return timelineModel(this.#drive, this.#store.now); }

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
    this.#updateCursor();
    if (!this.#hovered) this.#showIdleText();
  }

  #bands(of) {
    const found = bandsOf(this.#rows, of);
    this.#rows.limits = found.limits;
    this.#rows.dispatchEvent(new Event("limit"));
    const legend = BANDS.filter(({ key }) => key !== "error" || this.#drive.has_truth || of === DIFFERENCE).map(({ key }) => {
      const { bands, text, hint } = found[key];
      this.#chart.band(key, bands);
      return make("span", { class: "band", "data-band": key, "data-count": bands.length, title: `${text}. ${hint}` },
        make("span", { class: `band-swatch ${key}` }), make("span", { text: this.#rows.length ? `${text}: ${bands.length}` : text }));
    });
    if (!legend.some((one) => one.dataset.band === "error")) this.#chart.band("error", []);
    $("bands").replaceChildren(...legend);
  }

  // ---- row labels ----

  #labels() {
    const { heights } = this.#chart;
    if (!heights || !this.#rowsOf.length) return;
    const whose = this.#modelPrefix();
    const lanes = this.#lanes.map((one) => one.case);
    $("row-labels").replaceChildren(...this.#rowsOf.map((row, i) => {
      const lines = row.lines.filter((line) => line.text && (row.key !== "attribution" || lanes.includes(line.key)));
      const note = row.key === "attribution" ? this.#attributionNote() : row.key === "moved" ? whose + row.note : row.note;
      const instead = row.key === "attribution" && this.#rows.instead;
      const label = make("div", { class: "row-label", title: ["attribution", "moved"].includes(row.key) ? this.#totalsText() : null, "data-instead": instead || null },
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

  #modelPrefix() {
    if (this.#drive.models.length < 2) return "";
    return this.#of === DIFFERENCE ? "B − A, " : `${"AB"[this.#of]}, `;
  }

  // always names the method of the totals: it may differ from the selected one
  #attributionNote() {
    const { totals, instead } = this.#rows;
    const { method } = this.#store.now;
    const name = totals?.of?.method ?? "total";
    const unit = this.#shares && (totals?.signed ?? true) ? "shares in %" : totalUnit(this.#rows);
    return `${this.#modelPrefix()}${instead && name !== method ? `${name}, not ${method}` : name}, ${unit}`;
  }

  // the same in full
  #totalsText() {
    const { totals, instead } = this.#rows;
    if (!totals?.name) return "";
    if (!instead) return `Method: ${totals.name}`;
    const title = this.#drive.methods.find((one) => one.name === this.#store.now.method)?.title ?? "The selected method";
    return `${title}: ${instead}. Attribution and change are those of ${totals.name}.`;
  }

  // without a hovered frame, explains why another method's totals are shown
  #showIdleText() {
    const text = this.#rows.instead ? this.#totalsText() : "";
    setText($("hover"), text);
    $("hover").title = text;
  }

  // ---- the current frame ----

  // a double click zooms out and does not jump: unless the whole drive is visible, a click waits for a second one
  #clicked(frame) {
    const jump = () => this.#store.set({ frame: clamp(frame, this.#drive.frames) }, "jump");
    clearTimeout(this.#click);
    if (this.#chart.whole) jump();
    else this.#click = setTimeout(jump, DOUBLE_CLICK_MS);
  }

  #key(event) {
    const pages = { PageUp: 1, PageDown: -1 }[event.key];
    if (!pages || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [from, to] = this.#chart.range;
    const step = Math.max(1, Math.round(PAGE * (to - from)));
    this.#store.set({ frame: clamp(this.#store.now.frame + pages * step, this.#drive.frames), playing: false }, "step");
  }

  #rangeChanged() {
    const times = this.#rows.column("time_s");
    const { rate } = this.#drive;
    const [from, to] = this.#chart.range;
    const { ticks, labels } = timeTicks(from, to, this.#chart.plotWidth,
      (frame) => timeOf(times, rate, frame), (time) => frameOf(times, rate, time));
    this.#chart.ticks(ticks, labels);
    Object.assign($("chart").dataset, { from: from.toFixed(1), to: to.toFixed(1) });
    $("see-all").disabled = this.#chart.whole;
    this.#updateCursor();
  }

  #updateCursor() {
    const { frame } = this.#store.now;
    const [from, to] = this.#chart.range;
    this.#cursor.hidden = frame < from || frame > to;
    this.#cursor.style.transform = `translateX(${this.#chart.xOf(frame)}px)`;
    const text = this.#frameText(frame);
    const host = $("chart");
    host.setAttribute("aria-valuenow", frame);
    host.setAttribute("aria-valuemax", this.#drive.frames - 1);
    host.setAttribute("aria-valuetext", text);
    host.setAttribute("aria-label", `Timeline of the drive: ${text}`);
  }

  // scrolls so that the current frame stays visible
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
    this.#hovered = true;
    setText($("hover"), this.#frameText(frame));
    $("hover").title = "";
  }

  /** The numbers of a frame in one line. */
  #frameText(frame) {
    const models = this.#rows.models > 1 ? [0, 1] : [0];
    const found = models.map((model) => this.#rows.at(model, frame));
    if (!found.every(Boolean)) return `frame ${frame}, not analysed yet`;
    const { time_s: time, truth } = found[0];
    const shown = this.#store.shown(frame);
    const texts = [clock(time), shown === frame ? `frame ${frame}` : `frame ${frame} (in this file: ${shown})`];
    if (truth !== null) texts.push(`label ${angle(truth)}`);
    found.forEach((one, model) => {
      const error = truth === null || one.angle === null ? "" : `, ${errorText(one.angle - truth)}`;
      texts.push(`${found.length > 1 ? `${"AB"[model]} ` : "prediction "}${angle(one.angle)}${error}`);
    });
    return texts.join(" · ");
  }
}

const clamp = (frame, frames) => Math.max(0, Math.min(frames - 1, frame));

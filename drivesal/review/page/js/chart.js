// Bokeh, and all that is known of it: rows of lines over one axis of frames, bands behind them, marks on top.
// No formatter or callback written as text is used: the page's policy forbids code made of strings.

/* global Bokeh */

import { colour } from "./dom.js";
import { decimate } from "./decimate.js";
import { extent } from "./extent.js";
import { valueTicks } from "./ticks.js";

const LEFT_PX = 52;
const RIGHT_PX = 10;
const AXIS_PX = 20;
const TICK_PX = 12; // of a mark's text, high
const FONT = "10px";

/** Shows `rows` [{key, weight, label, lines: [{key, colour, width, alpha}]}]. Says "range", "tap" {frame}. */
export class Chart extends EventTarget {
  #host; #rows = []; #bands = []; #marks; #marked = []; #frames; #range = null; #queued = 0;

  constructor(host, frames) {
    super();
    this.#host = host;
    this.#frames = frames;
    new ResizeObserver(() => this.#resize()).observe(host);
  }

  /** The first and the last frame that are shown. */
  get range() { return this.#range ? [this.#range.start, this.#range.end] : [0, this.#frames - 1]; }

  set range([start, end]) {
    if (!this.#range) return;
    const width = Math.min(Math.max(end - start, Math.min(10, this.#frames - 1)), this.#frames - 1);
    const first = Math.min(Math.max(start, 0), this.#frames - 1 - width);
    this.#range.setv({ start: first, end: first + width });
  }

  /** How many px the lines have across. */
  get across() { return Math.max(this.#host.clientWidth - LEFT_PX - RIGHT_PX, 1); }

  /** Where a frame lies [px from the host's left], and the frame at such a place. */
  placeOf(frame) {
    const [start, end] = this.range;
    return LEFT_PX + ((frame - start) / Math.max(end - start, 1)) * this.across;
  }

  frameAt(px) {
    const [start, end] = this.range;
    return start + ((px - LEFT_PX) / this.across) * (end - start);
  }

  /** Builds the rows; `bands` [{key, colour}] lie behind those rows that name them. */
  async build(rows, bands) {
    const last = this.#frames - 1;
    this.#range = new Bokeh.Range1d({ start: 0, end: last, bounds: [0, Math.max(last, 1)], min_interval: Math.min(10, last) });
    this.#range.change.connect(() => this.#moved());
    this.#marks = new Bokeh.ColumnDataSource({ data: { x: [], y: [] } });
    this.#bands = bands.map((band) => ({ ...band, source: new Bokeh.ColumnDataSource({ data: { x0: [], x1: [] } }) }));
    this.#rows = rows.map((row, i) => this.#row(row, i === rows.length - 1));
    this.#rows[0].figure.scatter({ field: "x" }, { field: "y" }, {
      source: this.#marks, marker: "inverted_triangle", size: 9, line_color: null, fill_color: colour("--note"),
    });
    this.#paint();
    this.#heights();
    const column = new Bokeh.Column({ children: this.#rows.map((row) => row.figure), sizing_mode: "stretch_width", spacing: 0 });
    this.#host.replaceChildren();
    await Bokeh.Plotting.show(column, this.#host);
    leaveFocus(this.#host);
    this.redraw();
  }

  #row(row, last) {
    const y = new Bokeh.Range1d({ start: 0, end: 1 });
    const figure = Bokeh.Plotting.figure({
      x_range: this.#range, y_range: y, height: 60, sizing_mode: "stretch_width", tools: "", toolbar_location: null,
      min_border_left: LEFT_PX, min_border_right: RIGHT_PX, min_border_top: 3, min_border_bottom: last ? AXIS_PX : 2,
      background_fill_color: null, border_fill_color: null, output_backend: "canvas",
    });
    const pan = new Bokeh.PanTool({ dimensions: "width" });
    const wheel = new Bokeh.WheelZoomTool({ dimensions: "width", maintain_focus: false, zoom_on_axis: true });
    figure.add_tools(pan, wheel);
    figure.toolbar.active_drag = pan;
    figure.toolbar.active_scroll = wheel;
    figure.on_event("tap", (event) => {
      if (Number.isFinite(event.x)) this.dispatchEvent(new CustomEvent("tap", { detail: { frame: Math.round(event.x) } }));
    });
    for (const band of this.#bands.filter((one) => row.bands.includes(one.key))) {
      band.glyphs ??= [];
      const glyph = figure.vstrip({ field: "x0" }, { field: "x1" }, { source: band.source, line_color: null, fill_alpha: 1 });
      band.glyphs.push(glyph);
    }
    const zero = new Bokeh.Span({ location: 0, dimension: "width", line_width: 1, level: "underlay" });
    figure.add_layout(zero);
    const lines = row.lines.map((line) => {
      const source = new Bokeh.ColumnDataSource({ data: { x: [], y: [] } });
      const glyph = figure.line({ field: "x" }, { field: "y" }, { source, line_width: line.width ?? 1.2, line_join: "round" });
      return { ...line, source, glyph, values: [], visible: true };
    });
    return { ...row, figure, y, zero, lines, last };
  }

  // ---- what is shown ----

  /** The values of a line, one a frame. */
  put(rowKey, lineKey, values, visible = true) {
    const line = this.#line(rowKey, lineKey);
    if (!line) return;
    line.values = values;
    line.visible = visible;
    line.glyph.visible = visible;
  }

  /** How far each row reaches, as extent() is asked: {key: rule}. */
  rules(given) { for (const row of this.#rows) row.rule = given[row.key]; }

  /** [first, last] frames of each band of this key. */
  band(key, spans) {
    const { source } = this.#bands.find((one) => one.key === key);
    source.data = { x0: spans.map(([first]) => first - 0.5), x1: spans.map(([, last]) => last + 0.5) };
  }

  /** Marks above frames. */
  marks(frames) {
    this.#marked = [...frames];
    const top = this.#rows[0].y;
    const y = top.end - 0.06 * (top.end - top.start);
    this.#marks.data = { x: this.#marked, y: frames.map(() => y) };
  }

  /** Where the axis has marks, and what they say. */
  ticks(places, labels) {
    for (const row of this.#rows) {
      const [axis] = row.figure.xaxes;
      axis.ticker.ticks = places;
      axis.major_label_overrides = labels;
      for (const grid of row.figure.xgrids) grid.ticker.ticks = places;
    }
  }

  /** Whether all of the drive is in view. */
  get whole() {
    const [from, to] = this.range;
    return to - from >= this.#frames - 1.5;
  }

  /** Hands Bokeh what the present range shows of every line, each row as high as that needs. */
  redraw() {
    const [from, to] = this.range;
    for (const row of this.#rows) {
      const shown = row.lines.filter((line) => line.visible).map((line) => {
        const [x, y] = decimate(line.values, from, to, this.across);
        line.source.data = { x, y };
        return y;
      });
      this.#reach(row, extent(shown, { ...row.rule, zero: row.rule?.zero || this.whole }));
    }
    this.marks(this.#marked);
    this.dispatchEvent(new Event("range"));
  }

  // without numbers there is nothing to measure, and no mark
  #reach(row, found) {
    const [low, high] = found ?? [0, 1];
    row.y.setv({ start: low, end: high });
    const ticks = found ? valueTicks(low, high, Math.max(2, Math.floor(row.px / TICK_PX))) : [];
    const [axis] = row.figure.yaxes;
    axis.ticker.ticks = ticks;
    axis.major_label_overrides = new Map(ticks.map((value) => [value, row.label(value)]));
  }

  /** Takes the colours of the present theme. */
  #paint() {
    const ink = colour("--muted");
    const faint = colour("--line");
    for (const row of this.#rows) {
      const { figure } = row;
      const [across] = figure.xaxes;
      const [up] = figure.yaxes;
      if (!row.painted) {
        across.ticker = new Bokeh.FixedTicker({ ticks: [] });
        for (const grid of figure.xgrids) grid.ticker = new Bokeh.FixedTicker({ ticks: [] });
        up.ticker = new Bokeh.FixedTicker({ ticks: [] });
        for (const grid of figure.ygrids) grid.ticker = up.ticker;
        row.painted = true;
      }
      for (const axis of [across, up]) {
        axis.setv({
          major_label_text_color: ink, major_label_text_font_size: FONT, major_label_text_font: "system-ui, sans-serif",
          axis_line_color: null, major_tick_line_color: faint, minor_tick_line_color: null, major_tick_in: 0, major_tick_out: 3,
        });
      }
      across.visible = row.last;
      for (const grid of [...figure.xgrids, ...figure.ygrids]) grid.grid_line_color = faint;
      figure.outline_line_color = null;
      row.zero.line_color = colour("--axis");
      for (const { glyph, ...line } of row.lines) glyph.glyph.setv({ line_color: colour(line.colour), line_alpha: line.alpha ?? 1 });
    }
    // with an outline, or a band of one frame would vanish in a long drive
    for (const band of this.#bands) {
      const tint = colour(band.colour);
      for (const { glyph } of band.glyphs ?? []) glyph.setv({ fill_color: tint, line_color: tint, line_width: 1 });
    }
  }

  /** The theme changed. */
  repaint() { this.#paint(); }

  // ---- sizes ----

  #heights() {
    const height = this.#host.clientHeight - AXIS_PX;
    const whole = this.#rows.reduce((sum, row) => sum + row.weight, 0);
    this.heights = this.#rows.map((row) => Math.max(24, Math.floor((height * row.weight) / whole)));
    this.#rows.forEach((row, i) => {
      row.px = this.heights[i];
      row.figure.height = row.px + (row.last ? AXIS_PX : 0);
    });
    this.dispatchEvent(new Event("sized"));
  }

  #resize() {
    if (!this.#rows.length) return;
    this.#heights();
    this.#moved();
  }

  #line(rowKey, lineKey) {
    return this.#rows.find((row) => row.key === rowKey)?.lines.find((line) => line.key === lineKey);
  }

  // a wheel turns many times between two pictures
  #moved() {
    if (this.#queued) return;
    this.#queued = requestAnimationFrame(() => {
      this.#queued = 0;
      this.redraw();
    });
  }
}

// the chart is one thing to the keyboard: what Bokeh made focusable within is not
function leaveFocus(element) {
  for (const one of element.querySelectorAll("*")) {
    if (one.tabIndex >= 0) one.tabIndex = -1;
    if (one.shadowRoot) leaveFocus(one.shadowRoot);
  }
}

// The only module that knows Bokeh: rows of lines over one axis of frames, bands behind them, marks on top.
// No formatter or callback is passed as text: the page's security policy forbids code from strings.

/* global Bokeh */

import { colour } from "./dom.js";
import { decimate } from "./decimate.js";
import { extent } from "./extent.js";
import { valueTicks } from "./ticks.js";

const LEFT_PX = 52;
const RIGHT_PX = 10;
const AXIS_PX = 20;
const TICK_PX = 12; // height of a tick label
const FONT = "10px";

/** Shows `rows` [{key, weight, label, lines: [{key, colour, width, alpha}]}]. Dispatches "range", "sized", "tap" {frame}. */
export class Chart extends EventTarget {
  #host; #rows = []; #bands = []; #marks; #markedFrames = []; #frames; #range = null; #queued = 0;

  constructor(host, frames) {
    super();
    this.#host = host;
    this.#frames = frames;
    new ResizeObserver(() => this.#resize()).observe(host);
  }

  /** The first and the last visible frame. */
  get range() { return this.#range ? [this.#range.start, this.#range.end] : [0, this.#frames - 1]; }

  set range([start, end]) {
    if (!this.#range) return;
    const width = Math.min(Math.max(end - start, Math.min(10, this.#frames - 1)), this.#frames - 1);
    const first = Math.min(Math.max(start, 0), this.#frames - 1 - width);
    this.#range.setv({ start: first, end: first + width });
  }

  /** Width of the plot area [px]. */
  get plotWidth() { return Math.max(this.#host.clientWidth - LEFT_PX - RIGHT_PX, 1); }

  /** Position of a frame [px from the host's left edge]. */
  xOf(frame) {
    const [start, end] = this.range;
    return LEFT_PX + ((frame - start) / Math.max(end - start, 1)) * this.plotWidth;
  }

  /** The frame, possibly fractional, at a position [px from the host's left edge]. */
  frameAt(px) {
    const [start, end] = this.range;
    return start + ((px - LEFT_PX) / this.plotWidth) * (end - start);
  }

  /** Builds the rows; each of `bands` [{key, colour}] lies behind the rows that list its key. */
  async build(rows, bands) {
    const last = this.#frames - 1;
    this.#range = new Bokeh.Range1d({ start: 0, end: last, bounds: [0, Math.max(last, 1)], min_interval: Math.min(10, last) });
    this.#range.change.connect(() => this.#redrawSoon());
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
    removeFromTabOrder(this.#host);
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

  // ---- content ----

  /** Sets the values of a line, one per frame. */
  put(rowKey, lineKey, values, visible = true) {
    const line = this.#line(rowKey, lineKey);
    if (!line) return;
    line.values = values;
    line.visible = visible;
    line.glyph.visible = visible;
  }

  /** Sets the options of extent() by row: {key: rule}. */
  rules(rules) { for (const row of this.#rows) row.rule = rules[row.key]; }

  /** Sets the bands of a key: [first, last] frames of each. */
  band(key, spans) {
    const { source } = this.#bands.find((one) => one.key === key);
    source.data = { x0: spans.map(([first]) => first - 0.5), x1: spans.map(([, last]) => last + 0.5) };
  }

  /** Sets the marks above frames. */
  marks(frames) {
    this.#markedFrames = [...frames];
    const top = this.#rows[0].y;
    const y = top.end - 0.06 * (top.end - top.start);
    this.#marks.data = { x: this.#markedFrames, y: frames.map(() => y) };
  }

  /** Sets the ticks of the frame axis and their labels. */
  ticks(positions, labels) {
    for (const row of this.#rows) {
      const [axis] = row.figure.xaxes;
      axis.ticker.ticks = positions;
      axis.major_label_overrides = labels;
      for (const grid of row.figure.xgrids) grid.ticker.ticks = positions;
    }
  }

  /** Whether the whole drive is visible. */
  get whole() {
    const [from, to] = this.range;
    return to - from >= this.#frames - 1.5;
  }

  /** Gives Bokeh the visible range of every line, decimated, and fits each row's value axis to it. */
  redraw() {
    const [from, to] = this.range;
    for (const row of this.#rows) {
      const shown = row.lines.filter((line) => line.visible).map((line) => {
        const [x, y] = decimate(line.values, from, to, this.plotWidth);
        line.source.data = { x, y };
        return y;
      });
      this.#fitRow(row, extent(shown, { ...row.rule, zero: row.rule?.zero || this.whole }));
    }
    this.marks(this.#markedFrames);
    this.dispatchEvent(new Event("range"));
  }

  // without values (`range` null) the row has no ticks
  #fitRow(row, range) {
    const [low, high] = range ?? [0, 1];
    row.y.setv({ start: low, end: high });
    const ticks = range ? valueTicks(low, high, Math.max(2, Math.floor(row.px / TICK_PX))) : [];
    const [axis] = row.figure.yaxes;
    axis.ticker.ticks = ticks;
    axis.major_label_overrides = new Map(ticks.map((value) => [value, row.label(value)]));
  }

  /** Applies the colours of the current theme. */
  #paint() {
    const textColour = colour("--muted");
    const lineColour = colour("--line");
    for (const row of this.#rows) {
      const { figure } = row;
      const [xAxis] = figure.xaxes;
      const [yAxis] = figure.yaxes;
      if (!row.painted) {
        xAxis.ticker = new Bokeh.FixedTicker({ ticks: [] });
        for (const grid of figure.xgrids) grid.ticker = new Bokeh.FixedTicker({ ticks: [] });
        yAxis.ticker = new Bokeh.FixedTicker({ ticks: [] });
        for (const grid of figure.ygrids) grid.ticker = yAxis.ticker;
        row.painted = true;
      }
      for (const axis of [xAxis, yAxis]) {
        axis.setv({
          major_label_text_color: textColour, major_label_text_font_size: FONT, major_label_text_font: "system-ui, sans-serif",
          axis_line_color: null, major_tick_line_color: lineColour, minor_tick_line_color: null, major_tick_in: 0, major_tick_out: 3,
        });
      }
      xAxis.visible = row.last;
      for (const grid of [...figure.xgrids, ...figure.ygrids]) grid.grid_line_color = lineColour;
      figure.outline_line_color = null;
      row.zero.line_color = colour("--axis");
      for (const { glyph, ...line } of row.lines) glyph.glyph.setv({ line_color: colour(line.colour), line_alpha: line.alpha ?? 1 });
    }
    // outlined, or a band of one frame would be invisible in a long drive
    for (const band of this.#bands) {
      const tint = colour(band.colour);
      for (const { glyph } of band.glyphs ?? []) glyph.setv({ fill_color: tint, line_color: tint, line_width: 1 });
    }
  }

  /** Applies a changed theme. */
  repaint() { this.#paint(); }

  // ---- sizes ----

  #heights() {
    const height = this.#host.clientHeight - AXIS_PX;
    const total = this.#rows.reduce((sum, row) => sum + row.weight, 0);
    this.heights = this.#rows.map((row) => Math.max(24, Math.floor((height * row.weight) / total)));
    this.#rows.forEach((row, i) => {
      row.px = this.heights[i];
      row.figure.height = row.px + (row.last ? AXIS_PX : 0);
    });
    this.dispatchEvent(new Event("sized"));
  }

  #resize() {
    if (!this.#rows.length) return;
    this.#heights();
    this.#redrawSoon();
  }

  #line(rowKey, lineKey) {
    return this.#rows.find((row) => row.key === rowKey)?.lines.find((line) => line.key === lineKey);
  }

  // the wheel sends many events per animation frame
  #redrawSoon() {
    if (this.#queued) return;
    this.#queued = requestAnimationFrame(() => {
      this.#queued = 0;
      this.redraw();
    });
  }
}

// the chart is one stop of the Tab key: Bokeh's focusable elements within it are not
function removeFromTabOrder(element) {
  for (const child of element.querySelectorAll("*")) {
    if (child.tabIndex >= 0) child.tabIndex = -1;
    if (child.shadowRoot) removeFromTabOrder(child.shadowRoot);
  }
}

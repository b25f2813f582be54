// Where the wheel is: predicted and true angle on one line, left on the left.

import { makeSvg } from "./dom.js";

const HALF = 100;

export class Gauge {
  constructor(host) {
    this.truth = makeSvg("line", { class: "gauge-truth", y1: 4, y2: 20 });
    this.marks = [0, 1].map((number) => makeSvg("path", { class: `gauge-predicted m${number}`, d: "M0 5 l5 -5 h-10 z" }));
    this.before = makeSvg("path", { class: "gauge-before", d: "M0 5 l5 -5 h-10 z" });
    host.append(makeSvg("svg", { viewBox: `${-HALF - 8} 0 ${2 * HALF + 16} 24`, "aria-hidden": "true" },
      makeSvg("line", { class: "gauge-axis", x1: -HALF, x2: HALF, y1: 12, y2: 12 }),
      makeSvg("line", { class: "gauge-axis", x1: 0, x2: 0, y1: 7, y2: 17 }),
      this.truth, this.before, ...this.marks));
    this.reach = 1;
  }

  /** The largest angle that has to fit. */
  fits(reach) { this.reach = Math.max(reach, 1e-6); }

  show(predicted, truth, before) {
    this.marks.forEach((mark, number) => this.#place(mark, predicted[number], 6));
    this.#place(this.before, before, 6);
    this.#place(this.truth, truth, 0);
  }

  #place(mark, value, y) {
    const there = value !== null && value !== undefined && Number.isFinite(value);
    mark.style.display = there ? "" : "none";
    // left is positive and left
    if (there) mark.setAttribute("transform", `translate(${-HALF * Math.max(-1, Math.min(1, value / this.reach))} ${y})`);
  }
}

// Where the wheel is: predicted and true angle on one line, left on the left. Marks keep their size at any width.

import { makeSvg } from "./dom.js";
import { angle } from "./format.js";

const EDGE = 0.04; // of the width, kept free at each end
const MIDDLE_PX = 14;

/** Shows nothing but its axis until it is told an angle. */
export class Gauge {
  #host; #axis; #truth; #before; #marks; #reach = 0; #held = [[], null, null];

  constructor(host) {
    this.#host = host;
    host.setAttribute("role", "img");
    this.#truth = mark("gauge-truth", "M0 -8V8");
    this.#before = mark("gauge-before", "M0 5l5 -6h-10z", 4);
    this.#marks = [0, 1].map((number) => mark(`gauge-predicted m${number}`, "M0 5l6 -7h-12z", -6));
    this.#axis = makeSvg("line", { class: "gauge-axis", x1: place(1), x2: place(-1), y1: MIDDLE_PX, y2: MIDDLE_PX });
    const zero = makeSvg("line", { class: "gauge-axis", x1: "50%", x2: "50%", y1: MIDDLE_PX - 5, y2: MIDDLE_PX + 5 });
    host.append(makeSvg("svg", { "aria-hidden": "true" }, this.#axis, zero, this.#truth, this.#before, ...this.#marks));
    this.show([], null, null);
  }

  /** The largest angle that has to fit. */
  fits(reach) {
    this.#reach = reach;
    this.show(...this.#held);
  }

  /** Angles, left positive, null or undefined where there is none: `predicted` by model, as it is `before` an edit, the true one. */
  show(predicted, truth, before) {
    this.#held = [predicted, truth, before];
    const there = [...predicted, truth, before].filter(Number.isFinite);
    const reach = Math.max(this.#reach, ...there.map(Math.abs), 1e-9);
    this.#marks.forEach((one, number) => put(one, predicted[number], reach));
    put(this.#before, before, reach);
    put(this.#truth, truth, reach);
    const models = predicted.map((value, number) => [number, value]).filter(([, value]) => Number.isFinite(value));
    const words = models.map(([number, value]) => `predicted${predicted.length > 1 ? ` by ${"AB"[number]}` : ""} ${angle(value)}`);
    if (Number.isFinite(truth)) words.push(`true ${angle(truth)}`);
    this.#host.setAttribute("aria-label", words.length ? `${words.join(", ")}, on a line from ${angle(reach)} to ${angle(-reach)}` : "no angle yet");
    this.#host.title = words.length
      ? `triangle: predicted, bar: true; the ends are ${angle(reach)} and ${angle(-reach)}` : "";
  }
}

// left is positive and left
const place = (share) => `${(50 - (50 - 100 * EDGE) * share).toFixed(3)}%`;

function mark(kind, d, y = 0) {
  return makeSvg("svg", { x: 0, y: MIDDLE_PX, width: 1, height: 1, overflow: "visible", display: "none" },
    makeSvg("path", { class: kind, d, transform: `translate(0 ${y})` }));
}

function put(one, value, reach) {
  if (!Number.isFinite(value)) { one.setAttribute("display", "none"); return; }
  one.removeAttribute("display");
  one.setAttribute("x", place(Math.max(-1, Math.min(1, value / reach))));
}

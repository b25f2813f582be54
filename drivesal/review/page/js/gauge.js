// Prediction and label on one horizontal scale, left angles on the left. The marks keep their size at any width.

import { makeSvg } from "./dom.js";
import { angle, capitalised } from "./format.js";

const EDGE = 0.04; // margin at each end, as a share of the width
const MIDDLE_PX = 14;

/** Shows only its axis until there is an angle. */
export class Gauge {
  #host; #axis; #truth; #before; #marks; #reach = 0; #shown = [[], null, null];

  constructor(host) {
    this.#host = host;
    host.setAttribute("role", "img");
    this.#truth = mark("gauge-truth", "M0 -8V8");
    this.#before = mark("gauge-before", "M0 5l5 -6h-10z", 4);
    this.#marks = [0, 1].map((number) => mark(`gauge-predicted m${number}`, "M0 5l6 -7h-12z", -6));
    this.#axis = makeSvg("line", { class: "gauge-axis", x1: xOf(1), x2: xOf(-1), y1: MIDDLE_PX, y2: MIDDLE_PX });
    const zero = makeSvg("line", { class: "gauge-axis", x1: "50%", x2: "50%", y1: MIDDLE_PX - 5, y2: MIDDLE_PX + 5 });
    host.append(makeSvg("svg", { "aria-hidden": "true" }, this.#axis, zero, this.#truth, this.#before, ...this.#marks));
    this.show([], null, null);
  }

  /** Sets the largest angle that must fit. */
  setReach(reach) {
    this.#reach = reach;
    this.show(...this.#shown);
  }

  /** Shows the `predicted` angles by model, the label (`truth`) and the prediction `before` an edit; left positive, null if missing. */
  show(predicted, truth, before) {
    this.#shown = [predicted, truth, before];
    const known = [...predicted, truth, before].filter(Number.isFinite);
    const reach = Math.max(this.#reach, ...known.map(Math.abs), 1e-9);
    this.#marks.forEach((mark, number) => put(mark, predicted[number], reach));
    put(this.#before, before, reach);
    put(this.#truth, truth, reach);
    const models = predicted.map((value, number) => [number, value]).filter(([, value]) => Number.isFinite(value));
    const texts = models.map(([number, value]) => `prediction${predicted.length > 1 ? ` of ${"AB"[number]}` : ""} ${angle(value)}`);
    if (Number.isFinite(truth)) texts.push(`label ${angle(truth)}`);
    this.#host.setAttribute("aria-label", texts.length ? capitalised(`${texts.join(", ")}; scale from ${angle(reach)} to ${angle(-reach)}`) : "No angle yet");
    this.#host.title = texts.length
      ? `Triangle: prediction, bar: label; scale from ${angle(reach)} to ${angle(-reach)}` : "";
  }
}

// the x position of an angle as a share of the largest; positive (left) angles lie left
const xOf = (share) => `${(50 - (50 - 100 * EDGE) * share).toFixed(3)}%`;

function mark(kind, d, y = 0) {
  return makeSvg("svg", { x: 0, y: MIDDLE_PX, width: 1, height: 1, overflow: "visible", display: "none" },
    makeSvg("path", { class: kind, d, transform: `translate(0 ${y})` }));
}

function put(element, value, reach) {
  if (!Number.isFinite(value)) { element.setAttribute("display", "none"); return; }
  element.removeAttribute("display");
  element.setAttribute("x", xOf(Math.max(-1, Math.min(1, value / reach))));
}

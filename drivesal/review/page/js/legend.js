// The legend of a panel: what the colours mean and the value at full colour.

import { short } from "./format.js";

/** [meaning, scale] of a panel of plan.js from the numbers of its frame; empty texts for the plain frame. */
export function legendOf(spec, numbers, scale) {
  const legend = numbers.find((one) => one.model === spec.model)?.cases.find((one) => one.name === spec.case);
  if (spec.kind === "frame" || !legend) return ["", ""];
  if (spec.kind === "heat") return [legend.meaning, scaleText(legend, scale)];
  return ["orange: more heat in B, blue: more heat in A", scale === "frame" ? "Full colour: the drive's scale, not this frame's" : scaleText(legend, scale)];
}

function scaleText(legend, scale) {
  if (scale === "frame") return "Full colour: maximum of this frame";
  const unit = legend.unit.replace(/^relative \((.*)\)$/, "$1");
  const full = legend.full_text === "relative" ? `${short(legend.full)} (relative: ${unit})` : legend.full_text;
  return `Full colour: ${full}${legend.scale_of ? `, one scale for A and B (${legend.scale_of}'s)` : ""}`;
}

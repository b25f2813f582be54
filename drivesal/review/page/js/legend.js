// What the colours of a part of the stage mean, and how strong the strongest is.

import { short } from "./format.js";

/** [meaning, scale] of a part of plan.js, from the numbers found of its frame; empty texts for the plain frame. */
export function legendOf(part, found, scale) {
  const legend = found.find((one) => one.model === part.model)?.cases.find((one) => one.name === part.case);
  if (part.kind === "frame" || !legend) return ["", ""];
  if (part.kind === "heat") return [legend.meaning, scaleText(legend, scale)];
  return ["orange: more heat in B, blue: more in A", scale === "frame" ? "full colour: the drive's scale, not this frame's" : scaleText(legend, scale)];
}

function scaleText(legend, scale) {
  if (scale === "frame") return "full colour: this frame's strongest";
  const unit = legend.unit.replace(/^relative \((.*)\)$/, "$1");
  const full = legend.full_text === "relative" ? `${short(legend.full)} (relative: ${unit})` : legend.full_text;
  return `full colour: ${full}${legend.scale_of ? `, one scale for A and B (${legend.scale_of}'s)` : ""}`;
}

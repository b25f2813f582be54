// Validation of an address: invalid entries are dropped, so that a damaged link still opens.

import { FILLS, orNone } from "./edits.js";
import { fields, parse } from "./fields.js";
import { notice } from "./notices.js";
import { ALL, DIFFERENCE, BOTH } from "./plan.js";

/** The state from the raw entries of an address; only what is valid for this drive and server. */
export function validState(drive, raw) {
  const state = {};
  const number = (name, low, high, whole = false) => {
    if (!(name in raw) || raw[name] === "") return;
    const value = Number(raw[name]);
    if (Number.isFinite(value)) state[name] = Math.max(low, Math.min(high, whole ? Math.round(value) : value));
  };
  const oneOf = (name, choices) => { if (choices.includes(raw[name])) state[name] = raw[name]; };
  const names = drive.cases.map((one) => one.name);
  number("frame", 0, drive.frames - 1, true);
  oneOf("case", [...names, ALL]);
  oneOf("method", drive.methods.map((one) => one.name));
  for (const [name, field] of fields()) {
    const value = name in raw ? parse(field, String(raw[name])) : undefined;
    if (value !== undefined) state[name] = value;
  }
  oneOf("model", ["0", "1", BOTH]);
  oneOf("of", ["0", "1", DIFFERENCE]);
  const cases = (raw.cases ?? "").split(",").filter((name) => names.includes(name));
  if (cases.length) state.cases = cases;
  if ("method" in state) state.options = isObject(raw.options) ? raw.options : {};
  if ("frame" in state) state.edit = isObject(raw.edit) ? orNone(cleanEdit(raw.edit)) : null;
  const other = raw.drive && raw.drive !== drive.name;
  notice("other", other ? `This link is for ${raw.drive}, but the open drive is ${drive.name}.` : "", "warn");
  return state;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function cleanEdit(raw) {
  const number = (value, fallback) => (Number.isFinite(value) ? value : fallback);
  const boxes = (Array.isArray(raw.boxes) ? raw.boxes : []).filter(isObject).slice(0, 50).map((box) => ({
    left: number(box.left, 0), top: number(box.top, 0), right: number(box.right, 0), bottom: number(box.bottom, 0),
    fill: Object.hasOwn(FILLS, box.fill) ? box.fill : "mean",
  }));
  const shift = Array.isArray(raw.shift) ? raw.shift : [0, 0];
  return {
    boxes, brightness: number(raw.brightness, 0), contrast: number(raw.contrast, 1), blur: number(raw.blur, 0),
    shift: [number(shift[0], 0), number(shift[1], 0)],
  };
}

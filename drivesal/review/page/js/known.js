// What an address may say: anything else is left out, so that a mangled link still opens.

import { FILLS, orNone } from "./edits.js";
import { fields, read } from "./fields.js";
import { notice } from "./notices.js";
import { ALL, APART, BOTH } from "./plan.js";

/** The part of a raw address that fits this drive and server. */
export function knownState(drive, raw) {
  const found = {};
  const number = (name, low, high, whole = false) => {
    if (!(name in raw) || raw[name] === "") return;
    const value = Number(raw[name]);
    if (Number.isFinite(value)) found[name] = Math.max(low, Math.min(high, whole ? Math.round(value) : value));
  };
  const oneOf = (name, choices) => { if (choices.includes(raw[name])) found[name] = raw[name]; };
  const names = drive.cases.map((one) => one.name);
  number("frame", 0, drive.frames - 1, true);
  oneOf("case", [...names, ALL]);
  oneOf("method", drive.methods.map((one) => one.name));
  for (const [name, field] of fields()) {
    const value = name in raw ? read(field, String(raw[name])) : undefined;
    if (value !== undefined) found[name] = value;
  }
  oneOf("model", ["0", "1", BOTH]);
  oneOf("of", ["0", "1", APART]);
  const cases = (raw.cases ?? "").split(",").filter((name) => names.includes(name));
  if (cases.length) found.cases = cases;
  if ("method" in found) found.options = isObject(raw.options) ? raw.options : {};
  if ("frame" in found) found.edit = isObject(raw.edit) ? orNone(cleanEdit(raw.edit)) : null;
  const other = raw.drive && raw.drive !== drive.name;
  notice("other", other ? `The link was made for ${raw.drive}; this is ${drive.name}.` : "", "warn");
  return found;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function cleanEdit(raw) {
  const number = (value, otherwise) => (Number.isFinite(value) ? value : otherwise);
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

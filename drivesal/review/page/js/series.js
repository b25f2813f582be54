// What the timeline shows of the drive: its rows, their lines, and the bands behind them. Numbers in, numbers out.

import { errorBands, jumpBands, runs } from "./bands.js";
import { laneColour } from "./cases.js";
import { plain, size, symbol, tick } from "./format.js";
import { APART } from "./plan.js";

const LEAST = 0.02; // of what a row spans over the whole drive

/** The rows: {key, title, note, weight, bands, lines, label, rule}. `label(value)` is a tick's text, `rule` is extent()'s. */
export function rowsOf(drive) {
  const two = drive.models.length > 1;
  const truth = drive.has_truth;
  const models = two ? [["a", "--predicted", "A"], ["b", "--predicted-b", "B"]] : [["a", "--predicted", ""]];
  const predicted = models.map(([key, colour, name]) => ({ key, colour, text: [name, "predicted"].filter(Boolean).join(" ") }));
  const errors = models.map(([key, colour, text]) => ({ key, colour: two ? colour : "--error", text }));
  return [
    { key: "angle", title: "angle", note: "left is up", weight: 2.2, bands: ["error", "jump"], label: tick,
      lines: [...(truth ? [{ key: "truth", colour: "--truth", text: "true", width: 3.5, alpha: 0.75 }] : []), ...predicted] },
    ...(truth ? [{ key: "error", title: "error", note: "pred. − true", weight: 1.3, bands: ["error"], label: tick, lines: errors }] : []),
    { key: "attribution", title: "attribution", note: "", weight: 1.3, bands: ["jump"], label: plain,
      lines: drive.lanes.map((one) => ({ key: one.case, colour: laneColour(one.case), text: one.case })) },
    { key: "moved", title: "change", note: "share moved", weight: 1, bands: ["jump"], label: (value) => `${plain(value)} %`,
      lines: [{ key: "moved", colour: "--moved", text: "" }] },
  ];
}

/** The attribution's unit, a total over the picture, of the method whose totals are shown. */
export function totalUnit(rows) {
  return { sensitivity: `${symbol()} per 1/255`, contribution: symbol() }[rows.totals?.of?.kind] ?? "relative";
}

/** The lanes that are shown: those of the map, with a sign or without, that are usual or among the `ticked`. */
export function shownLanes(lanes, rows, ticked) {
  return lanes.filter((one) => one.signed === signed(rows) && (one.usual || ticked.includes(one.case)));
}

const signed = (rows) => rows.totals?.signed ?? true;

/** {row: {line: values}} of a model, or of B less A, with the lanes that are shown, the uppermost last. */
export function values(rows, of, { truth, shares, lanes }) {
  const found = { angle: { truth: rows.column("truth") }, error: {}, attribution: {}, moved: {} };
  for (let model = 0; model < rows.models; model++) {
    const key = "ab"[model];
    found.angle[key] = rows.column("angle", model);
    if (truth) found.error[key] = minus(rows.column("angle", model), rows.column("truth", model));
  }
  found.attribution = attribution(rows, of, shares, lanes);
  found.moved.moved = ofOne(of, (model) => rows.column("moved", model)).map((value) => 100 * value);
  return found;
}

const ofOne = (of, column) => (of === APART ? minus(column(1), column(0)) : column(of));

// The uppermost usual lane sets the unit. Those on its scale are shown in it, or as `shares` [%] of their sum where there
// are several; a lane with a unit of its own is drawn as a share of its largest.
function attribution(rows, of, shares, lanes) {
  const first = lanes.findLast((one) => one.usual);
  const together = lanes.filter((one) => one.scale === first?.scale).map((one) => one.case).reverse();
  const totals = (name, model) => {
    const column = rows.column(name, model);
    if (!shares || together.length < 2) return column;
    const all = together.map((one) => rows.column(one, model));
    return column.map((value, i) => (100 * value) / all.reduce((sum, one) => sum + one[i], 0));
  };
  const found = Object.fromEntries(together.map((name) => [name, ofOne(of, (model) => totals(name, model))]));
  const most = largest(found[first?.case] ?? []) || 1;
  for (const { case: name } of lanes.filter((one) => !(one.case in found))) {
    const column = ofOne(of, (model) => rows.column(name, model));
    const scale = most / (largest(column) || 1);
    found[name] = column.map((value) => value * scale);
  }
  return found;
}

/** How extent() is to be asked for each row. */
export function rulesOf(found, of) {
  const sided = (lines) => {
    const all = Object.values(lines).filter((one) => one.length);
    const high = Math.max(0, ...all.map(largest));
    const low = Math.min(0, ...all.map((one) => -largest(one.map((value) => -value))));
    return { least: LEAST * (high - low) };
  };
  const total = of === APART ? { zero: true, even: true } : { floor: 0 };
  return { angle: sided(found.angle), error: { ...sided(found.error), even: true }, attribution: total, moved: total };
}

/** {error, jump}: each {bands, text, hint} of a model, or of where the two part. `limits` has from where on each model's error is large. */
export function bandsOf(rows, of) {
  const models = Array.from({ length: rows.models }, (_, model) => model);
  const times = rows.column("time_s");
  const errors = models.map((model) => errorBands(times, rows.column("angle", model), rows.column("truth", model)));
  const limits = errors.map((one) => one.limit);
  if (of === APART) return { ...partings(rows, times), limits };
  const jump = jumpBands(times, rows.column("moved", of), rows.column("changed", of));
  const whose = rows.models > 1 ? `${"AB"[of]}: ` : "";
  const detail = (limit, text) => (Number.isFinite(limit) ? ` (${text(limit)})` : "");
  return {
    error: { bands: errors[of].bands, text: `${whose}error > 2 × RMSE${detail(limits[of], size)}`,
      hint: "The error is above twice the drive's root mean square error." },
    jump: { bands: jump.bands, text: `${whose}attribution jumps${detail(jump.limit, (limit) => `> ${Math.round(100 * limit)} %`)}`,
      hint: "More of the attribution moves than usual, though the picture changes less than usual." },
    limits,
  };
}

function partings(rows, times) {
  const apart = errorBands(times, rows.column("angle", 1), rows.column("angle", 0));
  const [a, b] = [0, 1].map((model) => {
    const hit = new Set();
    for (const [first, last] of jumpBands(times, rows.column("moved", model), rows.column("changed", model)).bands) {
      for (let i = first; i <= last; i++) hit.add(i);
    }
    return hit;
  });
  return {
    error: { bands: apart.bands, text: `A and B apart > 2 × RMS${Number.isFinite(apart.limit) ? ` (${size(apart.limit)})` : ""}`,
      hint: "The models part by more than twice the root mean square of their difference." },
    jump: { bands: runs(times, (i) => a.has(i) !== b.has(i)), text: "attribution of one alone jumps",
      hint: "The attribution of one model jumps where that of the other does not." },
  };
}

const minus = (a, b) => Array.from({ length: Math.min(a.length, b.length) }, (_, i) => a[i] - b[i]);

function largest(values) {
  let most = -Infinity;
  for (const value of values) if (value > most) most = value;
  return Number.isFinite(most) ? most : 0;
}

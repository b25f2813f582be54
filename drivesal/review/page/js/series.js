// What the timeline shows of the drive: its rows, their lines, and the bands behind them. Numbers in, numbers out.

import { errorBands, jumpBands, runs } from "./bands.js";
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
    { key: "attribution", title: "attribution", note: "", weight: 1.3, bands: ["jump"], label: plain, lines: [
      { key: "magnitude", colour: "--case-magnitude", text: "magnitude" },
      { key: "maintain", colour: "--case-maintain", text: "maintain" },
      { key: "decrease", colour: "--case-decrease", text: "decrease" }, { key: "increase", colour: "--case-increase", text: "increase" }] },
    { key: "moved", title: "change", note: "share moved", weight: 1, bands: ["jump"], label: (value) => `${plain(value)} %`,
      lines: [{ key: "moved", colour: "--moved", text: "" }] },
  ];
}

/** The attribution's unit, a total over the picture, of the method whose totals are shown. */
export function totalUnit(rows) {
  return { sensitivity: `${symbol()} per 1/255`, contribution: symbol() }[rows.totals?.of?.kind] ?? "relative";
}

/** The lines that are not shown, by key: a method without a sign has its magnitude in place of increase and decrease. */
export function hiddenLines(rows, withMaintain) {
  const hidden = signed(rows) ? ["magnitude"] : ["increase", "decrease"];
  return withMaintain ? hidden : [...hidden, "maintain"];
}

const signed = (rows) => rows.totals?.signed ?? true;

/** {row: {line: values}} of a model, or of B less A. `shares` shows increase and decrease as parts [%] of both. */
export function values(rows, of, { truth, shares }) {
  const found = { angle: { truth: rows.column("truth") }, error: {}, attribution: {}, moved: {} };
  for (let model = 0; model < rows.models; model++) {
    const key = "ab"[model];
    found.angle[key] = rows.column("angle", model);
    if (truth) found.error[key] = minus(rows.column("angle", model), rows.column("truth", model));
  }
  const totals = (model) => {
    if (!signed(rows)) return { magnitude: rows.column("magnitude", model), increase: [], decrease: [] };
    const [increase, decrease] = [rows.column("increase", model), rows.column("decrease", model)];
    const part = (one) => one.map((value, i) => (100 * value) / (increase[i] + decrease[i]));
    return { magnitude: [], ...(shares ? { increase: part(increase), decrease: part(decrease) } : { increase, decrease }) };
  };
  const apart = of === APART;
  const [first, second] = apart ? [totals(0), totals(1)] : [totals(of)];
  for (const name of ["magnitude", "increase", "decrease"]) found.attribution[name] = apart ? minus(second[name], first[name]) : first[name];
  const maintain = apart ? minus(rows.column("maintain", 1), rows.column("maintain", 0)) : rows.column("maintain", of);
  // maintain has a unit of its own: it is drawn as a share of its largest
  const scale = (largest(found.attribution[signed(rows) ? "increase" : "magnitude"]) || 1) / (largest(maintain) || 1);
  found.attribution.maintain = maintain.map((value) => value * scale);
  const moved = apart ? minus(rows.column("moved", 1), rows.column("moved", 0)) : rows.column("moved", of);
  found.moved.moved = moved.map((value) => 100 * value);
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

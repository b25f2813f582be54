// The content of the timeline: rows, lines and bands, as pure functions of the drive's numbers.

import { errorBands, jumpBands, runs } from "./bands.js";
import { laneColour } from "./cases.js";
import { capitalised, plain, size, symbol, tick } from "./format.js";
import { DIFFERENCE } from "./plan.js";

const LEAST = 0.02; // smallest visible range, as a share of the row's range over the whole drive

/** The rows: [{key, title, note, weight, bands, lines, label}]; `label(value)` is the text of a tick. */
export function rowsOf(drive) {
  const two = drive.models.length > 1;
  const truth = drive.has_truth;
  const models = two ? [["a", "--predicted", "A"], ["b", "--predicted-b", "B"]] : [["a", "--predicted", ""]];
  const predicted = models.map(([key, colour, name]) => ({ key, colour, text: name ? `${name} prediction` : "Prediction" }));
  const errors = models.map(([key, colour, text]) => ({ key, colour: two ? colour : "--error", text }));
  return [
    { key: "angle", title: "Angle", note: "left is up", weight: 2.2, bands: ["error", "jump"], label: tick,
      lines: [...(truth ? [{ key: "truth", colour: "--truth", text: "Label", width: 3.5, alpha: 0.75 }] : []), ...predicted] },
    ...(truth ? [{ key: "error", title: "Error", note: "prediction − label", weight: 1.3, bands: ["error"], label: tick, lines: errors }] : []),
    { key: "attribution", title: "Attribution", note: "", weight: 1.3, bands: ["jump"], label: plain,
      lines: drive.lanes.map((one) => ({ key: one.case, colour: laneColour(one.case), text: capitalised(one.case) })) },
    { key: "moved", title: "Change", note: "share of attribution", weight: 1, bands: ["jump"], label: (value) => `${plain(value)} %`,
      lines: [{ key: "moved", colour: "--moved", text: "" }] },
  ];
}

/** The unit of the totals shown: attribution summed over the image. */
export function totalUnit(rows) {
  return { sensitivity: `${symbol()} per 1/255`, contribution: symbol() }[rows.totals?.of?.kind] ?? "relative";
}

/** The visible lanes: those that fit the map (signed or not) and are shown by default or among `extra`. */
export function shownLanes(lanes, rows, extra) {
  return lanes.filter((one) => one.signed === signed(rows) && (one.usual || extra.includes(one.case)));
}

const signed = (rows) => rows.totals?.signed ?? true;

/** {row: {line: values}} of a model, or of B − A; `lanes` are the visible ones, the topmost last. */
export function values(rows, of, { truth, shares, lanes }) {
  const series = { angle: { truth: rows.column("truth") }, error: {}, attribution: {}, moved: {} };
  for (let model = 0; model < rows.models; model++) {
    const key = "ab"[model];
    series.angle[key] = rows.column("angle", model);
    if (truth) series.error[key] = minus(rows.column("angle", model), rows.column("truth", model));
  }
  series.attribution = attribution(rows, of, shares, lanes);
  series.moved.moved = modelOrDifference(of, (model) => rows.column("moved", model)).map((value) => 100 * value);
  return series;
}

const modelOrDifference = (of, column) => (of === DIFFERENCE ? minus(column(1), column(0)) : column(of));

// The topmost default lane sets the unit. Lanes on its scale are shown in that unit or, with `shares`, in percent of their
// sum. A lane with a unit of its own is scaled so that its maximum matches.
function attribution(rows, of, shares, lanes) {
  const first = lanes.findLast((one) => one.usual);
  const comparable = lanes.filter((one) => one.scale === first?.scale).map((one) => one.case).reverse();
  const totals = (name, model) => {
    const column = rows.column(name, model);
    if (!shares || comparable.length < 2) return column;
    const all = comparable.map((one) => rows.column(one, model));
    return column.map((value, i) => (100 * value) / all.reduce((sum, one) => sum + one[i], 0));
  };
  const found = Object.fromEntries(comparable.map((name) => [name, modelOrDifference(of, (model) => totals(name, model))]));
  const most = largest(found[first?.case] ?? []) || 1;
  for (const { case: name } of lanes.filter((one) => !(one.case in found))) {
    const column = modelOrDifference(of, (model) => rows.column(name, model));
    const scale = most / (largest(column) || 1);
    found[name] = column.map((value) => value * scale);
  }
  return found;
}

/** The options of extent() for each row. */
export function rulesOf(series, of) {
  const sided = (lines) => {
    const all = Object.values(lines).filter((one) => one.length);
    const high = Math.max(0, ...all.map(largest));
    const low = Math.min(0, ...all.map((one) => -largest(one.map((value) => -value))));
    return { least: LEAST * (high - low) };
  };
  const total = of === DIFFERENCE ? { zero: true, even: true } : { floor: 0 };
  return { angle: sided(series.angle), error: { ...sided(series.error), even: true }, attribution: total, moved: total };
}

/** {error, jump, limits}: {bands, text, hint} of a model, or of the difference of both; `limits` of a large error by model. */
export function bandsOf(rows, of) {
  const models = Array.from({ length: rows.models }, (_, model) => model);
  const times = rows.column("time_s");
  const errors = models.map((model) => errorBands(times, rows.column("angle", model), rows.column("truth", model)));
  const limits = errors.map((one) => one.limit);
  if (of === DIFFERENCE) return { ...differenceBands(rows, times), limits };
  const jump = jumpBands(times, rows.column("moved", of), rows.column("changed", of));
  const whose = rows.models > 1 ? `${"AB"[of]}: ` : "";
  const detail = (limit, text) => (Number.isFinite(limit) ? ` (${text(limit)})` : "");
  return {
    error: { bands: errors[of].bands, text: capitalised(`${whose}error > 2 × RMSE${detail(limits[of], size)}`),
      hint: "The error exceeds twice the root mean square error of the drive." },
    jump: { bands: jump.bands, text: capitalised(`${whose}attribution jump${detail(jump.limit, (limit) => `> ${Math.round(100 * limit)} %`)}`),
      hint: "The attribution changes more than usual while the image changes less than usual." },
    limits,
  };
}

function differenceBands(rows, times) {
  const difference = errorBands(times, rows.column("angle", 1), rows.column("angle", 0));
  const [a, b] = [0, 1].map((model) => {
    const hit = new Set();
    for (const [first, last] of jumpBands(times, rows.column("moved", model), rows.column("changed", model)).bands) {
      for (let i = first; i <= last; i++) hit.add(i);
    }
    return hit;
  });
  return {
    error: { bands: difference.bands, text: `Disagreement > 2 × RMS${Number.isFinite(difference.limit) ? ` (${size(difference.limit)})` : ""}`,
      hint: "The predictions differ by more than twice the root mean square of their difference." },
    jump: { bands: runs(times, (i) => a.has(i) !== b.has(i)), text: "Attribution jump of one model only",
      hint: "The attribution of one model jumps, that of the other does not." },
  };
}

const minus = (a, b) => Array.from({ length: Math.min(a.length, b.length) }, (_, i) => a[i] - b[i]);

function largest(values) {
  let most = -Infinity;
  for (const value of values) if (value > most) most = value;
  return Number.isFinite(most) ? most : 0;
}

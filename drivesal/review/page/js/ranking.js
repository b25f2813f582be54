// Rankings of frames for the list.

const SPACING_S = 1;
const MAX_FRAMES = 60;

/** The frames with the largest positive values, at least SPACING_S apart: [{frame, value}]. */
export function topFrames(values, times, accept = () => true) {
  const order = [];
  for (let i = 0; i < values.length; i++) if (values[i] > 0 && accept(i)) order.push(i);
  order.sort((a, b) => values[b] - values[a] || a - b);
  const chosen = [];
  for (const frame of order) {
    if (chosen.every((one) => Math.abs(times[one.frame] - times[frame]) >= SPACING_S)) chosen.push({ frame, value: values[frame] });
    if (chosen.length === MAX_FRAMES) break;
  }
  return chosen;
}

/** The rankings that a drive offers: [{key, title, group, models, values(rows), signed(rows)}].
 *
 * `models` are the numbers of the models concerned; `values` rank the frames. `signed` are the values to display: angles, left
 * positive; shares 0..1 with `share`; magnitudes of angles with `unsided`.
 */
export function rankingsOf(drive) {
  const two = drive.models.length > 1;
  const single = [0, ...(two ? [1] : [])].flatMap((model) => modelRankings(model, two, drive.has_truth));
  return two ? [...single, ...comparisonRankings(drive.has_truth)] : single;
}

function modelRankings(model, two, truth) {
  const group = two ? `${"AB"[model]}` : "";
  const suffix = ["", "-b"][model];
  const of = two ? ` of ${group}` : "";
  const error = (rows) => minus(rows.column("angle", model), rows.column("truth", model));
  const moved = (rows) => rows.column("moved", model);
  const attribution = { key: `moved${suffix}`, title: `Attribution change${of}`, group, models: [model], values: moved, signed: moved, share: true };
  return truth ? [{ key: `error${suffix}`, title: `Largest error${of}`, group, models: [model], values: (rows) => error(rows).map(Math.abs), signed: error }, attribution] : [attribution];
}

function comparisonRankings(truth) {
  const difference = (rows) => minus(rows.column("angle", 1), rows.column("angle", 0));
  const errors = (rows, model) => minus(rows.column("angle", model), rows.column("truth", model)).map(Math.abs);
  const worse = (worst, best) => (rows) => minus(errors(rows, worst), errors(rows, best));
  const both = { group: "A and B", models: [0, 1] };
  const plain = { ...both, unsided: true };
  return [
    { ...both, key: "disagreement", title: "Disagreement B − A", values: (rows) => difference(rows).map(Math.abs), signed: difference },
    ...(truth ? [
      { ...plain, key: "worse", title: "B worse than A", values: worse(1, 0), signed: worse(1, 0) },
      { ...plain, key: "better", title: "A worse than B", values: worse(0, 1), signed: worse(0, 1) }] : []),
  ];
}

const minus = (a, b) => Array.from({ length: Math.min(a.length, b.length) }, (_, i) => a[i] - b[i]);

// limits of straight, bend and sharp, by the kind of angle [deg; norm]
const SHARP = { "steering-wheel": [5, 20, 60], other: [1, 3, 8], norm: [0.02, 0.1, 0.3] };

/** Ranges of the angle, left positive: {key: [title, from, to]}. */
export function angleBands(kind) {
  const [straight, bend, sharp] = kind?.unit === "norm" ? SHARP.norm : SHARP[kind?.turns] ?? SHARP.other;
  return {
    any: ["Any angle", null, null],
    "sharp-left": ["Sharp left", sharp, null],
    left: ["Left", bend, sharp],
    "slight-left": ["Slight left", straight, bend],
    straight: ["Straight", -straight, straight],
    "slight-right": ["Slight right", -bend, -straight],
    right: ["Right", -sharp, -bend],
    "sharp-right": ["Sharp right", null, -sharp],
  };
}

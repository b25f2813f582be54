// Which frames to look at first.

const APART_S = 1;
const MOST = 60;

/** The frames with the largest values, at least APART_S apart: [{frame, value}]. */
export function largestApart(values, times, wanted = () => true) {
  const order = [];
  for (let i = 0; i < values.length; i++) if (values[i] > 0 && wanted(i)) order.push(i);
  order.sort((a, b) => values[b] - values[a] || a - b);
  const chosen = [];
  for (const frame of order) {
    if (chosen.every((one) => Math.abs(times[one.frame] - times[frame]) >= APART_S)) chosen.push({ frame, value: values[frame] });
    if (chosen.length === MOST) break;
  }
  return chosen;
}

/** What the list can be ordered by: [{key, title, group, models, values(rows), signed(rows)}].
 *
 * `models` are those it is about, by number; `values` rank the frames. `signed` is what is written of them: angles, left
 * positive, but a share 0..1 with `share`, and an angle without a side with `unsided`.
 */
export function ordersOf(drive) {
  const two = drive.models.length > 1;
  const ofOne = [0, ...(two ? [1] : [])].flatMap((model) => orders(model, two, drive.has_truth));
  return two ? [...ofOne, ...ofBoth(drive.has_truth)] : ofOne;
}

function orders(model, two, truth) {
  const group = two ? `${"AB"[model]}` : "";
  const suffix = ["", "-b"][model];
  const of = two ? ` of ${group}` : "";
  const error = (rows) => minus(rows.column("angle", model), rows.column("truth", model));
  const moved = (rows) => rows.column("moved", model);
  const found = { key: `moved${suffix}`, title: `Attribution${of} moves most`, group, models: [model], values: moved, signed: moved, share: true };
  return truth ? [{ key: `error${suffix}`, title: `Largest error${of}`, group, models: [model], values: (rows) => error(rows).map(Math.abs), signed: error }, found] : [found];
}

function ofBoth(truth) {
  const apart = (rows) => minus(rows.column("angle", 1), rows.column("angle", 0));
  const errors = (rows, model) => minus(rows.column("angle", model), rows.column("truth", model)).map(Math.abs);
  const worse = (worst, best) => (rows) => minus(errors(rows, worst), errors(rows, best));
  const both = { group: "A and B", models: [0, 1] };
  const plain = { ...both, unsided: true };
  return [
    { ...both, key: "disagreement", title: "Models disagree: B − A", values: (rows) => apart(rows).map(Math.abs), signed: apart },
    ...(truth ? [
      { ...plain, key: "worse", title: "B worse than A", values: worse(1, 0), signed: worse(1, 0) },
      { ...plain, key: "better", title: "A worse than B", values: worse(0, 1), signed: worse(0, 1) }] : []),
  ];
}

const minus = (a, b) => Array.from({ length: Math.min(a.length, b.length) }, (_, i) => a[i] - b[i]);

// where a curve is sharp, by what turns
const SHARP = { "steering-wheel": [5, 20, 60], other: [1, 3, 8], norm: [0.02, 0.1, 0.3] };

/** Bands of the angle, left positive: {key: [title, from, to]}. */
export function angleBands(kind) {
  const [straight, bend, sharp] = kind?.unit === "norm" ? SHARP.norm : SHARP[kind?.turns] ?? SHARP.other;
  return {
    any: ["any angle", null, null],
    "sharp-left": ["sharp left", sharp, null],
    left: ["left", bend, sharp],
    "slight-left": ["slightly left", straight, bend],
    straight: ["straight", -straight, straight],
    "slight-right": ["slightly right", -bend, -straight],
    right: ["right", -sharp, -bend],
    "sharp-right": ["sharp right", null, -sharp],
  };
}

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

/** What the list can be ordered by: {title, values(rows, model), needs}. */
export const ORDERS = {
  error: {
    title: "Largest error",
    needs: "truth",
    values: (rows, model) => difference(rows.column("angle", model), rows.column("truth", model)),
  },
  moved: {
    title: "Attribution jumps",
    values: (rows, model) => rows.column("moved", model),
  },
  disagreement: {
    title: "Models disagree",
    needs: "two",
    values: (rows) => difference(rows.column("angle", 0), rows.column("angle", 1)),
  },
};

const difference = (a, b) => Array.from({ length: Math.min(a.length, b.length) }, (_, i) => Math.abs(a[i] - b[i]));

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

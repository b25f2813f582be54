// The value range of a timeline row for the visible frames.

const MANY = 500;  // from this many points on, a single outlier may exceed the row
const MARGIN = 0.08; // margin above and below, as a share of the row

/** [low, high] of a row for the visible values (arrays of numbers), or null if there are none.
 *
 * With `floor` the row starts there. Otherwise it covers all values; `zero` includes zero, `even` in addition centres it. The row
 * spans at least `least`, or the noise of a straight road would look like steering.
 */
export function extent(values, { floor, zero = false, even = false, least = 0 } = {}) {
  const known = values.map((one) => Float64Array.from(one.filter(Number.isFinite)).sort()).filter((one) => one.length);
  if (!known.length) return null;
  const high = Math.max(...known.map(floor === undefined ? (one) => one.at(-1) : typicalTop));
  if (floor !== undefined) return high > floor ? [floor - MARGIN * (high - floor), high + MARGIN * (high - floor)] : null;
  let [from, to] = [Math.min(...known.map((one) => one[0])), high];
  if (zero && even) [from, to] = [-Math.max(to, -from), Math.max(to, -from)];
  else if (zero) [from, to] = [Math.min(from, 0), Math.max(to, 0)];
  const lacking = Math.max(0, least - (to - from)) / 2;
  const margin = MARGIN * (to - from + 2 * lacking) || 1;
  return [from - lacking - margin, to + lacking + margin];
}

// a single outlier in a long drive must not flatten all other frames: it may exceed the row's top
function typicalTop(sorted) {
  const maximum = sorted.at(-1);
  return sorted.length < MANY ? maximum : Math.min(maximum, 3 * sorted[Math.floor(0.99 * (sorted.length - 1))]) || maximum;
}

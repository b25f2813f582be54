// How far a row of the timeline reaches up and down for what is in view.

const MANY = 500;  // points from which on one of them may be left to leave the row
const ROOM = 0.08; // of the row, free above and below

/** [low, high] of a row for the values in view, arrays of numbers; null where there are none.
 *
 * `floor` is where the row begins, where it has one. Else it holds the values, with zero where `zero` asks for it, in the middle where
 * `even` does too, and spans at least `least`, or the noise of a straight road would look like steering.
 */
export function extent(values, { floor, zero = false, even = false, least = 0 } = {}) {
  const known = values.map((one) => Float64Array.from(one.filter(Number.isFinite)).sort()).filter((one) => one.length);
  if (!known.length) return null;
  const high = Math.max(...known.map(floor === undefined ? (one) => one.at(-1) : usualTop));
  if (floor !== undefined) return high > floor ? [floor - ROOM * (high - floor), high + ROOM * (high - floor)] : null;
  let [from, to] = [Math.min(...known.map((one) => one[0])), high];
  if (zero && even) [from, to] = [-Math.max(to, -from), Math.max(to, -from)];
  else if (zero) [from, to] = [Math.min(from, 0), Math.max(to, 0)];
  const lacking = Math.max(0, least - (to - from)) / 2;
  const room = ROOM * (to - from + 2 * lacking) || 1;
  return [from - lacking - room, to + lacking + room];
}

// one wild frame of a long drive must not press all others flat: it may leave the row at its top
function usualTop(sorted) {
  const most = sorted.at(-1);
  return sorted.length < MANY ? most : Math.min(most, 3 * sorted[Math.floor(0.99 * (sorted.length - 1))]) || most;
}

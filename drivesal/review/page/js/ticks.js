// Ticks of the timeline: times along its frame axis, and round values.

import { clock } from "./format.js";

const STEPS_S = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];

/** {ticks, labels}: positions [frame] and their times, about one every `spacing` px. */
export function timeTicks(from, to, pixels, timeAt, frameAt, spacing = 90) {
  const start = timeAt(from);
  const end = timeAt(to);
  const wanted = Math.max(1, pixels / spacing);
  const step = STEPS_S.find((one) => (end - start) / one <= wanted) ?? STEPS_S.at(-1);
  const decimals = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  const ticks = [];
  const labels = new Map();
  for (let n = Math.ceil(start / step); n * step <= end + 1e-9; n++) {
    const position = frameAt(n * step);
    ticks.push(position);
    labels.set(position, clock(n * step, decimals));
  }
  return { ticks, labels };
}

/** The fractional frame of a time, interpolated in ascending `times`, extrapolated by the frame rate. */
export function frameOf(times, rate, time) {
  const length = times.length;
  if (length < 2 || time > times[length - 1]) {
    const last = length ? times[length - 1] : 0;
    return Math.max(0, length - 1) + (time - last) * rate;
  }
  let low = 0;
  let high = length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle;
    else high = middle;
  }
  const span = times[high] - times[low];
  return low + (span > 0 ? (time - times[low]) / span : 0);
}

/** The time of a fractional frame, interpolated in `times`, extrapolated by the frame rate. */
export function timeOf(times, rate, frame) {
  const length = times.length;
  const known = (i) => (Number.isFinite(times[i]) ? times[i] : i / rate);
  if (frame <= 0) return (length ? known(0) : 0) + frame / rate;
  if (frame >= length - 1) return (length ? known(length - 1) : 0) + (frame - Math.max(length - 1, 0)) / rate;
  const low = Math.floor(frame);
  return known(low) + (frame - low) * (known(low + 1) - known(low));
}

const ROUND = [5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02];
const LESS_ROUND = [4, 3, 2.5, 1.5, 0.8, 0.6, 0.4, 0.3, 0.25];

/** Round values from `low` to `high`: at least two and, if possible, at most `most` (2 or more). */
export function valueTicks(low, high, most) {
  if (!(high > low)) return [];
  const size = 10 ** Math.floor(Math.log10(high - low));
  const fits = (one) => one.length >= 2 && one.length <= most;
  const finest = (factors) => factors.map((factor) => multiples(low, high, factor * size)).filter(fits).at(-1);
  return finest(ROUND) ?? finest(LESS_ROUND) ?? valueTicks(low, high, most + 1);
}

function multiples(low, high, step) {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

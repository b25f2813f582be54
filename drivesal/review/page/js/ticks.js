// Marks of time along the timeline, whose axis counts frames.

import { clock } from "./format.js";

const STEPS_S = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];

/** {ticks, labels}: places [frame] and their times, about one every `apart` px. */
export function timeTicks(from, to, pixels, timeAt, frameAt, apart = 90) {
  const start = timeAt(from);
  const end = timeAt(to);
  const wanted = Math.max(1, pixels / apart);
  const step = STEPS_S.find((one) => (end - start) / one <= wanted) ?? STEPS_S.at(-1);
  const decimals = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  const ticks = [];
  const labels = new Map();
  for (let n = Math.ceil(start / step); n * step <= end + 1e-9; n++) {
    const place = frameAt(n * step);
    ticks.push(place);
    labels.set(place, clock(n * step, decimals));
  }
  return { ticks, labels };
}

/** Where in ascending `times` a time lies, between frames too; beyond what is known by the rate. */
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

/** The time of a frame, between frames and beyond what is known too. */
export function timeOf(times, rate, frame) {
  const length = times.length;
  const known = (i) => (Number.isFinite(times[i]) ? times[i] : i / rate);
  if (frame <= 0) return (length ? known(0) : 0) + frame / rate;
  if (frame >= length - 1) return (length ? known(length - 1) : 0) + (frame - Math.max(length - 1, 0)) / rate;
  const low = Math.floor(frame);
  return known(low) + (frame - low) * (known(low + 1) - known(low));
}

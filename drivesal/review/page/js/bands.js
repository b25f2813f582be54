// Bands mark the frames to look at: large errors, and jumps of the attribution while the image hardly changes.

const LARGE = 2;     // times the drive's RMSE
const JUMP = 4;      // robust standard deviations above the median
const MERGED_S = 0.5;
const MAD = 1.4826;  // standard deviation per median absolute deviation of a normal distribution

/** [first, last] frames of each run for which `hit(i)` is true; runs up to MERGED_S apart are merged. */
export function runs(times, hit) {
  const bands = [];
  let last = null;
  for (let i = 0; i < times.length; i++) {
    if (!hit(i)) continue;
    if (last && times[i] - times[last[1]] <= MERGED_S) last[1] = i;
    else bands.push((last = [i, i]));
  }
  return bands;
}

/** {bands, limit}: the frames whose |angle − truth| exceeds LARGE times its root mean square. */
export function errorBands(times, angle, truth) {
  let sum = 0;
  let known = 0;
  for (let i = 0; i < angle.length; i++) {
    const error = angle[i] - truth[i];
    if (!Number.isFinite(error)) continue;
    sum += error * error;
    known++;
  }
  if (!known) return { bands: [], limit: NaN };
  const rmse = Math.sqrt(sum / known);
  const limit = LARGE * rmse;
  return { bands: runs(times, (i) => Math.abs(angle[i] - truth[i]) > limit), limit };
}

/** {bands, limit}: outliers of `moved` among the frames whose image changes no more than the median. */
export function jumpBands(times, moved, changed) {
  const typical = median(changed.filter(Number.isFinite));
  const calm = moved.filter((value, i) => Number.isFinite(value) && changed[i] <= typical);
  if (calm.length < 10) return { bands: [], limit: NaN };
  const middle = median(calm);
  const spread = MAD * median(calm.map((value) => Math.abs(value - middle)));
  const limit = middle + JUMP * Math.max(spread, 1e-6);
  return { bands: runs(times, (i) => moved[i] > limit && changed[i] <= typical), limit };
}

function median(values) {
  if (!values.length) return NaN;
  const sorted = Float64Array.from(values).sort();
  return sorted[sorted.length >> 1];
}

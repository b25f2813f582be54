// Decimates a long series for display: the minimum and the maximum of each pixel column.

/** [x, y] of the frames `from`..`to` (x: frame indices); unchanged if they are few for `pixels` columns. */
export function decimate(values, from, to, pixels) {
  const first = Math.max(0, Math.floor(from) - 1);
  const end = Math.min(values.length, Math.ceil(to) + 2);
  const x = [];
  const y = [];
  const width = Math.max(1, Math.floor((end - first) / (2 * Math.max(pixels, 1))));
  for (let start = first; start < end; start += width) {
    let low = start;
    let high = start;
    for (let i = start + 1; i < Math.min(start + width, end); i++) {
      // comparisons with NaN are false: only a column without any value becomes a gap
      if (!(values[i] >= values[low])) low = Number.isNaN(values[i]) ? low : i;
      if (!(values[i] <= values[high])) high = Number.isNaN(values[i]) ? high : i;
    }
    for (const i of low < high ? [low, high] : high < low ? [high, low] : [low]) {
      x.push(i);
      y.push(values[i]);
    }
  }
  return [x, y];
}

// How many columns show so many pictures largest.

/** {columns, width, height} of the pictures in a space, each with `caption` px of text below it. */
export function fit(count, aspect, space, caption, gap) {
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const across = (space.width - gap * (columns - 1)) / columns;
    const down = (space.height - gap * (rows - 1)) / rows - caption;
    const width = Math.floor(Math.min(across, down * aspect));
    if (width > best.width) best = { columns, width, height: Math.floor(width / aspect) };
  }
  return best;
}

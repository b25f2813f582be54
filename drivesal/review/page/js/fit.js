// How many columns show so many pictures largest.

/** {columns, width, height, caption} of the pictures in a space; `captionOf(width)` is the height of the text below one [px]. */
export function fit(count, aspect, space, captionOf, gap) {
  let best = { columns: 1, width: 0, height: 0, caption: captionOf(0) };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const across = (space.width - gap * (columns - 1)) / columns;
    const withCaption = (caption) => {
      const down = (space.height - gap * (rows - 1)) / rows - caption;
      return { columns, caption, width: Math.floor(Math.min(across, down * aspect)) };
    };
    let found = withCaption(captionOf(across));
    // a picture that has to be smaller may need more lines below it
    if (captionOf(found.width) > found.caption) found = withCaption(captionOf(found.width));
    if (found.width > best.width) best = { ...found, height: Math.floor(found.width / aspect) };
  }
  return best;
}

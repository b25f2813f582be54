// The grid that shows a number of images as large as possible.

/** {columns, width, height, caption} [px] of images within `space`; `captionOf(width)` is the height of an image's caption. */
export function fit(count, aspect, space, captionOf, gap) {
  let best = { columns: 1, width: 0, height: 0, caption: captionOf(0) };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const available = (space.width - gap * (columns - 1)) / columns;
    const withCaption = (caption) => {
      const down = (space.height - gap * (rows - 1)) / rows - caption;
      return { columns, caption, width: Math.floor(Math.min(available, down * aspect)) };
    };
    let layout = withCaption(captionOf(available));
    // a narrower image may need more lines of caption
    if (captionOf(layout.width) > layout.caption) layout = withCaption(captionOf(layout.width));
    if (layout.width > best.width) best = { ...layout, height: Math.floor(layout.width / aspect) };
  }
  return best;
}

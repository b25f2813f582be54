// The cases that the server hands out, and their lines on the timeline.

/** The name of the colour of a case's line, as CSS has it. */
export const laneColour = (name) => `--case-${name}`;

/** Gives the lines their colours, one for each theme of the page. */
export function useLanes(lanes) {
  for (const { case: name, colours } of lanes) {
    document.documentElement.style.setProperty(laneColour(name), `light-dark(${colours.join(", ")})`);
  }
}

/** Those of the cases that cost passes of their own, by name: they are computed only where they are asked for. */
export const namedOnly = (cases) => cases.filter((one) => one.shown === "named").map((one) => one.name);

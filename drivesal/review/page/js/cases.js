// Cases as the server describes them, and the colours of their lines on the timeline.

/** The CSS variable with the colour of a case's line. */
export const laneColour = (name) => `--case-${name}`;

/** Defines the lines' colours, for the light and the dark theme. */
export function useLanes(lanes) {
  for (const { case: name, colours } of lanes) {
    document.documentElement.style.setProperty(laneColour(name), `light-dark(${colours.join(", ")})`);
  }
}

/** The names of the cases that need passes of their own, which the server computes only on request. */
export const requestedOnly = (cases) => cases.filter((one) => one.shown === "named").map((one) => one.name);

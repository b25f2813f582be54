// The table of keyboard shortcuts, which help.js lists, and their dispatch.

import { handlesKeys } from "./dom.js";
import { capitalised } from "./format.js";

/** Groups [title, entries]; an entry is [keys as listed, description, matches(event), action(event)], the first match wins. */
export function keyTable(act, cases, panelEntries) {
  const plain = (...keys) => (event) => !event.shiftKey && keys.includes(event.key);
  const shifted = (...keys) => (event) => event.shiftKey && keys.includes(event.key);
  const any = (...keys) => (event) => keys.includes(event.key);
  return [
    ["Playback", [
      ["→ ←", "Next, previous frame", plain("ArrowRight", "ArrowLeft"), (event) => act.step(event.key === "ArrowRight" ? 1 : -1)],
      ["Shift + → ←", "Ten frames forward, back", shifted("ArrowRight", "ArrowLeft"), (event) => act.step(event.key === "ArrowRight" ? 10 : -10)],
      ["Space", "Play or pause", plain(" "), () => act.play()],
      ["Home End", "First, last frame", any("Home", "End"), (event) => act.go(event.key === "Home" ? 0 : Infinity)],
      ["G", "Go to a frame number", any("g", "G"), () => act.focus("frame-number")],
    ]],
    ["View", [
      ...caseKeys(cases.filter((one) => one.key), act),
      ["0 or A", "Show cases side by side", any("0", "a", "A"), () => act.all()],
      ["F", "Show or hide the plain frame", any("f", "F"), () => act.toggleFrame()],
      ["M", "Choose the method", any("m", "M"), () => act.focus("method")],
      ["B", "Model A, B or both", any("b", "B"), () => act.nextModel()],
      ["S", "Show or hide the side panel", any("s", "S"), () => act.toggleSide()],
    ]],
    ["Timeline", [
      ["+ −", "Zoom in, out", any("+", "=", "-", "_"), (event) => act.zoom(event.key === "+" || event.key === "=")],
      ["Z", "Show the whole drive", any("z", "Z"), () => act.wholeDrive()],
    ]],
    ["Side panel", [
      ...panelEntries,
      ["Ctrl + Z", "Undo the last edit; with Shift, or Ctrl + Y: redo", isUndo, (event) => (event.shiftKey || /y/i.test(event.key) ? act.redo() : act.undo())],
      ["U", "Undo the last edit (with Shift: redo)", any("u", "U"), (event) => (event.shiftKey ? act.redo() : act.undo())],
    ]],
    ["Pixel value", [
      ["I J K", "Move the crosshair up, left, down", any("i", "j", "k"), (event) => act.probe({ i: [0, -1], j: [-1, 0], k: [0, 1] }[event.key])],
      ["O", "Move the crosshair right", any("o"), () => act.probe([1, 0])],
      ["Esc", "Leave a field; remove the crosshair", any("Escape"), () => act.escape()],
    ]],
    ["Help", [["?", "Show this list", any("?"), () => act.help()]]],
  ];
}

const PER_LINE = 3;

// a few keys per line, as the help lists them
function caseKeys(cases, act) {
  const lines = [];
  for (let i = 0; i < cases.length; i += PER_LINE) {
    const group = cases.slice(i, i + PER_LINE);
    
    lines.push([group.map((one) => one.key).join(" "), capitalised(group.map((one) => one.title).join(", ")),
      (event) => group.some((one) => one.key === event.key), (event) => act.show(group.find((one) => one.key === event.key))]);
  }
  return lines;
}

// Ctrl+Z, Ctrl+Shift+Z, Ctrl+Y; the Command key on a Mac
const isUndo = (event) => (event.ctrlKey || event.metaKey) && !event.altKey && /^[zy]$/i.test(event.key);

// text fields have an undo of their own; sliders, check boxes and lists have none
const hasOwnUndo = (element) => handlesKeys(element) && !/^(range|checkbox|radio|select-one)$/.test(element.type);

export function startKeys(table) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.ctrlKey || event.metaKey) {
      if (!isUndo(event) || hasOwnUndo(event.target)) return;
    } else if (handlesKeys(event.target)) {
      if (event.key === "Escape") event.target.blur();
      // a check box handles no letters
      if (!(event.target.type === "checkbox") || event.key === " ") return;
    }
    // Space and Enter press the focused button
    if (event.target instanceof HTMLButtonElement && (event.key === " " || event.key === "Enter")) return;
    for (const [, entries] of table) {
      for (const [, , fits, act] of entries) {
        if (!fits(event) || (fits !== isUndo && (event.ctrlKey || event.metaKey))) continue;
        event.preventDefault();
        act(event);
        return;
      }
    }
  });
  // a clicked button or slider must not consume the next key press
  addEventListener("click", (event) => {
    if (event.detail > 0) event.target.closest?.("button:not([role=tab])")?.blur();
  });
  let pointed = 0;
  addEventListener("pointerdown", () => { pointed = performance.now(); }, true);
  addEventListener("change", (event) => {
    const byPointer = performance.now() - pointed < 3000;
    if (byPointer && event.target.matches?.("select, [type=range], [type=checkbox], [type=radio]")) event.target.blur();
  });
}

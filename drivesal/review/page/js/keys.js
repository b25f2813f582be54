// What keys do; help.js lists the same table.

import { takesKeys } from "./dom.js";

/** [keys as written in help, what it does, test, act]; the first that fits is taken. */
export function keyTable(act, cases, ofPanels) {
  const plain = (...keys) => (event) => !event.shiftKey && keys.includes(event.key);
  const shifted = (...keys) => (event) => event.shiftKey && keys.includes(event.key);
  const any = (...keys) => (event) => keys.includes(event.key);
  return [
    ["Stepping", [
      ["→ ←", "one frame on, back", plain("ArrowRight", "ArrowLeft"), (event) => act.step(event.key === "ArrowRight" ? 1 : -1)],
      ["Shift + → ←", "ten frames", shifted("ArrowRight", "ArrowLeft"), (event) => act.step(event.key === "ArrowRight" ? 10 : -10)],
      ["Space", "play, pause", plain(" "), () => act.play()],
      ["Home End", "first, last frame", any("Home", "End"), (event) => act.go(event.key === "Home" ? 0 : Infinity)],
      ["G", "type a frame's number", any("g", "G"), () => act.focus("frame-number")],
    ]],
    ["View", [
      ...caseKeys(cases.filter((one) => one.key), act),
      ["0 or A", "cases side by side", any("0", "a", "A"), () => act.all()],
      ["F", "the plain frame beside the heat, or not", any("f", "F"), () => act.toggleFrame()],
      ["M", "choose the method", any("m", "M"), () => act.focus("method")],
      ["B", "model A, B, both", any("b", "B"), () => act.nextModel()],
      ["S", "side column, or larger pictures", any("s", "S"), () => act.toggleSide()],
    ]],
    ["Timeline", [
      ["+ −", "closer, farther", any("+", "=", "-", "_"), (event) => act.zoom(event.key === "+" || event.key === "=")],
      ["Z", "the whole drive", any("z", "Z"), () => act.wholeDrive()],
    ]],
    ["Side column", [
      ...ofPanels,
      ["Ctrl + Z", "undo the last edit; with Shift, or Ctrl + Y: redo", undoing, (event) => (event.shiftKey || /y/i.test(event.key) ? act.redo() : act.undo())],
      ["U", "undo the last edit (Shift: redo)", any("u", "U"), (event) => (event.shiftKey ? act.redo() : act.undo())],
    ]],
    ["A pixel's value", [
      ["I J K", "move the mark up, left, down", any("i", "j", "k"), (event) => act.probe({ i: [0, -1], j: [-1, 0], k: [0, 1] }[event.key])],
      ["O", "move the mark right", any("o"), () => act.probe([1, 0])],
      ["Esc", "leave a field; take the mark away", any("Escape"), () => act.escape()],
    ]],
    ["Help", [["?", "this list", any("?"), () => act.help()]]],
  ];
}

const PER_LINE = 3;

// a few keys a line, as help lists them
function caseKeys(cases, act) {
  const lines = [];
  for (let i = 0; i < cases.length; i += PER_LINE) {
    const some = cases.slice(i, i + PER_LINE);
    const list = (what) => some.map(what);
    lines.push([list((one) => one.key).join(" "), list((one) => one.title).join(", "),
      (event) => some.some((one) => one.key === event.key), (event) => act.show(some.find((one) => one.key === event.key))]);
  }
  return lines;
}

// Ctrl+Z, Ctrl+Shift+Z, Ctrl+Y; the Command key on a Mac
const undoing = (event) => (event.ctrlKey || event.metaKey) && !event.altKey && /^[zy]$/i.test(event.key);

// a field of text has an undo of its own; a slider, a box to tick and a list have none
const takesText = (element) => takesKeys(element) && !/^(range|checkbox|radio|select-one)$/.test(element.type);

export function startKeys(table) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.ctrlKey || event.metaKey) {
      if (!undoing(event) || takesText(event.target)) return;
    } else if (takesKeys(event.target)) {
      if (event.key === "Escape") event.target.blur();
      // checkboxes and buttons of choice take no letters
      if (!(event.target.type === "checkbox") || event.key === " ") return;
    }
    // Space and Enter press the button that has the focus
    if (event.target instanceof HTMLButtonElement && (event.key === " " || event.key === "Enter")) return;
    for (const [, entries] of table) {
      for (const [, , fits, act] of entries) {
        if (!fits(event) || (fits !== undoing && (event.ctrlKey || event.metaKey))) continue;
        event.preventDefault();
        act(event);
        return;
      }
    }
  });
  // who clicks goes on with keys: the button or slider clicked must not eat the next one
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

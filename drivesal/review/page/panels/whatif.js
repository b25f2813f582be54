// What if the picture were another: its panel of fields.

import { Boxes } from "../js/boxes.js";
import { $, make, say } from "../js/dom.js";
import { editOf, FILLS } from "../js/edits.js";

const SLIDERS = {
  brightness: (value) => `${value > 0 ? "+" : ""}${value} of 255`,
  contrast: (value) => `× ${value.toFixed(2)}`,
  blur: (value) => `${value} px`,
  "shift-x": (value) => (value ? `${Math.abs(value)} px ${value > 0 ? "right" : "left"}` : "0 px"),
  "shift-y": (value) => (value ? `${Math.abs(value)} px ${value > 0 ? "down" : "up"}` : "0 px"),
};
const EDGES = ["left", "top", "right", "bottom"];
const MOST = 50;

export default class WhatIf {
  static title = "What if";
  static order = 20;
  static live = true;
  static key = "W";
  static help = "what if";
  static markup = `
  <p class="quiet">Draw a box on a picture; the network answers at once.</p>
  <div class="form">
    <label class="row"><span>fill boxes with</span> <select id="fill"><option value="mean">the drive's mean</option><option value="blur">blurred</option><option value="black">black</option></select></label>
  </div>
  <div class="actions">
    <button type="button" id="add-box">Add a box</button>
    <button type="button" id="undo">Undo</button>
    <button type="button" id="redo">Redo</button>
    <button type="button" id="reset">Reset</button>
  </div>
  <ol id="boxes" class="boxes"></ol>
  <h2>The whole frame</h2>
  <div class="form">
    <label class="slider"><span>brightness</span><output id="brightness-text"></output><input id="brightness" type="range" min="-150" max="150" step="1" value="0"></label>
    <label class="slider"><span>contrast</span><output id="contrast-text"></output><input id="contrast" type="range" min="0" max="3" step="0.05" value="1"></label>
    <label class="slider"><span>blur</span><output id="blur-text"></output><input id="blur" type="range" min="0" max="30" step="0.5" value="0"></label>
    <label class="slider"><span>shift across</span><output id="shift-x-text"></output><input id="shift-x" type="range" min="-100" max="100" step="1" value="0"></label>
    <label class="slider"><span>shift down</span><output id="shift-y-text"></output><input id="shift-y" type="range" min="-100" max="100" step="1" value="0"></label>
  </div>
  `;

  #drive; #store; #edits;

  constructor({ drive, store, stage, edits }) {
    this.#drive = drive;
    this.#store = store;
    this.#edits = edits;
    const drawing = () => document.body.dataset.tab === "whatif" && editOf(store.now).boxes.length < MOST;
    new Boxes(drive, store, stage, edits, () => $("fill").value, drawing);
    for (const id of Object.keys(SLIDERS)) {
      const field = $(id);
      const bound = id === "shift-x" ? Math.round(drive.width / 4) : id === "shift-y" ? Math.round(drive.height / 4) : null;
      if (bound) { field.min = -bound; field.max = bound; }
      field.addEventListener("input", () => this.#slide());
      field.addEventListener("change", () => edits.commit());
    }
    $("undo").addEventListener("click", () => edits.undo());
    $("redo").addEventListener("click", () => edits.redo());
    $("reset").addEventListener("click", () => edits.reset());
    $("edited-reset").addEventListener("click", () => edits.reset());
    $("add-box").addEventListener("click", () => this.#add());
    store.on(["edit", "edits"], (_, changed, how) => {
      if (how === "address") edits.adopt();
      this.show();
    });
    this.show();
  }

  #slide() {
    const value = (id) => Number($(id).value);
    this.#edits.show({
      brightness: value("brightness"), contrast: value("contrast"), blur: value("blur"), shift: [value("shift-x"), value("shift-y")],
    });
  }

  show() {
    const edit = editOf(this.#store.now);
    const values = { brightness: edit.brightness, contrast: edit.contrast, blur: edit.blur, "shift-x": edit.shift[0], "shift-y": edit.shift[1] };
    for (const [id, text] of Object.entries(SLIDERS)) {
      if (document.activeElement !== $(id) || Number($(id).value) !== values[id]) $(id).value = values[id];
      say($(`${id}-text`), text(values[id]));
    }
    $("undo").disabled = !this.#edits.undoable;
    $("redo").disabled = !this.#edits.redoable;
    $("reset").disabled = !this.#store.now.edit;
    document.body.classList.toggle("is-edited", Boolean(this.#store.now.edit));
    $("add-box").disabled = edit.boxes.length >= MOST;
    this.#list(edit.boxes);
  }

  // numbers for every box, so that the mouse is not needed; kept in place while one types in them
  #list(boxes) {
    const host = $("boxes");
    while (host.children.length > boxes.length) host.lastChild.remove();
    while (host.children.length < boxes.length) host.append(this.#row(host.children.length));
    boxes.forEach((box, place) => {
      for (const field of host.children[place].querySelectorAll("[data-edge]")) {
        if (document.activeElement !== field) field.value = box[field.dataset.edge];
      }
    });
  }

  #row(place) {
    const edges = EDGES.map((edge) => make("label", { class: "edge" }, make("span", { text: edge }), this.#edge(place, edge)));
    const fill = make("select", { "data-edge": "fill", "aria-label": `fill of box ${place + 1}` },
      ...Object.entries(FILLS).map(([value, text]) => make("option", { value, text })));
    fill.addEventListener("change", () => this.#change(place, { fill: fill.value }));
    const remove = make("button", { type: "button", class: "plain", "aria-label": `Remove box ${place + 1}`, text: "×",
      on: { click: () => this.#edits.do({ boxes: editOf(this.#store.now).boxes.filter((_, i) => i !== place) }) } });
    return make("li", {}, make("div", { class: "box-head" }, make("strong", { text: `box ${place + 1}` }), fill, remove),
      make("div", { class: "edges" }, ...edges));
  }

  #edge(place, edge) {
    const most = edge === "left" || edge === "right" ? this.#drive.width : this.#drive.height;
    const field = make("input", { type: "number", min: 0, max: most, step: 1, "data-edge": edge });
    field.addEventListener("input", () => {
      if (field.value !== "" && field.checkValidity()) this.#change(place, { [edge]: Number(field.value) });
    });
    return field;
  }

  #change(place, patch) {
    this.#edits.do({ boxes: editOf(this.#store.now).boxes.map((box, i) => (i === place ? { ...box, ...patch } : box)) });
  }

  // in the middle of what the model sees, to be moved by the fields
  #add() {
    const [left, top, right, bottom] = this.#drive.models[0]?.box ?? [0, 0, this.#drive.width, this.#drive.height];
    const across = right - left;
    const down = bottom - top;
    const box = {
      left: Math.round(left + across * 0.4), top: Math.round(top + down * 0.35),
      right: Math.round(left + across * 0.6), bottom: Math.round(top + down * 0.65), fill: $("fill").value,
    };
    this.#edits.do({ boxes: [...editOf(this.#store.now).boxes, box] });
    $("boxes").lastChild.querySelector("[data-edge='left']").focus();
  }
}

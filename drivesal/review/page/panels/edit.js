// The panel that edits the frame: boxes, brightness, contrast, blur and shift.

import { Boxes } from "../js/boxes.js";
import { $, make, setText } from "../js/dom.js";
import { editOf, FILLS } from "../js/edits.js";
import { capitalised } from "../js/format.js";

const SLIDERS = {
  brightness: (value) => `${value > 0 ? "+" : ""}${value} of 255`,
  contrast: (value) => `× ${value.toFixed(2)}`,
  blur: (value) => `${value} px`,
  "shift-x": (value) => (value ? `${Math.abs(value)} px ${value > 0 ? "right" : "left"}` : "0 px"),
  "shift-y": (value) => (value ? `${Math.abs(value)} px ${value > 0 ? "down" : "up"}` : "0 px"),
};
const EDGES = ["left", "top", "right", "bottom"];
const MAX_BOXES = 50;

export default class Edit {
  static title = "Edit";
  static order = 20;
  static live = true;
  static key = "W";
  static help = "Edit the frame";
  static markup = `
  <p class="quiet">Draw a box on any image. The prediction updates at once.</p>
  <div class="form">
    <label class="row"><span>Fill boxes with</span> <select id="fill"><option value="mean">Mean frame</option><option value="blur">Blurred</option><option value="black">Black</option></select></label>
  </div>
  <div class="actions">
    <button type="button" id="add-box">Add box</button>
    <button type="button" id="undo">Undo</button>
    <button type="button" id="redo">Redo</button>
    <button type="button" id="reset">Reset</button>
  </div>
  <ol id="boxes" class="boxes"></ol>
  <h2>Whole frame</h2>
  <div class="form">
    <label class="slider"><span>Brightness</span><output id="brightness-text"></output><input id="brightness" type="range" min="-150" max="150" step="1" value="0"></label>
    <label class="slider"><span>Contrast</span><output id="contrast-text"></output><input id="contrast" type="range" min="0" max="3" step="0.05" value="1"></label>
    <label class="slider"><span>Blur</span><output id="blur-text"></output><input id="blur" type="range" min="0" max="30" step="0.5" value="0"></label>
    <label class="slider"><span>Horizontal shift</span><output id="shift-x-text"></output><input id="shift-x" type="range" min="-100" max="100" step="1" value="0"></label>
    <label class="slider"><span>Vertical shift</span><output id="shift-y-text"></output><input id="shift-y" type="range" min="-100" max="100" step="1" value="0"></label>
  </div>
  `;

  #drive; #store; #edits;

  constructor({ drive, store, stage, edits }) {
    this.#drive = drive;
    this.#store = store;
    this.#edits = edits;
    const drawing = () => document.body.dataset.tab === "edit" && editOf(store.now).boxes.length < MAX_BOXES;
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
      setText($(`${id}-text`), text(values[id]));
    }
    $("undo").disabled = !this.#edits.undoable;
    $("redo").disabled = !this.#edits.redoable;
    $("reset").disabled = !this.#store.now.edit;
    document.body.classList.toggle("is-edited", Boolean(this.#store.now.edit));
    $("add-box").disabled = edit.boxes.length >= MAX_BOXES;
    this.#showBoxes(edit.boxes);
  }

  // number fields for every box, so that no mouse is needed; existing fields are reused, which keeps the focus while typing
  #showBoxes(boxes) {
    const host = $("boxes");
    while (host.children.length > boxes.length) host.lastChild.remove();
    while (host.children.length < boxes.length) host.append(this.#row(host.children.length));
    boxes.forEach((box, index) => {
      for (const field of host.children[index].querySelectorAll("[data-edge]")) {
        if (document.activeElement !== field) field.value = box[field.dataset.edge];
      }
    });
  }

  #row(index) {
    const edges = EDGES.map((edge) => make("label", { class: "edge" }, make("span", { text: capitalised(edge) }), this.#edge(index, edge)));
    const fill = make("select", { "data-edge": "fill", "aria-label": `Fill of box ${index + 1}` },
      ...Object.entries(FILLS).map(([value, text]) => make("option", { value, text: capitalised(text) })));
    fill.addEventListener("change", () => this.#change(index, { fill: fill.value }));
    const remove = make("button", { type: "button", class: "plain", "aria-label": `Remove box ${index + 1}`, text: "×",
      on: { click: () => this.#edits.do({ boxes: editOf(this.#store.now).boxes.filter((_, i) => i !== index) }) } });
    return make("li", {}, make("div", { class: "box-head" }, make("strong", { text: `Box ${index + 1}` }), fill, remove),
      make("div", { class: "edges" }, ...edges));
  }

  #edge(index, edge) {
    const most = edge === "left" || edge === "right" ? this.#drive.width : this.#drive.height;
    const field = make("input", { type: "number", min: 0, max: most, step: 1, "data-edge": edge });
    field.addEventListener("input", () => {
      if (field.value !== "" && field.checkValidity()) this.#change(index, { [edge]: Number(field.value) });
    });
    return field;
  }

  #change(index, patch) {
    this.#edits.do({ boxes: editOf(this.#store.now).boxes.map((box, i) => (i === index ? { ...box, ...patch } : box)) });
  }

  // at the centre of the model's input region; users move it with the fields
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

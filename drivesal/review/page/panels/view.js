// Drawing settings and the method's options, as form fields built from the server's schemas.

import { $, make, setText } from "../js/dom.js";
import { fields, isNumber, labelOf, valueText } from "../js/fields.js";
import { capitalised, short } from "../js/format.js";
import { casesOf } from "../js/plan.js";

const TYPING_MS = 350;

export default class View {
  static title = "View";
  static order = 40;
  static live = true;
  static key = "V";
  static help = "View settings";
  static markup = `
  <h2 id="method-title">Method</h2>
  <p class="quiet" id="method-kind"></p>
  <p class="equation" id="method-equation"></p>
  <div id="options" class="form"></div>
  <p id="no-options" class="quiet">This method has no options.</p>
  <h2>Drawing</h2>
  <div class="form">
    <div id="drawing" class="form"></div>
    <label class="check"><input id="show-frame" type="checkbox"> <span>Show the plain frame</span></label>
    <fieldset class="row"><legend>Cases side by side</legend><div id="beside" class="checks"></div></fieldset>
  </div>
  <h2>This drive</h2>
  <ul id="about" class="about"></ul>
  <p id="caption" class="quiet"></p>
  `;

  #drive; #store; #timer = 0; #built = "";

  constructor({ drive, store, stage }) {
    this.#drive = drive;
    this.#store = store;
    $("drawing").replaceChildren(...fields().map(([name, field]) => this.#control(name, field)));
    $("show-frame").addEventListener("change", () => store.set({ showFrame: $("show-frame").checked }));
    store.on([...fields().map(([name]) => name), "showFrame", "method", "options", "cases"], () => this.show());
    stage.addEventListener("numbers", ({ detail }) => this.#captions(detail.results));
    this.describe();
  }

  #captions(results) {
    const of = results.length > 1 ? (one) => `${"AB"[one.model]}: ` : () => "";
    $("caption").replaceChildren(...results.map((one) => make("span", { class: "caption-line", text: of(one) + one.caption })));
  }

  describe() {
    $("about").replaceChildren(...this.#about().map((text) => make("li", { text })));
    this.#built = "";
    this.show();
  }

  show() {
    const state = this.#store.now;
    for (const [name, field] of fields()) {
      if (field.type === "boolean") $(name).checked = state[name];
      else if (field.type !== "string" || field.enum || document.activeElement !== $(name)) $(name).value = state[name] ?? "";
      if (isNumber(field)) setText($(`${name}-text`), valueText(field, state[name]));
    }
    $("show-frame").checked = state.showFrame;
    this.#sideBySide(state);
    const method = this.#drive.methods.find((one) => one.name === state.method);
    if (!method) return;
    setText($("method-title"), method.title);
    setText($("method-kind"), capitalised(`${method.kind} · ${method.paper}`));
    setText($("method-equation"), method.equation);
    if (this.#built !== method.name) this.#options(method);
    for (const option of method.options) {
      const field = $(`option-${option.name}`);
      if (field && document.activeElement !== field) field.value = state.options[option.name] ?? option.default;
    }
  }

  // a list, a check box, a text field or a slider, depending on the setting's schema
  #control(name, field) {
    const title = make("span", { text: labelOf(field) });
    const apply = (value) => this.#store.set({ [name]: value });
    if (field.enum) {
      const select = make("select", { id: name }, ...field.enum.map((one) => make("option", { value: one, text: capitalised(field.words?.[one] ?? one) })));
      select.addEventListener("change", () => apply(select.value));
      return make("label", { class: "row", title: field.description }, title, select);
    }
    if (field.type === "boolean") {
      const box = make("input", { id: name, type: "checkbox" });
      box.addEventListener("change", () => apply(box.checked));
      return make("label", { class: "check", title: field.description }, box, title);
    }
    if (!isNumber(field)) {
      const text = make("input", { id: name, type: "text", maxlength: 200 });
      text.addEventListener("change", () => apply(text.value === "" ? field.default : text.value));
      return make("label", { class: "row", title: field.description }, title, text);
    }
    const step = field.type === "integer" ? 1 : field.maximum === 1 ? 0.05 : 0.5;
    const slider = make("input", { id: name, type: "range", min: field.minimum ?? 0, max: field.slider ?? field.maximum ?? 100, step });
    slider.addEventListener("input", () => {
      setText($(`${name}-text`), valueText(field, Number(slider.value)));
      apply(Number(slider.value));
    });
    return make("label", { class: "slider", title: field.description }, title, make("output", { id: `${name}-text` }), slider);
  }

  #sideBySide(state) {
    const boxes = casesOf(this.#drive, state.method).map((one) => make("label", { class: "check" },
      this.#check(one.name, state.cases.includes(one.name)), make("span", { text: capitalised(one.title) })));
    const focused = document.activeElement?.dataset?.beside;
    $("beside").replaceChildren(...boxes);
    if (focused) $("beside").querySelector(`[data-beside="${focused}"]`)?.focus();
  }

  #check(name, on) {
    const box = make("input", { type: "checkbox", "data-beside": name });
    box.checked = on;
    box.addEventListener("change", () => {
      const { cases } = this.#store.now;
      const order = this.#drive.cases.map((one) => one.name);
      const chosen = box.checked ? [...cases, name] : cases.filter((one) => one !== name);
      if (chosen.length) this.#store.set({ cases: order.filter((one) => chosen.includes(one)) });
      else box.checked = true;
    });
    return box;
  }

  // ---- the method's own options ----

  #options(method) {
    this.#built = method.name;
    clearTimeout(this.#timer); // pending input belongs to the previous method
    $("options").replaceChildren(...method.options.map((option) => make("label", { class: "field" },
      make("span", { class: "field-name", text: option.name }), this.#field(option), make("span", { class: "hint", text: hint(option) }))));
    $("no-options").hidden = method.options.length > 0;
  }

  #field(option) {
    const id = `option-${option.name}`;
    if (option.choices.length) {
      const select = make("select", { id }, ...option.choices.map((one) => make("option", { value: one, text: one })));
      select.addEventListener("change", () => this.#setOption(option, select.value));
      return select;
    }
    const numeric = option.type === "int" || option.type === "float";
    const field = make("input", {
      id, type: numeric ? "number" : "text", min: option.low, max: option.high,
      step: option.type === "int" ? 1 : "any", maxlength: numeric ? null : 200,
    });
    field.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#typed(option, field, numeric), TYPING_MS);
    });
    return field;
  }

  #typed(option, field, numeric) {
    if (!field.checkValidity() || (numeric && field.value === "")) { field.setAttribute("aria-invalid", "true"); return; }
    field.removeAttribute("aria-invalid");
    this.#setOption(option, numeric ? Number(field.value) : field.value);
  }

  #setOption(option, value) {
    const options = { ...this.#store.now.options, [option.name]: value };
    if (value === option.default) delete options[option.name];
    this.#store.set({ options });
  }

  // ---- drive and models ----

  #about() {
    const drive = this.#drive;
    const rate = Number(drive.rate.toFixed(2));
    return [
      `${drive.width} × ${drive.height} px, ${rate} frames/s`,
      ...drive.notes,
      ...drive.models.flatMap((model) => [
        `${model.name}: input of ${model.size[1]} × ${model.size[0]} px from the frame's x ${model.box[0]}–${model.box[2]}, y ${model.box[1]}–${model.box[3]}`,
        ...model.assumed.map((text) => `${model.name}, assumed: ${text}`),
        ...model.warnings.map((text) => `${model.name}: ${text}`),
      ]),
    ];
  }
}

function hint(option) {
  const range = option.low === null ? "" : ` (${short(option.low)} to ${short(option.high)})`;
  return `${option.help}${range}`;
}

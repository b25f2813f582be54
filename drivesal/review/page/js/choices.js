// The controls above the images: case, method, model.

import { $, make, setText } from "./dom.js";
import { capitalised } from "./format.js";
import { ALL, BOTH, casesOf, shownCases } from "./plan.js";

export class Choices {
  #drive; #store;

  constructor(drive, store) {
    this.#drive = drive;
    this.#store = store;
    $("method").addEventListener("change", () => store.set({ method: $("method").value, options: {} }));
    $("model").addEventListener("change", () => store.set({ model: $("model").value }));
    store.on(["case", "method", "model"], () => this.show());
    this.describe();
  }

  /** Fills the lists with the drive's methods and models. */
  describe() {
    const { methods, models } = this.#drive;
    const option = (one) => make("option", { value: one.name, text: one.title, disabled: Boolean(one.refused), title: one.refused });
    const fast = methods.filter((one) => one.passes <= 8);
    const slow = methods.filter((one) => one.passes > 8);
    $("method").replaceChildren(make("optgroup", { label: "Fast" }, ...fast.map(option)),
      make("optgroup", { label: "Slow: many passes per frame" }, ...slow.map(option)));
    $("model-box").hidden = models.length < 2;
    $("model").replaceChildren(make("option", { value: BOTH, text: "A and B" }),
      ...models.map((one, number) => make("option", { value: String(number), text: `${"AB"[number]}: ${one.name}` })));
    this.show();
  }

  show() {
    const state = this.#store.now;
    $("method").value = state.method;
    $("model").value = state.model;
    const method = this.#drive.methods.find((one) => one.name === state.method);
    setText($("caution"), method?.caution ? `Caution: ${method.caution}.` : "");
    const available = casesOf(this.#drive, state.method);
    const shown = state.case === ALL ? ALL : shownCases(this.#drive, state)[0].name;
    const buttons = this.#drive.cases.map((one) => {
      const swatch = make("span", { class: "swatch" });
      swatch.style.background = one.colour;
      return this.#button(one.name, capitalised(one.title), one.key, !available.includes(one), shown, swatch);
    });
    if (!this.#drive.exported) buttons.push(this.#button(ALL, "All", "0", false, shown, null));
    const focused = document.activeElement?.dataset?.case;
    const inside = $("cases").contains(document.activeElement);
    $("cases").replaceChildren(...buttons);
    if (inside) buttons.find((button) => button.dataset.case === focused)?.focus();
  }

  #button(name, title, key, missing, shown, swatch) {
    return make("button", {
      type: "button", "data-case": name, "aria-pressed": String(name === shown), disabled: missing,
      title: name === ALL ? "Cases side by side (key 0 or A)" : missing ? "This method has no sign: it cannot separate increase from decrease" : key ? `Key ${key}` : null,
      on: { click: () => this.#store.set({ case: name }) },
    }, key ? make("kbd", { text: key }) : null, swatch, make("span", { text: title }));
  }
}

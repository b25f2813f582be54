// The choices above the pictures: case, method, model.

import { $, make, say } from "./dom.js";
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

  /** Offers what the drive's server has. */
  describe() {
    const { methods, models } = this.#drive;
    const option = (one) => make("option", { value: one.name, text: one.title, disabled: Boolean(one.refused), title: one.refused });
    const usual = methods.filter((one) => one.passes <= 8);
    const slow = methods.filter((one) => one.passes > 8);
    $("method").replaceChildren(make("optgroup", { label: "At once" }, ...usual.map(option)),
      make("optgroup", { label: "Slower: many passes a frame" }, ...slow.map(option)));
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
    say($("caution"), method?.caution ? `Caution: ${method.caution}.` : "");
    const there = casesOf(this.#drive, state.method);
    const shown = state.case === ALL ? ALL : shownCases(this.#drive, state)[0].name;
    const buttons = this.#drive.cases.map((one) => {
      const swatch = make("span", { class: "swatch" });
      swatch.style.background = one.colour;
      return this.#button(one.name, one.title, one.key, !there.includes(one), shown, swatch);
    });
    if (!this.#drive.exported) buttons.push(this.#button(ALL, "all", "0", false, shown, null));
    const held = document.activeElement?.dataset?.case;
    const inside = $("cases").contains(document.activeElement);
    $("cases").replaceChildren(...buttons);
    if (inside) buttons.find((button) => button.dataset.case === held)?.focus();
  }

  #button(name, title, key, missing, shown, swatch) {
    return make("button", {
      type: "button", "data-case": name, "aria-pressed": String(name === shown), disabled: missing,
      title: name === ALL ? "side by side: key 0 or A" : missing ? "this method has no sign: it does not tell increase from decrease" : key ? `key ${key}` : null,
      on: { click: () => this.#store.set({ case: name }) },
    }, key ? make("kbd", { text: key }) : null, swatch, make("span", { text: title }));
  }
}

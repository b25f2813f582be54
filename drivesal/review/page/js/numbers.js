// The numbers of the current frame, also announced to screen readers.

import { $, make, setText } from "./dom.js";
import { editText } from "./edits.js";
import { angle, changeText, clock, count, errorText } from "./format.js";
import { Gauge } from "./gauge.js";
import { notice } from "./notices.js";
import { modelsOf } from "./plan.js";

const ANNOUNCE_DELAY_MS = 700;

export class Numbers {
  #drive; #store; #rows; #gauge = new Gauge($("gauge")); #timer = 0; #errors = new Map(); #received = false;

  constructor(drive, store, stage, rows) {
    this.#drive = drive;
    this.#store = store;
    this.#rows = rows;
    this.#frameField();
    store.on(["frame", "model"], (state) => this.#preview(state));
    store.on(["edit"], (state) => this.#edited(state.edit));
    stage.addEventListener("numbers", ({ detail }) => this.#receive(detail));
    stage.addEventListener("failed", ({ detail }) => this.#failed(detail));
    rows.addEventListener("limit", () => this.#flagErrors());
    rows.addEventListener("rows", () => {
      this.#gauge.setReach(rows.reach());
      if (!this.#received) this.#preview(store.now);
    });
    this.#edited(store.now.edit);
    this.#preview(store.now);
  }

  #frameField() {
    const input = $("frame-number");
    input.max = this.#drive.frames - 1;
    input.style.width = `${String(this.#drive.frames).length + 1.3}ch`;
    setText($("frame-count"), `of ${count(this.#drive.frames)}`);
    input.addEventListener("change", () => {
      const entered = Math.round(Number(input.value));
      if (input.value !== "" && Number.isFinite(entered)) {
        this.#store.set({ frame: Math.max(0, Math.min(this.#drive.frames - 1, entered)) }, "jump");
      }
      input.value = this.#store.now.frame;
      input.blur();
    });
  }

  // shows the numbers at once if the timeline has them; else those of the previous frame stay, dimmed, until the response arrives
  #preview(state) {
    if (document.activeElement !== $("frame-number")) $("frame-number").value = state.frame;
    const models = modelsOf(this.#drive, state);
    const results = models.map((model) => this.#rows.at(model, state.frame));
    setText($("time"), clock(results[0]?.time_s ?? state.frame / this.#drive.rate));
    const known = !state.edit && results.every(Boolean);
    $("numbers").classList.toggle("late", !known);
    if (known) this.#show(models, results.map((one) => one.angle), results[0].truth, null);
  }

  #edited(edit) {
    $("edited").hidden = !edit;
    setText($("edited-text"), edit ? `Edited: ${editText(edit)}` : "");
    $("edited-text").title = edit ? editText(edit) : "";
  }

  #receive({ results, state, frame }) {
    this.#received = true;
    const [first] = results;
    if (frame === this.#store.now.frame) {
      setText($("time"), clock(first.time_s));
      $("numbers").classList.remove("late");
      this.#show(results.map((one) => one.model), results.map((one) => one.angle), first.truth, state.edit ? results.map((one) => one.before) : null);
    }
    this.#showDetails(results, state);
    clearTimeout(this.#timer);
    if (!this.#store.now.playing) this.#timer = setTimeout(() => this.#announce(results, state), ANNOUNCE_DELAY_MS);
  }

  #showDetails(results, state) {
    const of = results.length > 1 ? (one) => `${"AB"[one.model]}: ` : () => "";
    const errors = results.filter((one) => one.completeness_error !== null)
      .map((one) => of(one) + angle(one.completeness_error, 1));
    setText($("completeness"), errors.length ? `Completeness error ${errors.join(" · ")}` : "");
    setText($("extras"), Object.entries(results[0].extras).map(([name, value]) => `${name} ${typeof value === "number" ? value.toFixed(1) : value}`).join(" · "));
    // the method's caution is already shown beside its name
    const { caution } = this.#drive.methods.find((one) => one.name === state.method) ?? {};
    const warnings = results.flatMap((one) => one.warnings.filter((text) => !caution || !text.endsWith(caution)).map((text) => of(one) + text));
    notice("warnings", [...new Set(warnings)].join(" · "), "warn");
  }

  #failed({ error }) {
    if (error.starting) return;
    for (const id of ["predicted", "before", "change", "truth", "error"]) lines($(id), ["–"]);
    $("numbers").classList.remove("late");
    this.#errors.clear();
    this.#gauge.show([], null, null);
  }

  #show(models, angles, truth, before) {
    // whether the labels can be compared is known once the models are loaded
    for (const id of ["truth-box", "error-box"]) $(id).hidden = !this.#drive.has_truth;
    const of = models.length > 1 ? (i) => `${"AB"[models[i]]} ` : () => "";
    const each = (values, text) => values.map((value, i) => of(i) + text(value));
    const more = before ? 1 : 0; // an edit often changes less than a tenth of a degree
    $("numbers").classList.toggle("two", models.length > 1);
    lines($("predicted"), each(angles, (value) => angle(value, more)));
    setText($("predicted-label"), before ? "Edited" : "Prediction");
    for (const id of ["before-box", "change-box"]) $(id).hidden = !before;
    if (before) {
      lines($("before"), each(before, (value) => angle(value, 1)));
      lines($("change"), each(angles.map((value, i) => value - before[i]), changeText));
    }
    if (this.#drive.has_truth) {
      const known = Number.isFinite(truth);
      const errors = angles.map((value) => (known && Number.isFinite(value) ? value - truth : null));
      lines($("truth"), [angle(truth)]);
      lines($("error"), each(errors, errorText));
      this.#errors = new Map(models.map((model, i) => [model, errors[i]]));
      this.#flagErrors();
    }
    const byModel = models.length > 1 || models[0] === 1 ? [null, null] : [null];
    models.forEach((model, i) => { byModel[model] = angles[i]; });
    this.#gauge.show(byModel, truth, before?.[0]);
  }

  // the limit of a large error is known once the timeline is
  #flagErrors() {
    [...this.#errors].forEach(([model, error], i) => {
      $("error").children[i]?.classList.toggle("large", Math.abs(error) > this.#rows.limits[model]);
    });
  }

  // not while playing: speech cannot keep up
  #announce(results, state) {
    const [{ truth }] = results;
    const texts = [`frame ${state.frame}`];
    for (const one of results) {
      texts.push(`${results.length > 1 ? `${"AB"[one.model]} ` : ""}prediction ${spoken(one.angle)}`);
      if (state.edit) texts.push(`before the edit ${spoken(one.before)}`);
      if (truth !== null) texts.push(`error ${errorText(one.error)}`);
    }
    if (truth !== null) texts.push(`label ${spoken(truth)}`);
    setText($("live"), texts.join(", "));
  }
}

/** One line per text: one for each model. */
function lines(host, texts) {
  while (host.children.length > texts.length) host.lastChild.remove();
  while (host.children.length < texts.length) host.append(make("span", { class: "line" }));
  texts.forEach((text, i) => setText(host.children[i], text));
}

const spoken = (value) => angle(value).replace(/ L$/, " left").replace(/ R$/, " right");

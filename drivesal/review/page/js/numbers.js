// The numbers of the frame in view, and the same in words for a screen reader.

import { $, make, say } from "./dom.js";
import { editInWords } from "./edits.js";
import { angle, changeInWords, clock, count, errorInWords } from "./format.js";
import { Gauge } from "./gauge.js";
import { notice } from "./notices.js";
import { modelsOf } from "./plan.js";

const QUIET_MS = 700;

export class Numbers {
  #drive; #store; #rows; #gauge = new Gauge($("gauge")); #timer = 0; #errors = new Map(); #told = false;

  constructor(drive, store, stage, rows) {
    this.#drive = drive;
    this.#store = store;
    this.#rows = rows;
    this.#frameField();
    store.on(["frame", "model"], (state) => this.#place(state));
    store.on(["edit"], (state) => this.#edited(state.edit));
    stage.addEventListener("numbers", ({ detail }) => this.#take(detail));
    stage.addEventListener("refused", ({ detail }) => this.#refused(detail));
    rows.addEventListener("limit", () => this.#flag());
    rows.addEventListener("rows", () => {
      this.#gauge.fits(rows.reach());
      if (!this.#told) this.#place(store.now);
    });
    this.#edited(store.now.edit);
    this.#place(store.now);
  }

  #frameField() {
    const input = $("frame-number");
    input.max = this.#drive.frames - 1;
    input.style.width = `${String(this.#drive.frames).length + 1.3}ch`;
    say($("frame-count"), `of ${count(this.#drive.frames)}`);
    input.addEventListener("change", () => {
      const wanted = Math.round(Number(input.value));
      if (input.value !== "" && Number.isFinite(wanted)) {
        this.#store.set({ frame: Math.max(0, Math.min(this.#drive.frames - 1, wanted)) }, "jump");
      }
      input.value = this.#store.now.frame;
      input.blur();
    });
  }

  // at once, from the timeline where it has the frame already; what is of another frame is dimmed until its own comes
  #place(state) {
    if (document.activeElement !== $("frame-number")) $("frame-number").value = state.frame;
    const models = modelsOf(this.#drive, state);
    const found = models.map((model) => this.#rows.at(model, state.frame));
    say($("time"), clock(found[0]?.time_s ?? state.frame / this.#drive.rate));
    const known = !state.edit && found.every(Boolean);
    $("answers").classList.toggle("late", !known);
    if (known) this.#show(models, found.map((one) => one.angle), found[0].truth, null);
  }

  #edited(edit) {
    $("edited").hidden = !edit;
    say($("edited-text"), edit ? `edited: ${editInWords(edit)}` : "");
    $("edited-text").title = edit ? editInWords(edit) : "";
  }

  #take({ found, state, frame }) {
    this.#told = true;
    const [first] = found;
    if (frame === this.#store.now.frame) {
      say($("time"), clock(first.time_s));
      $("answers").classList.remove("late");
      this.#show(found.map((one) => one.model), found.map((one) => one.angle), first.truth, state.edit ? found.map((one) => one.before) : null);
    }
    this.#more(found, state);
    clearTimeout(this.#timer);
    if (!this.#store.now.playing) this.#timer = setTimeout(() => this.#speak(found, state), QUIET_MS);
  }

  #more(found, state) {
    const of = found.length > 1 ? (one) => `${"AB"[one.model]}: ` : () => "";
    const missed = found.filter((one) => one.completeness_error !== null)
      .map((one) => of(one) + angle(one.completeness_error, 1));
    say($("completeness"), missed.length ? `completeness error ${missed.join(" · ")}` : "");
    say($("extras"), Object.entries(found[0].extras).map(([name, value]) => `${name} ${typeof value === "number" ? value.toFixed(1) : value}`).join(" · "));
    // the method's caution stands beside its name already
    const { caution } = this.#drive.methods.find((one) => one.name === state.method) ?? {};
    const warnings = found.flatMap((one) => one.warnings.filter((text) => !caution || !text.endsWith(caution)).map((text) => of(one) + text));
    notice("warnings", [...new Set(warnings)].join(" · "), "warn");
  }

  #refused({ error }) {
    if (error.starting) return;
    for (const id of ["predicted", "before", "change", "truth", "error"]) lines($(id), ["–"]);
    $("answers").classList.remove("late");
    this.#errors.clear();
    this.#gauge.show([], null, null);
  }

  #show(models, angles, truth, before) {
    // whether the labels can be compared is known when the models are there
    for (const id of ["truth-box", "error-box"]) $(id).hidden = !this.#drive.has_truth;
    const of = models.length > 1 ? (i) => `${"AB"[models[i]]} ` : () => "";
    const each = (values, text) => values.map((value, i) => of(i) + text(value));
    const more = before ? 1 : 0; // an edit often changes less than a tenth of a degree
    $("answers").classList.toggle("two", models.length > 1);
    lines($("predicted"), each(angles, (value) => angle(value, more)));
    say($("predicted-label"), before ? "edited" : "predicted");
    for (const id of ["before-box", "change-box"]) $(id).hidden = !before;
    if (before) {
      lines($("before"), each(before, (value) => angle(value, 1)));
      lines($("change"), each(angles.map((value, i) => value - before[i]), changeInWords));
    }
    if (this.#drive.has_truth) {
      const known = Number.isFinite(truth);
      const errors = angles.map((value) => (known && Number.isFinite(value) ? value - truth : null));
      lines($("truth"), [angle(truth)]);
      lines($("error"), each(errors, errorInWords));
      this.#errors = new Map(models.map((model, i) => [model, errors[i]]));
      this.#flag();
    }
    const placed = models.length > 1 || models[0] === 1 ? [null, null] : [null];
    models.forEach((model, i) => { placed[model] = angles[i]; });
    this.#gauge.show(placed, truth, before?.[0]);
  }

  // what counts as large is known when the timeline is
  #flag() {
    [...this.#errors].forEach(([model, error], i) => {
      $("error").children[i]?.classList.toggle("large", Math.abs(error) > this.#rows.limits[model]);
    });
  }

  // not while playing: a voice cannot follow
  #speak(found, state) {
    const [{ truth }] = found;
    const parts = [`frame ${state.frame}`];
    for (const one of found) {
      parts.push(`${found.length > 1 ? `${"AB"[one.model]} ` : ""}predicted ${spoken(one.angle)}`);
      if (state.edit) parts.push(`before the edit ${spoken(one.before)}`);
      if (truth !== null) parts.push(`error ${errorInWords(one.error)}`);
    }
    if (truth !== null) parts.push(`true ${spoken(truth)}`);
    say($("live"), parts.join(", "));
  }
}

/** One line a text: of two models one below the other. */
function lines(host, texts) {
  while (host.children.length > texts.length) host.lastChild.remove();
  while (host.children.length < texts.length) host.append(make("span", { class: "line" }));
  texts.forEach((text, i) => say(host.children[i], text));
}

const spoken = (value) => angle(value).replace(/ L$/, " left").replace(/ R$/, " right");

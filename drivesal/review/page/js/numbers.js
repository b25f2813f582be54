// The numbers of the frame in view, and the same in words for a screen reader.

import { $, say } from "./dom.js";
import { angle, changeInWords, clock, count, errorInWords } from "./format.js";
import { Gauge } from "./gauge.js";
import { notice } from "./notices.js";
import { BOTH } from "./plan.js";

const QUIET_MS = 700;

export class Numbers {
  #drive; #store; #rows; #gauge = new Gauge($("gauge")); #timer = 0; #errors = [];

  constructor(drive, store, stage, rows) {
    this.#drive = drive;
    this.#store = store;
    this.#rows = rows;
    const input = $("frame-number");
    input.max = drive.frames - 1;
    input.style.width = `${String(drive.frames).length + 1.6}ch`;
    say($("frame-count"), `of ${count(drive.frames)}`);
    input.addEventListener("change", () => {
      const wanted = Math.round(Number(input.value));
      if (input.value !== "" && Number.isFinite(wanted)) {
        store.set({ frame: Math.max(0, Math.min(drive.frames - 1, wanted)) }, "jump");
      }
      input.value = store.now.frame;
      input.blur();
    });
    store.on(["frame"], (state) => this.#place(state));
    stage.addEventListener("numbers", ({ detail }) => this.#told(detail));
    stage.addEventListener("refused", ({ detail }) => this.#refused(detail));
    rows.addEventListener("limit", () => this.#flag());
    rows.addEventListener("rows", () => {
      this.#gauge.fits(rows.reach());
      if (!this.told) this.#place(store.now);
    });
    this.#place(store.now);
  }

  // at once, from the timeline where it has the frame already
  #place(state) {
    if (document.activeElement !== $("frame-number")) $("frame-number").value = state.frame;
    const first = this.#rows.at(0, state.frame);
    say($("time"), clock(first?.time_s ?? state.frame / this.#drive.rate));
    if (state.edit || !first) return;
    const models = state.model === BOTH ? [0, 1] : [Number(state.model)];
    this.#show(models.map((model) => this.#rows.at(model, state.frame)?.angle), first.truth, null, models);
  }

  #told({ found, state, frame }) {
    this.told = true;
    const [first] = found;
    if (frame === this.#store.now.frame) say($("time"), clock(first.time_s));
    this.#show(found.map((one) => one.angle), first.truth, state.edit ? found.map((one) => one.before) : null, found.map((one) => one.model));
    say($("completeness"), first.completeness_error === null ? "" : `completeness error ${angle(first.completeness_error, 1).replace(/ [LR]$/, "")}`);
    say($("caption"), first.caption);
    say($("extras"), Object.entries(first.extras).map(([name, value]) => `${name} ${typeof value === "number" ? value.toFixed(1) : value}`).join(" · "));
    notice("warnings", first.warnings.join(" · "), "warn");
    clearTimeout(this.#timer);
    if (!this.#store.now.playing) this.#timer = setTimeout(() => this.#speak(first, state), QUIET_MS);
  }

  #refused({ error }) {
    if (error.starting) return;
    for (const id of ["predicted", "truth", "error"]) say($(id), "–");
    this.#gauge.show([null, null], null, null);
  }

  #show(angles, truth, before, models) {
    // whether the labels can be compared is known when the models are there
    for (const id of ["truth-box", "error-box"]) $(id).hidden = !this.#drive.has_truth;
    const names = models.length > 1 ? models.map((one) => `${"AB"[one]} `) : [""];
    const each = (values, text) => values.map((value, i) => names[i] + text(value)).join(" · ");
    say($("predicted"), each(angles, (value) => angle(value)));
    $("before-box").hidden = !before;
    if (before) {
      say($("before"), each(before, (value) => angle(value, 1)));
      say($("predicted"), each(angles, (value) => angle(value, 1)));
    }
    say($("predicted-label"), before ? "predicted, edited:" : "predicted");
    say($("change"), before ? each(angles.map((value, i) => value - before[i]), changeInWords) : "");
    if (this.#drive.has_truth) {
      say($("truth"), angle(truth));
      const errors = angles.map((value) => (truth === null || truth === undefined ? null : value - truth));
      // of two there is room for the side only
      const two = models.length > 1;
      say($("error-label"), two ? "error, L: too far left" : "error");
      say($("error"), each(errors, two ? (error) => angle(error) : errorInWords));
      this.#errors = errors;
      this.#flag();
    }
    const placed = [null, null];
    models.forEach((model, i) => { placed[model] = angles[i]; });
    this.#gauge.show(placed, truth, before?.[0]);
  }

  // what counts as large is known when the timeline is
  #flag() {
    $("error-box").classList.toggle("large", this.#errors.some((error) => Math.abs(error) > this.#rows.limit));
  }

  // not while playing: a voice cannot follow
  #speak(told, state) {
    const parts = [`frame ${state.frame}`, `predicted ${spoken(told.angle)}`];
    if (told.truth !== null) parts.push(`true ${spoken(told.truth)}`, `error ${errorInWords(told.error)}`);
    if (state.edit) parts.push(`before the edit ${spoken(told.before)}`);
    say($("live"), parts.join(", "));
  }
}

const spoken = (value) => angle(value).replace(/ L$/, " left").replace(/ R$/, " right");

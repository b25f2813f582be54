// The images of the current frame: requested, awaited, shown together, and cancelled when another frame is selected.

import * as api from "./api.js";
import { $ } from "./dom.js";
import { fit } from "./fit.js";
import { legendOf } from "./legend.js";
import { Loader } from "./loader.js";
import { Panel } from "./panel.js";
import { planOf } from "./plan.js";

const TOGETHER_MS = 120; // images that arrive within this time appear together
const PATIENCE_MS = 1000; // how long a slow method's frame may still take once another one is selected
const LONG_MS = 300;     // after which progress is shown
const LINE_PX = 16;      // line height of captions
const LINES = [[420, 2], [280, 3], [200, 4], [-Infinity, 5]]; // [from this width, lines]; the narrowest omit the meaning
const NARROW_PX = 200;
const GAP_PX = 10;
const NOT_DRAWN = new Set(["playing", "edits", "of"]); // changes that no image shows
const NEIGHBOURS = [1, 2, 3, -1];

/** Dispatches "shown" {frame, ms} when a frame is complete, "numbers", "failed", "panels", "busy" {share, what} and "idle". */
export class Stage extends EventTarget {
  #drive; #store; #loader = new Loader(); #panels = new Map(); #running = null; #pending = false;
  #ahead = new AbortController(); #direction = 1; #count = 0; #width = 640; #host = $("panels"); #timer = 0;

  constructor(drive, store) {
    super();
    this.#drive = drive;
    this.#store = store;
    store.on(null, (state, changed) => {
      if ([...changed].every((name) => NOT_DRAWN.has(name))) return;
      this.render();
    });
    new ResizeObserver(() => { if (this.#arrange()) this.render(); }).observe(this.#host);
  }

  get panels() { return [...this.#panels.values()]; }

  get idle() { return !this.#running && !this.#pending; }

  /** Discards everything fetched, as after a restart of the server. */
  forget() {
    this.#loader.clear();
    this.render();
  }

  /** Shows the state once the running frame is complete, so that a held key shows a steady stream of frames. A running
   * frame is cancelled if method, case or drawing change, or if a slow method exceeds its patience. */
  render() {
    this.#pending = true;
    document.body.dataset.idle = "false"; // awaited by tests
    if (!this.#running) { this.#begin(); return; }
    const { started, state, plan, controller } = this.#running;
    const stepped = sameView(state, this.#store.now);
    if (stepped && !plan.slow) return;
    const left = stepped ? started + PATIENCE_MS - performance.now() : 0;
    clearTimeout(this.#timer);
    if (left <= 0) controller.abort();
    else this.#timer = setTimeout(() => { if (this.#pending) controller.abort(); }, left);
  }

  async #begin() {
    this.#pending = false;
    clearTimeout(this.#timer);
    const state = this.#store.now;
    const plan = this.#assignPanels(state);
    const job = { controller: new AbortController(), started: performance.now(), state, plan, last: this.shownFrame };
    this.#running = job;
    if (plan.slow) this.#cancelPrefetch();
    try {
      await this.#draw(job);
    } finally {
      this.#running = null;
      this.dispatchEvent(new Event("idle"));
    }
    if (this.#pending) { this.#begin(); return; }
    document.body.dataset.idle = "true";
    this.#prefetch(job);
  }

  // ---- one frame ----

  async #draw(job) {
    const { plan, controller: { signal } } = job;
    const progressTimer = setTimeout(() => this.#pollProgress(job), LONG_MS);
    const ready = new Set();
    let together = true;
    const numbers = plan.numbers.map((one) => this.#loader.need(one.url, signal, !plan.slow)
      .then((value) => ({ ...value, model: one.model })));
    const all = Promise.all(numbers);
    all.catch(() => undefined);
    const panels = plan.panels.map(async (spec) => {
      const apply = await this.#load(spec, job, plan.slow && spec.kind !== "frame" ? all : null);
      if (signal.aborted) return;
      if (together) ready.add(apply);
      else apply();
    });
    const numbersShown = all.then((results) => () => this.#publish(job, results), (error) => () => this.#fail(job, error))
      .then((apply) => { if (!signal.aborted) { if (together) ready.add(apply); else apply(); } });
    const everything = Promise.all([...panels, numbersShown]);
    const ended = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    await Promise.race([everything, ended, new Promise((resolve) => setTimeout(resolve, TOGETHER_MS))]);
    together = false;
    if (!signal.aborted) {
      for (const spec of plan.panels) this.#panels.get(spec.id)?.late(true);
      for (const apply of ready) apply();
    }
    await Promise.race([everything, ended]);
    clearTimeout(progressTimer);
    job.over = true;
    if (signal.aborted) return;
    this.shownFrame = plan.frame;
    document.body.dataset.shown = plan.frame;
    document.body.dataset.seq = ++this.#count;
    const ms = performance.now() - job.started;
    this.dispatchEvent(new CustomEvent("shown", { detail: { frame: plan.frame, ms } }));
  }

  // a function that draws the panel, or shows its error
  async #load(spec, job, after) {
    const panel = this.#panels.get(spec.id);
    const { signal } = job.controller;
    try {
      if (after) await after;
      const blob = await this.#loader.need(spec.url, signal, !job.plan.slow);
      const bitmap = await createImageBitmap(blob);
      return () => { panel.draw(bitmap, job.plan.frame); bitmap.close(); };
    } catch (error) {
      return () => { if (!api.aborted(error)) this.#failed(panel, spec, error); };
    }
  }

  #failed(panel, spec, error) {
    if (error instanceof api.Disconnected) return; // shown in the top bar; the last image stays
    if (error.starting) panel.fail("The model is loading.");
    else panel.fail(spec.kind === "frame" ? `This frame could not be shown: ${error.message}` : error.message);
  }

  #publish(job, results) {
    if (!results.length) return; // the models are not loaded yet
    for (const panel of this.panels) {
      if (panel.spec.kind !== "frame") panel.explain(...legendOf(panel.spec, results, job.state.scale));
    }
    this.dispatchEvent(new CustomEvent("numbers", { detail: { frame: job.plan.frame, results, state: job.state } }));
  }

  #fail(job, error) {
    if (api.aborted(error) || error instanceof api.Disconnected) return;
    this.dispatchEvent(new CustomEvent("failed", { detail: { frame: job.plan.frame, error } }));
  }

  // polls the progress of a slow method
  async #pollProgress(job) {
    while (!job.over && !job.controller.signal.aborted) {
      try {
        const { work } = await api.json("/api/status");
        if (!job.over) this.dispatchEvent(new CustomEvent("busy", { detail: work ?? { what: "", share: null } }));
      } catch { /* `server` reports it */ }
      await new Promise((resolve) => setTimeout(resolve, LONG_MS));
    }
  }

  // ---- prefetching ----

  #cancelPrefetch() {
    this.#ahead.abort();
    this.#ahead = new AbortController();
  }

  async #prefetch(job) {
    const { state, plan } = job;
    if (!this.#drive.ready || job.controller.signal.aborted) return;
    if (job.last !== undefined && plan.frame !== job.last) this.#direction = Math.sign(plan.frame - job.last);
    // of a slow method only the numbers of the next frame: its images follow from them quickly
    let steps = plan.slow ? [1] : NEIGHBOURS;
    // while playback skips frames, prefetch only the one likely to be shown next
    if (state.playing) steps = [Math.max(1, plan.frame - (job.last ?? plan.frame))];
    const { signal } = this.#ahead;
    for (const step of steps) {
      const frame = state.frame + step * this.#direction;
      if (frame < 0 || frame >= this.#drive.frames) continue;
      if (this.#store.now !== state && !this.#store.now.playing) return;
      const next = planOf(this.#drive, { ...state, frame }, this.#width);
      const urls = [...next.numbers, ...(plan.slow ? [] : next.panels)].map((one) => one.url);
      await Promise.all(urls.map((url) => this.#loader.ahead(url, signal)));
    }
  }

  // ---- layout ----

  // arranges the panels of a state; returns the plan at their resulting width
  #assignPanels(state) {
    const plan = planOf(this.#drive, state, this.#width);
    const ids = plan.panels.map((spec) => spec.id);
    if (ids.join() !== [...this.#panels.keys()].join()) {
      const old = this.#panels;
      this.#panels = new Map(ids.map((id) => [id, old.get(id) ?? new Panel(this.#drive)]));
      this.#host.replaceChildren(...this.panels.map((panel) => panel.element));
      this.dispatchEvent(new Event("panels"));
    }
    for (const spec of plan.panels) this.#panels.get(spec.id).assign(spec);
    return this.#arrange() ? planOf(this.#drive, state, this.#width) : plan;
  }

  // returns whether the images must be requested at another width
  #arrange() {
    if (!this.#panels.size) return false;
    const space = { width: this.#host.clientWidth, height: this.#host.clientHeight };
    const best = fit(this.#panels.size, this.#drive.width / this.#drive.height, space, captionPx, GAP_PX);
    this.#host.classList.toggle("narrow", best.width < NARROW_PX);
    this.#host.style.gridTemplateColumns = `repeat(${best.columns}, ${best.width}px)`;
    for (const panel of this.panels) panel.resize(best);
    // few distinct widths, or every small resize would miss the cache
    const wanted = Math.ceil((best.width * (devicePixelRatio || 1)) / 160) * 160;
    const width = Math.min(Math.max(wanted, 160), this.#drive.width, 1920);
    if (width === this.#width) return false;
    this.#width = width;
    return true;
  }
}

const captionPx = (width) => 4 + LINE_PX * LINES.find(([from]) => width >= from)[1];

/** Whether two states differ, in what images show, only by the frame. */
function sameView(a, b) {
  const view = (state) => JSON.stringify(Object.entries(state).filter(([name]) => name !== "frame" && !NOT_DRAWN.has(name)));
  return view(a) === view(b);
}

// Playing at the recording's own rate: frames are left out rather than shown late.

import { $, say } from "./dom.js";

export class Player {
  #drive; #store; #stage; #start = { frame: 0, at: 0 }; #shown = [];

  constructor(drive, store, stage) {
    this.#drive = drive;
    this.#store = store;
    this.#stage = stage;
    stage.addEventListener("shown", () => { if (store.now.playing) this.#count(); });
    store.on(["playing"], (state) => (state.playing ? this.#begin() : this.#end()));
    // whoever jumps while it plays goes on from there
    store.on(["frame"], (state, _, how) => { if (state.playing && how !== "play") this.#from(state.frame); });
    for (const [id, act] of Object.entries({
      play: () => this.toggle(), first: () => this.go(0), last: () => this.go(Infinity),
      back: () => this.step(-1), forward: () => this.step(1),
    })) $(id).addEventListener("click", act);
  }

  toggle() {
    const { playing, frame } = this.#store.now;
    if (!playing && frame >= this.#drive.frames - 1) this.go(0);
    this.#store.set({ playing: !playing });
  }

  step(by) { this.go(this.#store.stepped(by)); }

  go(frame) {
    this.#store.set({ playing: false }, "step");
    this.#store.set({ frame: Math.max(0, Math.min(this.#drive.frames - 1, frame)) }, "step");
  }

  #from(frame) { this.#start = { frame, at: performance.now() }; }

  #begin() {
    this.#shown = [];
    this.#from(this.#store.now.frame);
    $("play").setAttribute("aria-pressed", "true");
    $("play").dataset.playing = "true";
    requestAnimationFrame(() => this.#tick());
  }

  #end() {
    $("play").setAttribute("aria-pressed", "false");
    $("play").dataset.playing = "false";
    say($("rate"), "");
  }

  #tick() {
    const state = this.#store.now;
    if (!state.playing) return;
    const passed = (performance.now() - this.#start.at) / 1000;
    const wanted = Math.min(this.#start.frame + Math.floor(passed * this.#drive.rate), this.#drive.frames - 1);
    if (wanted > state.frame && this.#stage.idle) this.#store.set({ frame: wanted }, "play");
    if (wanted >= this.#drive.frames - 1 && this.#stage.idle) this.#store.set({ playing: false });
    requestAnimationFrame(() => this.#tick());
  }

  #count() {
    const now = performance.now();
    this.#shown = [...this.#shown.filter((at) => now - at < 1500), now];
    const [first] = this.#shown;
    if (this.#shown.length < 4) return;
    const rate = (1000 * (this.#shown.length - 1)) / (now - first);
    say($("rate"), `${rate.toFixed(0)} of ${Number(this.#drive.rate.toFixed(2))} frames/s`);
  }
}

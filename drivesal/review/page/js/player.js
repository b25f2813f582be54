// Playback at the recording's frame rate: frames are skipped rather than shown late.

import { $, setText } from "./dom.js";

export class Player {
  #drive; #store; #stage; #start = { frame: 0, at: 0 }; #shown = [];

  constructor(drive, store, stage) {
    this.#drive = drive;
    this.#store = store;
    this.#stage = stage;
    stage.addEventListener("shown", () => { if (store.now.playing) this.#showRate(); });
    store.on(["playing"], (state) => (state.playing ? this.#begin() : this.#end()));
    // after a jump, playback continues from there
    store.on(["frame"], (state, _, how) => { if (state.playing && how !== "play") this.#restart(state.frame); });
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

  #restart(frame) { this.#start = { frame, at: performance.now() }; }

  #begin() {
    this.#shown = [];
    this.#restart(this.#store.now.frame);
    $("play").setAttribute("aria-pressed", "true");
    $("play").dataset.playing = "true";
    requestAnimationFrame(() => this.#tick());
  }

  #end() {
    $("play").setAttribute("aria-pressed", "false");
    $("play").dataset.playing = "false";
    setText($("rate"), "");
  }

  #tick() {
    const state = this.#store.now;
    if (!state.playing) return;
    const elapsed = (performance.now() - this.#start.at) / 1000;
    const due = Math.min(this.#start.frame + Math.floor(elapsed * this.#drive.rate), this.#drive.frames - 1);
    if (due > state.frame && this.#stage.idle) this.#store.set({ frame: due }, "play");
    if (due >= this.#drive.frames - 1 && this.#stage.idle) this.#store.set({ playing: false });
    requestAnimationFrame(() => this.#tick());
  }

  #showRate() {
    const now = performance.now();
    this.#shown = [...this.#shown.filter((at) => now - at < 1500), now];
    const [first] = this.#shown;
    if (this.#shown.length < 4) return;
    const rate = (1000 * (this.#shown.length - 1)) / (now - first);
    setText($("rate"), `${rate.toFixed(0)} of ${Number(this.#drive.rate.toFixed(2))} frames/s`);
  }
}

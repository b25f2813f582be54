// The server's state: there or gone, models loaded or not, how far the analysis is.

import * as api from "./api.js";
import { $, say } from "./dom.js";
import { count } from "./format.js";
import { notice } from "./notices.js";

const LOADING_MS = 150; // heat is waited for
const SOON_MS = 1000;
const CALM_MS = 4000;

/** Says "status" with every answer and "back" when the server was gone. */
export class Status extends EventTarget {
  #frames;
  now = null;

  constructor(frames) {
    super();
    this.#frames = frames;
    api.server.addEventListener("gone", () => { this.#gone(); this.#soon(); });
    api.server.addEventListener("back", () => this.#back());
    this.#poll();
  }

  #timer = 0;

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#poll(), SOON_MS);
  }

  async #poll() {
    clearTimeout(this.#timer);
    let wait = SOON_MS;
    try {
      const was = this.now;
      this.now = await api.json("/api/status");
      this.#show(this.now);
      this.dispatchEvent(new CustomEvent("status", { detail: { now: this.now, was } }));
      if (this.now.refused) wait = CALM_MS;
      else if (!this.now.ready) wait = LOADING_MS;
      else if (this.now.analysis.every((one) => one.ended)) wait = CALM_MS;
    } catch { /* told through `server` */ }
    this.#timer = setTimeout(() => this.#poll(), wait);
  }

  #show(now) {
    const loading = !now.ready && !now.refused;
    notice("loading", loading ? "The model is still being loaded; frames can be looked at already." : "");
    notice("refused", now.refused ? `There is no heat and no angle: ${now.refused}. Frames and notes are there.` : "", "bad");
    notice("proxy", now.note ?? "", "info");
    const broken = now.analysis.find((one) => one.error);
    notice("analysis", broken ? `The analysis of the drive ended: ${broken.error}` : "", "warn");
    const rows = Math.min(...now.analysis.map((one) => one.rows), this.#frames);
    const ended = now.analysis.length > 0 && now.analysis.every((one) => one.ended);
    const bar = $("analysis-bar");
    bar.hidden = !now.ready || ended;
    bar.value = now.analysis.length ? rows / this.#frames : 0;
    $("analysis").dataset.ended = String(ended);
    if (now.refused) say($("analysis-text"), "no model");
    else if (!now.ready) say($("analysis-text"), "loading the model");
    else if (ended) say($("analysis-text"), `${count(rows)} frames analysed`);
    else say($("analysis-text"), `analysing ${count(rows)} of ${count(this.#frames)}`);
    this.#server(true);
  }

  #server(there) {
    $("server").dataset.there = String(there);
    say($("server-text"), there ? "connected" : "server gone");
  }

  #gone() {
    this.#server(false);
    const port = location.port ? ` --port ${location.port}` : "";
    notice("gone", `The server has gone away: it was ended or it crashed. Start drivesal review again with${port} and this page goes on by itself.`, "bad");
  }

  #back() {
    notice("gone", "");
    this.#server(true);
    this.dispatchEvent(new Event("back"));
    this.#soon();
  }
}

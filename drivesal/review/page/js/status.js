// The server's state: connected or not, models loaded or not, progress of the analysis.

import * as api from "./api.js";
import { $, setText } from "./dom.js";
import { count } from "./format.js";
import { notice } from "./notices.js";

const LOADING_MS = 150; // the user waits for the first heat
const SOON_MS = 1000;
const IDLE_MS = 4000;

/** Dispatches "status" with every response and "reconnected" when a lost connection is restored. */
export class Status extends EventTarget {
  #frames;
  now = null;

  constructor(frames) {
    super();
    this.#frames = frames;
    api.server.addEventListener("disconnected", () => { this.#disconnected(); this.#pollSoon(); });
    api.server.addEventListener("reconnected", () => this.#reconnected());
    this.#poll();
  }

  #timer = 0;

  #pollSoon() {
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
      if (this.now.refused) wait = IDLE_MS;
      else if (!this.now.ready) wait = LOADING_MS;
      else if (this.now.analysis.every((one) => one.ended)) wait = IDLE_MS;
    } catch { /* `server` reports it */ }
    this.#timer = setTimeout(() => this.#poll(), wait);
  }

  #show(now) {
    const loading = !now.ready && !now.refused;
    notice("loading", loading ? "The model is loading. You can browse the frames already." : "");
    notice("refused", now.refused ? `No attribution and no prediction: ${now.refused}. Frames and notes are available.` : "", "bad");
    notice("proxy", now.note ?? "", "info");
    const failed = now.analysis.find((one) => one.error);
    notice("analysis", failed ? `The analysis of the drive stopped: ${failed.error}` : "", "warn");
    const rows = Math.min(...now.analysis.map((one) => one.rows), this.#frames);
    const ended = now.analysis.length > 0 && now.analysis.every((one) => one.ended);
    const bar = $("analysis-bar");
    bar.hidden = !now.ready || ended;
    bar.value = now.analysis.length ? rows / this.#frames : 0;
    $("analysis").dataset.ended = String(ended);
    if (now.refused) setText($("analysis-text"), "No model");
    else if (!now.ready) setText($("analysis-text"), "Loading the model");
    else if (ended) setText($("analysis-text"), `${count(rows)} frames analysed`);
    else setText($("analysis-text"), `Analysing ${count(rows)} of ${count(this.#frames)}`);
    this.#setConnected(true);
  }

  #setConnected(connected) {
    $("server").dataset.connected = String(connected);
    setText($("server-text"), connected ? "Connected" : "Disconnected");
  }

  #disconnected() {
    this.#setConnected(false);
    const port = location.port ? ` with --port ${location.port}` : "";
    notice("gone", `The server does not respond: it was stopped or it crashed. Start drivesal review again${port}; this page reconnects by itself.`, "bad");
  }

  #reconnected() {
    notice("gone", "");
    this.#setConnected(true);
    this.dispatchEvent(new Event("reconnected"));
    this.#pollSoon();
  }
}

// The timeline's numbers, fetched while the server analyses the drive.

import * as api from "./api.js";

const EVERY_MS = 1000;

/** One model's columns: arrays of numbers, NaN where there is none. Says "rows" when some came. */
export class Rows extends EventTarget {
  #models; #round = 0;
  ended = false;
  limits = []; // from where on an error of each model counts as large; the timeline tells

  constructor(models) {
    super();
    this.#models = Array.from({ length: models }, empty);
  }

  get models() { return this.#models.length; }

  /** How many frames are known of every model. */
  get length() { return Math.min(...this.#models.map((one) => one.time_s.length)); }

  column(name, model = 0) { return this.#models[model]?.[name] ?? []; }

  /** The numbers of one frame, null where they are not known yet. */
  at(model, frame) {
    const one = this.#models[model];
    if (!one || frame >= one.time_s.length) return null;
    return Object.fromEntries(Object.entries(one).map(([name, column]) => [name, Number.isNaN(column[frame]) ? null : column[frame]]));
  }

  /** The largest |angle|, of models and truth. */
  reach() {
    let most = 0;
    for (const one of this.#models) {
      for (const column of [one.angle, one.truth]) for (const value of column) if (Math.abs(value) > most) most = Math.abs(value);
    }
    return most;
  }

  /** Begins anew, with so many models, and fetches until the analysis has ended. */
  async follow(models) {
    const round = ++this.#round;
    this.#models = Array.from({ length: models }, empty);
    this.ended = false;
    while (round === this.#round) {
      try {
        const more = await this.#fetch();
        if (round !== this.#round) return;
        if (this.ended) return;
        if (more && this.#behind) continue;
      } catch { /* told elsewhere; tried again */ }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  #behind = false;

  async #fetch() {
    const models = this.#models;
    const answers = await Promise.all(models.map((one, model) => api.json(`/api/timeline?model=${model}&since=${one.time_s.length}`)));
    let most = 0;
    answers.forEach(({ columns }, model) => {
      for (const [name, column] of Object.entries(columns)) {
        const held = (models[model][name] ??= []);
        // a damaged frame has no time: that of its neighbour keeps the column ascending
        const none = () => (name === "time_s" ? held.at(-1) ?? 0 : NaN);
        for (const value of column) held.push(value ?? none());
      }
      most = Math.max(most, columns.time_s.length);
    });
    // an answer holds so many rows at most: another one may wait already
    this.#behind = most >= 1000;
    this.ended = answers.every((one) => one.ended) && most === 0;
    if (most || this.ended) this.dispatchEvent(new Event("rows"));
    return most;
  }
}

function empty() {
  return { time_s: [], angle: [], truth: [], increase: [], decrease: [], maintain: [], moved: [], changed: [], brightness: [] };
}

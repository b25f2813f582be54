// The timeline's numbers, fetched while the server analyses the drive.

import * as api from "./api.js";
import { totalsQuery } from "./api.js";
import { explained } from "./fields.js";
import { append, empty, Totals } from "./totals.js";

const EVERY_MS = 1000;
const HELD = 8; // methods whose totals are kept
const NUMBERS = ["time_s", "angle", "truth", "changed", "brightness"];

/** One model's columns: arrays of numbers, NaN where there is none. Says "rows" when some came. */
export class Rows extends EventTarget {
  #store; #models; #totals = []; #round = 0; #wake = () => {};
  ended = false;
  limits = []; // from where on an error of each model counts as large; the timeline tells

  constructor(models, store) {
    super();
    this.#store = store;
    this.#models = Array.from({ length: models }, () => empty(NUMBERS));
    store.on(["method", "options", ...explained()], () => { this.dispatchEvent(new Event("rows")); this.#wake(); });
  }

  get models() { return this.#models.length; }

  /** How many frames are known of every model. */
  get length() { return Math.min(...this.#models.map((one) => one.time_s.length)); }

  /** Whose totals are shown: of the method in view, or where it has none (yet) of the one before. */
  get totals() {
    const wanted = this.#wanted();
    return wanted?.rows ? wanted : this.#totals.findLast((one) => one.rows) ?? wanted ?? null;
  }

  /** Why the totals shown are not those of the method in view, "" where they are. */
  get instead() {
    const wanted = this.#wanted();
    return wanted?.error ?? (wanted && wanted !== this.totals ? "being computed" : "");
  }

  column(name, model = 0) {
    return (NUMBERS.includes(name) ? this.#models[model] : this.totals?.columns[model])?.[name] ?? [];
  }

  /** The numbers of one frame, null where they are not known yet. */
  at(model, frame) {
    const one = this.#models[model];
    if (!one || frame >= one.time_s.length) return null;
    const columns = { ...one, ...this.totals?.columns[model] };
    return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, Number.isFinite(column[frame]) ? column[frame] : null]));
  }

  /** The largest |angle|, of models and truth. */
  reach() {
    let most = 0;
    for (const one of this.#models) {
      for (const column of [one.angle, one.truth]) for (const value of column) if (Math.abs(value) > most) most = Math.abs(value);
    }
    return most;
  }

  #wanted() { return this.#totals.find((one) => one.query === totalsQuery(this.#store.now)) ?? null; }

  /** Begins anew, with so many models, and goes on fetching what the analysis of the drive and the view bring. */
  async follow(models) {
    const round = ++this.#round;
    this.#models = Array.from({ length: models }, () => empty(NUMBERS));
    this.#totals = [];
    this.ended = false;
    while (round === this.#round) {
      let more = 0;
      try {
        more = await this.#fetch(round);
      } catch { /* told elsewhere; tried again */ }
      if (round !== this.#round) return;
      // an answer holds so many rows at most: another one may wait already
      if (more >= 1000) continue;
      const done = this.ended && this.#wanted()?.ended;
      await new Promise((resolve) => { this.#wake = resolve; if (!done) setTimeout(resolve, EVERY_MS); });
    }
  }

  async #fetch(round) {
    const query = totalsQuery(this.#store.now);
    let totals = this.#wanted();
    if (!totals) this.#totals.push(totals = new Totals(query, this.models));
    // the one in view comes last, so that it stands in for one that has none
    this.#totals = [...this.#totals.filter((one) => one !== totals), totals].slice(-HELD);
    const had = totals.ended;
    const [numbers, more] = await Promise.all([this.ended ? 0 : this.#numbers(), totals.fetch()]);
    if (round === this.#round && (numbers || more || !had)) this.dispatchEvent(new Event("rows"));
    return Math.max(numbers, more);
  }

  async #numbers() {
    const models = this.#models;
    const answers = await Promise.all(models.map((one, model) => api.json(`/api/timeline?model=${model}&since=${one.time_s.length}`)));
    let most = 0;
    answers.forEach(({ columns }, model) => { most = Math.max(most, append(models[model], columns)); });
    this.ended = answers.every((one) => one.ended) && most === 0;
    return most;
  }
}

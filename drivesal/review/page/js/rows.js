// The per-frame numbers of the drive, fetched while the server analyses it.

import * as api from "./api.js";
import { totalsQuery } from "./api.js";
import { explainNames } from "./fields.js";
import { append, empty, Totals } from "./totals.js";

const POLL_MS = 1000;
const MAX_TOTALS = 8; // methods whose totals are kept
const NUMBERS = ["time_s", "angle", "truth", "changed", "brightness"];

/** The columns of each model: arrays of numbers, NaN for missing values. Dispatches "rows" when rows arrive. */
export class Rows extends EventTarget {
  #store; #models; #totals = []; #round = 0; #wake = () => {};
  ended = false;
  limits = []; // the limit of a large error by model, set by the timeline

  constructor(models, store) {
    super();
    this.#store = store;
    this.#models = Array.from({ length: models }, () => empty(NUMBERS));
    store.on(["method", "options", ...explainNames()], () => { this.dispatchEvent(new Event("rows")); this.#wake(); });
  }

  get models() { return this.#models.length; }

  /** The number of frames known for every model. */
  get length() { return Math.min(...this.#models.map((one) => one.time_s.length)); }

  /** The totals to show: those of the selected method, or of the previous one until they are available. */
  get totals() {
    const selected = this.#selected();
    return selected?.rows ? selected : this.#totals.findLast((one) => one.rows) ?? selected ?? null;
  }

  /** Why the totals shown are not those of the selected method; "" if they are. */
  get instead() {
    const selected = this.#selected();
    return selected?.error ?? (selected && selected !== this.totals ? "being computed" : "");
  }

  column(name, model = 0) {
    return (NUMBERS.includes(name) ? this.#models[model] : this.totals?.columns[model])?.[name] ?? [];
  }

  /** The numbers of one frame, or null if it is not analysed yet. */
  at(model, frame) {
    const one = this.#models[model];
    if (!one || frame >= one.time_s.length) return null;
    const columns = { ...one, ...this.totals?.columns[model] };
    return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, Number.isFinite(column[frame]) ? column[frame] : null]));
  }

  /** The largest |angle| of predictions and labels. */
  reach() {
    let largest = 0;
    for (const one of this.#models) {
      for (const column of [one.angle, one.truth]) for (const value of column) if (Math.abs(value) > largest) largest = Math.abs(value);
    }
    return largest;
  }

  #selected() { return this.#totals.find((one) => one.query === totalsQuery(this.#store.now)) ?? null; }

  /** Starts over with a number of models and keeps fetching the results of the analysis. */
  async follow(models) {
    const round = ++this.#round;
    this.#models = Array.from({ length: models }, () => empty(NUMBERS));
    this.#totals = [];
    this.ended = false;
    while (round === this.#round) {
      let more = 0;
      try {
        more = await this.#fetch(round);
      } catch { /* `server` reports it; retried */ }
      if (round !== this.#round) return;
      // a response is limited in rows: more may be available already
      if (more >= 1000) continue;
      const done = this.ended && this.#selected()?.ended;
      await new Promise((resolve) => { this.#wake = resolve; if (!done) setTimeout(resolve, POLL_MS); });
    }
  }

  async #fetch(round) {
    const query = totalsQuery(this.#store.now);
    let totals = this.#selected();
    if (!totals) this.#totals.push(totals = new Totals(query, this.models));
    // the selected one comes last, so that it stands in for a later one without rows
    this.#totals = [...this.#totals.filter((one) => one !== totals), totals].slice(-MAX_TOTALS);
    const had = totals.ended;
    const [numbers, more] = await Promise.all([this.ended ? 0 : this.#numbers(), totals.fetch()]);
    if (round === this.#round && (numbers || more || !had)) this.dispatchEvent(new Event("rows"));
    return Math.max(numbers, more);
  }

  async #numbers() {
    const models = this.#models;
    const responses = await Promise.all(models.map((one, model) => api.json(`/api/timeline?model=${model}&since=${one.time_s.length}`)));
    let added = 0;
    responses.forEach(({ columns }, model) => { added = Math.max(added, append(models[model], columns)); });
    this.ended = responses.every((one) => one.ended) && added === 0;
    return added;
  }
}

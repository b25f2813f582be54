// How much attribution the frames of the drive have under one method: what one row of the timeline shows.

import * as api from "./api.js";
import { short } from "./format.js";

export const empty = (names) => Object.fromEntries(names.map((name) => [name, []]));

/** Appends an answer's columns, NaN where there is no number; how many rows they had. */
export function append(held, columns) {
  let rows = 0;
  for (const [name, column] of Object.entries(columns)) {
    const kept = (held[name] ??= []);
    // a damaged frame has no time: that of its neighbour keeps the column ascending
    const none = () => (name === "time_s" ? kept.at(-1) ?? 0 : NaN);
    for (const value of column) kept.push(value ?? none());
    rows = Math.max(rows, column.length);
  }
  return rows;
}

export class Totals {
  ended = false;
  error = null;
  of = null; // {method, title, options, signed}

  constructor(query, models) {
    this.query = query;
    this.columns = Array.from({ length: models }, () => empty(["moved"]));
  }

  /** How many frames are known of every model. */
  get rows() { return Math.min(...this.columns.map((one) => one.moved.length)); }

  /** Whether the method tells increase from decrease. */
  get signed() { return this.of?.signed ?? true; }

  /** "SmoothGrad, samples 9". */
  get name() {
    if (!this.of) return "";
    const options = Object.entries(this.of.options).map(([name, value]) => `${name} ${typeof value === "number" ? short(value) : value}`);
    return [this.of.title, ...options].join(", ");
  }

  /** Fetches on; how many rows came. */
  async fetch() {
    if (this.ended) return 0;
    const answers = await Promise.all(this.columns.map((one, model) => api.json(`/api/totals?model=${model}&since=${one.moved.length}&${this.query}`)));
    let most = 0;
    answers.forEach((answer, model) => { most = Math.max(most, append(this.columns[model], answer.columns)); });
    this.of = answers[0].of;
    this.error = answers[0].error;
    this.ended = most === 0 && answers.every((one) => one.ended);
    return most;
  }
}

// Attribution totals per frame under one method, as a row of the timeline shows them.

import * as api from "./api.js";
import { short } from "./format.js";

export const empty = (names) => Object.fromEntries(names.map((name) => [name, []]));

/** Appends the columns of a response, NaN for missing values; returns the number of rows. */
export function append(target, columns) {
  let rows = 0;
  for (const [name, column] of Object.entries(columns)) {
    const kept = (target[name] ??= []);
    // a damaged frame has no time: its predecessor's keeps the column ascending
    const missing = () => (name === "time_s" ? kept.at(-1) ?? 0 : NaN);
    for (const value of column) kept.push(value ?? missing());
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

  /** The number of frames known for every model. */
  get rows() { return Math.min(...this.columns.map((one) => one.moved.length)); }

  /** Whether the method separates increase from decrease. */
  get signed() { return this.of?.signed ?? true; }

  /** The method with its options, such as "SmoothGrad, samples 9". */
  get name() {
    if (!this.of) return "";
    const options = Object.entries(this.of.options).map(([name, value]) => `${name} ${typeof value === "number" ? short(value) : value}`);
    return [this.of.title, ...options].join(", ");
  }

  /** Fetches the next rows; returns their number. */
  async fetch() {
    if (this.ended) return 0;
    const responses = await Promise.all(this.columns.map((one, model) => api.json(`/api/totals?model=${model}&since=${one.moved.length}&${this.query}`)));
    let added = 0;
    responses.forEach((response, model) => { added = Math.max(added, append(this.columns[model], response.columns)); });
    this.of = responses[0].of;
    this.error = responses[0].error;
    this.ended = added === 0 && responses.every((one) => one.ended);
    return added;
  }
}

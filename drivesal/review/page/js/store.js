// What the page shows. Whoever changes it calls `set`; whoever shows it listens.

export class Store {
  #state;
  #listeners = [];

  constructor(state) { this.#state = state; }

  get now() { return this.#state; }

  /** Takes new values and tells which of them differ; `how` says by what means ("jump", "step", "play", "address"). */
  set(patch, how = "") {
    const changed = new Set(Object.keys(patch).filter((name) => !same(patch[name], this.#state[name])));
    if (!changed.size) return;
    this.#state = { ...this.#state, ...patch };
    for (const listener of this.#listeners) listener(this.#state, changed, how);
  }

  /** Calls `listener(state, changed, how)` when one of `names` changes, any where none is given. */
  on(names, listener) {
    this.#listeners.push((state, changed, how) => {
      if (!names || names.some((name) => changed.has(name))) listener(state, changed, how);
    });
  }
}

function same(a, b) {
  return a === b || (typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b));
}

// What the page shows. Whoever changes it calls `set`; whoever shows it listens.

export class Store {
  #state;
  #every;
  #listeners = [];

  /** `every` is how many frames lie between those that can be shown: 1, but for an exported file. */
  constructor(state, every = 1) {
    this.#every = every;
    this.#state = this.#shown(state);
  }

  // the frame that can be shown, at or before the one asked for
  #shown(patch) {
    return patch.frame ? { ...patch, frame: patch.frame - (patch.frame % this.#every) } : patch;
  }

  get now() { return this.#state; }

  /** Takes new values and tells which of them differ; `how` says by what means ("jump", "step", "play", "address"). */
  set(patch, how = "") {
    const given = this.#shown(patch);
    const changed = new Set(Object.keys(given).filter((name) => !same(given[name], this.#state[name])));
    if (!changed.size) return;
    this.#state = { ...this.#state, ...given };
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

// What the page shows. Whoever changes it calls `set`; whoever shows it listens.

export class Store {
  #state;
  #held;
  #listeners = [];

  /** `held` are the frames that can be shown, ascending, null for all: an exported file has some only. */
  constructor(state, held = null) {
    this.#held = held?.length ? held : null;
    this.#state = { ...state, frame: this.shown(state.frame) };
  }

  get now() { return this.#state; }

  /** The frame that can be shown: at or before the one asked for. */
  shown(frame) { return this.#held ? this.#held[this.#place(frame)] : frame; }

  /** The frame so many frames that can be shown further on. */
  stepped(by) {
    const { frame } = this.#state;
    return this.#held ? this.#held[Math.max(0, Math.min(this.#held.length - 1, this.#place(frame) + by))] : frame + by;
  }

  // halving: the list asks for every frame of the drive
  #place(frame) {
    let [first, after] = [0, this.#held.length];
    while (after - first > 1) {
      const middle = (first + after) >> 1;
      if (this.#held[middle] > frame) after = middle;
      else first = middle;
    }
    return first;
  }

  /** Takes new values and tells which of them differ; `how` says by what means ("jump", "step", "play", "address"). */
  set(patch, how = "") {
    const given = patch.frame === undefined ? patch : { ...patch, frame: this.shown(patch.frame) };
    if (given.frame !== undefined && how !== "play") this.onShown(patch.frame, given.frame);
    const changed = new Set(Object.keys(given).filter((name) => !same(given[name], this.#state[name])));
    if (!changed.size) return;
    this.#state = { ...this.#state, ...given };
    for (const listener of this.#listeners) listener(this.#state, changed, how);
  }

  /** Is told the frame asked for and the one shown for it. */
  onShown = () => undefined;

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

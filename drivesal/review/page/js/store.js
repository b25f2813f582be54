// The page's state. `set` changes it and notifies the listeners.

export class Store {
  #state;
  #available;
  #listeners = [];

  /** `available` are the frames that can be shown, ascending; null means all. An exported file has only some. */
  constructor(state, available = null) {
    this.#available = available?.length ? available : null;
    this.#state = { ...state, frame: this.shown(state.frame) };
  }

  get now() { return this.#state; }

  /** The available frame at or before the requested one. */
  shown(frame) { return this.#available ? this.#available[this.#indexOf(frame)] : frame; }

  /** The frame `by` available frames after the current one. */
  stepped(by) {
    const { frame } = this.#state;
    return this.#available ? this.#available[Math.max(0, Math.min(this.#available.length - 1, this.#indexOf(frame) + by))] : frame + by;
  }

  // binary search: the list calls this for every frame of the drive
  #indexOf(frame) {
    let [first, after] = [0, this.#available.length];
    while (after - first > 1) {
      const middle = (first + after) >> 1;
      if (this.#available[middle] > frame) after = middle;
      else first = middle;
    }
    return first;
  }

  /** Sets new values and notifies the listeners of those that changed; `how` is "jump", "step", "play" or "address". */
  set(patch, how = "") {
    const values = patch.frame === undefined ? patch : { ...patch, frame: this.shown(patch.frame) };
    if (values.frame !== undefined && how !== "play") this.onShown(patch.frame, values.frame);
    const changed = new Set(Object.keys(values).filter((name) => !same(values[name], this.#state[name])));
    if (!changed.size) return;
    this.#state = { ...this.#state, ...values };
    for (const listener of this.#listeners) listener(this.#state, changed, how);
  }

  /** Called with the requested frame and the one shown for it. */
  onShown = () => undefined;

  /** Calls `listener(state, changed, how)` when one of `names` changes, or any value if `names` is null. */
  on(names, listener) {
    this.#listeners.push((state, changed, how) => {
      if (!names || names.some((name) => changed.has(name))) listener(state, changed, how);
    });
  }
}

function same(a, b) {
  return a === b || (typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b));
}

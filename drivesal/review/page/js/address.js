// The address (URL fragment) holds drive, frame, case, method and all other view settings, so that a view can be shared.

import { settingsOf } from "./fields.js";

const WRITE_DELAY_MS = 400;

/** Keeps the address and the state in sync. A jump adds a history entry, a step does not. */
export class Address {
  #store;
  #drive;
  #validate;
  #timer = 0;

  constructor(store, drive, validate) {
    this.#store = store;
    this.#drive = drive;
    this.#validate = validate;
    store.on(null, (state, changed, how) => {
      if (how === "address") return;
      if (how === "jump") this.#push(state);
      else this.#writeLater();
    });
    addEventListener("popstate", () => this.read());
    addEventListener("hashchange", () => this.read());
    addEventListener("pagehide", () => this.write());
  }

  /** Applies the address to the state; values that it does not contain stay. */
  read() {
    clearTimeout(this.#timer);
    const patch = this.#validate(fromHash(location.hash));
    this.#store.set(patch, "address");
  }

  /** Writes the state into the address. */
  write() {
    clearTimeout(this.#timer);
    history.replaceState(null, "", toHash(this.#store.now, this.#drive));
  }

  /** The full URL of the current view. */
  get link() {
    return new URL(toHash(this.#store.now, this.#drive), location.href).href;
  }

  #push(state) {
    clearTimeout(this.#timer);
    history.pushState(null, "", toHash(state, this.#drive));
  }

  // browsers reject more than about 200 history changes in 30 s: stepping and playing write once they pause
  #writeLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#store.now.playing) this.#writeLater();
      else this.write();
    }, WRITE_DELAY_MS);
  }
}

function toHash(state, drive) {
  const query = new URLSearchParams({ drive, frame: state.frame, case: state.case, ...settingsOf(state) });
  if (Object.keys(state.options).length) query.set("options", JSON.stringify(state.options));
  query.set("model", state.model);
  query.set("of", state.of);
  if (state.case === "all") query.set("cases", state.cases.join(","));
  if (state.edit) query.set("edit", JSON.stringify(state.edit));
  return `#${query}`;
}

/** The raw entries of an address fragment; JSON entries parsed, malformed ones dropped. */
export function fromHash(hash) {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const entries = Object.fromEntries(query);
  for (const name of ["options", "edit"]) {
    if (!(name in entries)) continue;
    try { entries[name] = JSON.parse(entries[name]); } catch { delete entries[name]; }
  }
  return entries;
}

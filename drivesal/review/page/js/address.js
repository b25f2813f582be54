// The page's address names drive, frame, case, method and the rest of the view, so that it can be sent.

import { said } from "./fields.js";

const LATER_MS = 400;

/** Keeps the address and the state in step. A jump can be gone back from, a step cannot. */
export class Address {
  #store;
  #drive;
  #known;
  #timer = 0;

  constructor(store, drive, known) {
    this.#store = store;
    this.#drive = drive;
    this.#known = known;
    store.on(null, (state, changed, how) => {
      if (how === "address") return;
      if (how === "jump") this.#jump(state);
      else this.#later();
    });
    addEventListener("popstate", () => this.read());
    addEventListener("hashchange", () => this.read());
    addEventListener("pagehide", () => this.write());
  }

  /** The state that the address asks for; what it does not say stays. */
  read() {
    clearTimeout(this.#timer);
    const patch = this.#known(fromHash(location.hash));
    this.#store.set(patch, "address");
  }

  /** Writes the state into the address. */
  write() {
    clearTimeout(this.#timer);
    history.replaceState(null, "", toHash(this.#store.now, this.#drive));
  }

  /** The whole address of the present view. */
  get link() {
    return new URL(toHash(this.#store.now, this.#drive), location.href).href;
  }

  #jump(state) {
    clearTimeout(this.#timer);
    history.pushState(null, "", toHash(state, this.#drive));
  }

  // browsers refuse more than about 200 changes in 30 s: stepping and playing write when they rest
  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#store.now.playing) this.#later();
      else this.write();
    }, LATER_MS);
  }
}

function toHash(state, drive) {
  const query = new URLSearchParams({ drive, frame: state.frame, case: state.case, ...said(state) });
  if (Object.keys(state.options).length) query.set("options", JSON.stringify(state.options));
  query.set("model", state.model);
  query.set("of", state.of);
  if (state.case === "all") query.set("cases", state.cases.join(","));
  if (state.edit) query.set("edit", JSON.stringify(state.edit));
  return `#${query}`;
}

/** The raw entries of an address; JSON where it is some, nothing where it is broken. */
export function fromHash(hash) {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const found = Object.fromEntries(query);
  for (const name of ["options", "edit"]) {
    if (!(name in found)) continue;
    try { found[name] = JSON.parse(found[name]); } catch { delete found[name]; }
  }
  return found;
}

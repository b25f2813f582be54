// Pictures and numbers by address: from memory, else from the server, the same thing never asked for twice at once.

import * as api from "./api.js";
import { Cache } from "./cache.js";

const HELD_BYTES = 64 << 20;
const NUMBERS_BYTES = 4096;

export class Loader {
  #cache = new Cache(HELD_BYTES);
  #ahead = new Map();

  has(url) { return this.#cache.has(url); }

  clear() { this.#cache.clear(); }

  /** What lies there, a Blob or JSON. A neighbour fetched ahead is waited for where `join` says it comes soon. */
  async need(url, signal, join = true) {
    const held = this.#cache.get(url);
    if (held !== undefined) return held;
    const coming = join ? this.#ahead.get(url) : undefined;
    if (coming) {
      const value = await coming.catch(() => undefined);
      if (signal.aborted) throw new DOMException("not wanted any more", "AbortError");
      if (value !== undefined) return value;
    }
    for (let tries = 0; ; tries++) {
      try {
        return await this.#fetch(url, url, signal);
      } catch (error) {
        if (!error.dropped || tries === 2) throw error;
      }
    }
  }

  /** Fetches it for later; failing is no matter. */
  ahead(url, signal) {
    const known = this.#cache.has(url) ? Promise.resolve() : this.#ahead.get(url);
    if (known) return known.catch(() => undefined);
    const asked = url.startsWith("/api/frame/") || url.startsWith("/api/difference") ? url : `${url}&ahead=true`;
    const coming = this.#fetch(url, asked, signal).finally(() => this.#ahead.delete(url));
    this.#ahead.set(url, coming);
    return coming.catch(() => undefined);
  }

  async #fetch(key, url, signal) {
    const numbers = url.startsWith("/api/explained/");
    const value = numbers ? await api.json(url, { signal }) : await api.blob(url, { signal });
    this.#cache.put(key, value, numbers ? NUMBERS_BYTES : value.size);
    return value;
  }
}

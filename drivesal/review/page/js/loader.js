// Images and numbers by URL, cached; a URL that is being prefetched is not requested again.

import * as api from "./api.js";
import { Cache } from "./cache.js";

const CACHE_BYTES = 64 << 20;
const NUMBERS_BYTES = 4096;

export class Loader {
  #cache = new Cache(CACHE_BYTES);
  #ahead = new Map();

  has(url) { return this.#cache.has(url); }

  clear() { this.#cache.clear(); }

  /** The Blob or JSON at a URL. With `join`, a running prefetch of the same URL is awaited rather than repeated. */
  async need(url, signal, join = true) {
    const cached = this.#cache.get(url);
    if (cached !== undefined) return cached;
    const pending = join ? this.#ahead.get(url) : undefined;
    if (pending) {
      const value = await pending.catch(() => undefined);
      if (signal.aborted) throw new DOMException("no longer needed", "AbortError");
      if (value !== undefined) return value;
    }
    for (let tries = 0; ; tries++) {
      try {
        return await this.#fetch(url, url, signal);
      } catch (error) {
        if (!error.superseded || tries === 2) throw error;
      }
    }
  }

  /** Prefetches a URL; errors are ignored. */
  ahead(url, signal) {
    const known = this.#cache.has(url) ? Promise.resolve() : this.#ahead.get(url);
    if (known) return known.catch(() => undefined);
    const address = url.startsWith("/api/frame/") || url.startsWith("/api/difference") ? url : `${url}&ahead=true`;
    const pending = this.#fetch(url, address, signal).finally(() => this.#ahead.delete(url));
    this.#ahead.set(url, pending);
    return pending.catch(() => undefined);
  }

  async #fetch(key, url, signal) {
    const numbers = url.startsWith("/api/explained/");
    const value = numbers ? await api.json(url, { signal }) : await api.blob(url, { signal });
    this.#cache.put(key, value, numbers ? NUMBERS_BYTES : value.size);
    return value;
  }
}

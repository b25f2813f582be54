// A least-recently-used cache, bounded in bytes.

export class Cache {
  #limit;
  #size = 0;
  #entries = new Map();

  constructor(limit) { this.#limit = limit; }

  get(key) {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key); // a Map iterates in order of insertion: oldest first
    this.#entries.set(key, entry);
    return entry.value;
  }

  has(key) { return this.#entries.has(key); }

  put(key, value, size) {
    this.#size += size - (this.#entries.get(key)?.size ?? 0);
    this.#entries.delete(key);
    this.#entries.set(key, { value, size });
    for (const [oldest, { size: freed }] of this.#entries) {
      if (this.#size <= this.#limit || oldest === key) break;
      this.#entries.delete(oldest);
      this.#size -= freed;
    }
  }

  clear() {
    this.#entries.clear();
    this.#size = 0;
  }
}

// Answers kept in memory, the ones used last, up to a number of bytes.

export class Cache {
  #most;
  #size = 0;
  #held = new Map();

  constructor(most) { this.#most = most; }

  get(key) {
    const found = this.#held.get(key);
    if (!found) return undefined;
    this.#held.delete(key); // a Map keeps the order of insertion: the oldest comes first
    this.#held.set(key, found);
    return found.value;
  }

  has(key) { return this.#held.has(key); }

  put(key, value, size) {
    this.#size += size - (this.#held.get(key)?.size ?? 0);
    this.#held.delete(key);
    this.#held.set(key, { value, size });
    for (const [oldest, { size: freed }] of this.#held) {
      if (this.#size <= this.#most || oldest === key) break;
      this.#held.delete(oldest);
      this.#size -= freed;
    }
  }

  clear() {
    this.#held.clear();
    this.#size = 0;
  }
}

/**
 * A bounded memory of what was read, for `message.ts`: what repeats stays, what doesn't is forgotten.
 */

/** An entry and about how many bytes it takes. */
interface Entry<T> {
  readonly value: T;
  readonly weight: number;
}

/**
 * Values by key in two generations, each of at most half of what is allowed. When the young one is full it becomes the
 * old one, whose entries are dropped unless they were asked for again: close to least-recently-used, without moving an
 * entry each time it is used.
 */
export class Recent<T> {
  #young = new Map<string, Entry<T>>();
  #old = new Map<string, Entry<T>>();
  #weight = 0;
  readonly #entries: number;
  readonly #bytes: number;

  /** @param entries kept at most @param bytes about how many the entries together may take */
  constructor(entries: number, bytes: number) {
    this.#entries = Math.max(1, Math.floor(entries / 2));
    this.#bytes = bytes / 2;
  }

  get(key: string): T | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young.value;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old.value, old.weight);
    return old?.value;
  }

  /** Keeps `value`, of about `weight` bytes. What is heavier than a generation is not kept. */
  set(key: string, value: T, weight: number): void {
    if (weight > this.#bytes) return;
    if (this.#young.size >= this.#entries || this.#weight + weight > this.#bytes) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#weight = 0;
    }
    this.#young.set(key, { value, weight });
    this.#weight += weight;
  }
}

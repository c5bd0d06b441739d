/**
 * The ids of the objects in a part: which are there, and their list as the part's grouping states it. A `Set` of texts
 * and the list made of it took as long as writing the objects: here an id is bytes, in the list once. Pure.
 */

/** Slots of the table to begin with, a power of two: with a part's 5,000 objects few ids meet at one slot. */
const firstSlots = 1 << 14;

/** Characters at the end of an id that choose its slot: digits of a digest, so any few do. */
const choosing = 8;

const quote = 0x22;
const comma = 0x2c;

/** Ids, each once, in the order in which they came. */
export class PartIds {
  /** By slot, where in the list an id begins; 0 is free, since the list begins with a quote. */
  #places = new Int32Array(firstSlots);
  /** `"<id>","<id>",` */
  #list = Buffer.allocUnsafeSlow(1 << 19);
  #length = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The ids as the items of a JSON array. Changes with the next `add`. */
  get items(): Uint8Array {
    return this.#list.subarray(0, Math.max(0, this.#length - 1));
  }

  clear(): void {
    this.#places.fill(0);
    this.#length = 0;
    this.#size = 0;
  }

  /** Is the id there that stands in `bytes` from `start` to `end`? */
  has(bytes: Uint8Array, start: number, end: number): boolean {
    return this.#places[this.#slot(bytes, start, end)] !== 0;
  }

  /** Adds the id that stands in `bytes` from `start` to `end`; false where it is there. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#size * 2 >= this.#places.length) this.#enlarge();
    const slot = this.#slot(bytes, start, end);
    if (this.#places[slot] !== 0) return false;
    this.#places[slot] = this.#length + 1;
    this.#size += 1;
    this.#append(bytes, start, end);
    return true;
  }

  /** Where the id is, or would be. */
  #slot(bytes: Uint8Array, start: number, end: number): number {
    let chosen = 0;
    for (let at = end - choosing; at < end; at++) chosen = Math.imul(chosen, 31) + (bytes[at] ?? 0);
    const last = this.#places.length - 1;
    for (let slot = chosen & last; ; slot = (slot + 1) & last) {
      const place = this.#places[slot] ?? 0;
      if (place === 0 || this.#is(place, bytes, start, end)) return slot;
    }
  }

  #enlarge(): void {
    this.#places = new Int32Array(this.#places.length * 2);
    for (let start = 1; start < this.#length; ) {
      const end = this.#list.indexOf(quote, start);
      this.#places[this.#slot(this.#list, start, end)] = start;
      start = end + '","'.length;
    }
  }

  #is(place: number, bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    // From behind: types are the same more often than digits.
    if (this.#list[place + length] !== quote) return false;
    for (let at = length - 1; at >= 0; at--) if (this.#list[place + at] !== bytes[start + at]) return false;
    return true;
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    const most = this.#length + (end - start) + 3;
    if (most > this.#list.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(most, this.#list.length * 2));
      this.#list.copy(larger, 0, 0, this.#length);
      this.#list = larger;
    }
    const list = this.#list;
    let to = this.#length;
    list[to++] = quote;
    for (let at = start; at < end; at++) list[to++] = bytes[at] ?? 0;
    list[to++] = quote;
    list[to++] = comma;
    this.#length = to;
  }
}

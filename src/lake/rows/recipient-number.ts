/**
 * Numbers that tell recipients apart, and addresses as most are written, read in one pass without another text being
 * made. Part of `recipients.ts` and `plain-recipients.ts`: called for each of some ten recipients of millions of captures.
 */

/** Numbers in a sample: enough to count up to eight over any set of captures. */
export const sampleSize = 8;

/** Multipliers of the two halves of a {@link recipientNumber}. */
const highStart = 0x9e3779b9;
const highFactor = 0x2c1b3c6d;
const lowStart = 0x85ebca6b;
const lowFactor = 0x297a2d39;

/**
 * A 53-bit number that tells recipients apart. It needn't resist anyone: it stays in the lake, and whoever could make two
 * recipients collide would only make texts leave less often. Two multiplicative 32-bit hashes, mixed.
 */
export function recipientNumber(address: string): number {
  let high = highStart;
  let low = lowStart;
  for (let index = 0; index < address.length; index += 1) {
    const code = address.charCodeAt(index);
    high = Math.imul(high ^ code, highFactor);
    low = Math.imul(low ^ code, lowFactor);
  }
  return mixed(high, low);
}

/** The number of a text that begins with `prefix` and goes on with ASCII bytes. */
export class PrefixedNumber {
  readonly #high: number;
  readonly #low: number;

  constructor(prefix: string) {
    let high = highStart;
    let low = lowStart;
    for (let index = 0; index < prefix.length; index += 1) {
      high = Math.imul(high ^ prefix.charCodeAt(index), highFactor);
      low = Math.imul(low ^ prefix.charCodeAt(index), lowFactor);
    }
    this.#high = high;
    this.#low = low;
  }

  of(bytes: Uint8Array, start: number, end: number): number {
    let high = this.#high;
    let low = this.#low;
    for (let at = start; at < end; at += 1) {
      high = Math.imul(high ^ (bytes[at] ?? 0), highFactor);
      low = Math.imul(low ^ (bytes[at] ?? 0), lowFactor);
    }
    return mixed(high, low);
  }
}

function mixed(highHash: number, lowHash: number): number {
  const high = Math.imul(highHash ^ (highHash >>> 16), 0x21f0aaad) ^ Math.imul(lowHash ^ (lowHash >>> 15), 0x735a2d97);
  const low = Math.imul(lowHash ^ (lowHash >>> 16), 0x21f0aaad) ^ Math.imul(high ^ (high >>> 15), 0x735a2d97);
  return (high & 0x1fffff) * 0x100000000 + (low >>> 0);
}

const sign = 64;
const quote = 34;
const dot = 46;

/** Characters of an address of which nothing but the case may be written otherwise, each in lower case; 0 for any other. */
const simple = new Uint8Array(256);
for (const char of "abcdefghijklmnopqrstuvwxyz0123456789._-@") simple[char.charCodeAt(0)] = char.charCodeAt(0);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZ") simple[char.charCodeAt(0)] = char.toLowerCase().charCodeAt(0);

/** Longer than any address that works. */
const longestSimple = 320;

/** Reads addresses as most are written: letters, digits, dots, dashes and `@` alone. */
export class SimpleAddress {
  /** {@link recipientNumber} of the address last read, in lower case. */
  number = 0;
  /** Where the text after its last `@` begins; 0 without one. */
  domainStart = 0;

  /** Says whether the address is one of these; if not, nothing was read. */
  read(address: string): boolean {
    const { length } = address;
    if (length === 0 || length > longestSimple || address.charCodeAt(length - 1) === dot) return false;
    let high = highStart;
    let low = lowStart;
    let domainStart = 0;
    for (let index = 0; index < length; index += 1) {
      const code = simple[address.charCodeAt(index)] ?? 0;
      if (code === 0) return false;
      if (code === sign) domainStart = index + 1;
      high = Math.imul(high ^ code, highFactor);
      low = Math.imul(low ^ code, lowFactor);
    }
    this.number = mixed(high, low);
    this.domainStart = domainStart;
    return true;
  }

  /**
   * The same for bytes from `start` to before the next quote. Returns where that stands; -1 where the address is none of
   * these.
   */
  readBytes(bytes: Uint8Array, start: number): number {
    let high = highStart;
    let low = lowStart;
    let domainStart = 0;
    let at = start;
    for (; ; at += 1) {
      const code = simple[bytes[at] ?? 0] ?? 0;
      if (code === 0) break;
      if (code === sign) domainStart = at + 1;
      high = Math.imul(high ^ code, highFactor);
      low = Math.imul(low ^ code, lowFactor);
    }
    if (bytes[at] !== quote || at === start || at - start > longestSimple || bytes[at - 1] === dot) return -1;
    this.number = mixed(high, low);
    this.domainStart = domainStart;
    return at;
  }
}

/** Up to here the simplest sort is the fastest. */
const fewNumbers = 24;

/** Numbers of one capture's recipients. */
export class RecipientNumbers {
  #numbers = new Float64Array(64);
  #length = 0;

  clear(): void {
    this.#length = 0;
  }

  add(number: number): void {
    if (this.#length === this.#numbers.length) {
      const grown = new Float64Array(2 * this.#length);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.#length] = number;
    this.#length += 1;
  }

  /** Sorts the numbers; says whether all differ. */
  areDistinct(): boolean {
    const numbers = this.#numbers;
    const length = this.#length;
    if (length > fewNumbers) numbers.subarray(0, length).sort();
    else insertionSort(numbers, length);
    for (let index = 1; index < length; index += 1) if (numbers[index] === numbers[index - 1]) return false;
    return true;
  }

  /** The numbers, ascending once they were sorted; more may stand after them. Valid until the next change. */
  get sorted(): Float64Array {
    return this.#numbers;
  }
}

function insertionSort(numbers: Float64Array, length: number): void {
  for (let end = 1; end < length; end += 1) {
    const number = numbers[end] ?? 0;
    let place = end;
    for (; place > 0 && (numbers[place - 1] ?? 0) > number; place -= 1) numbers[place] = numbers[place - 1] ?? 0;
    numbers[place] = number;
  }
}

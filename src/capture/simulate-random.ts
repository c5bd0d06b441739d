/**
 * Chance for the simulator: a small generator seeded by names, and draws from a table of weights. Only integer
 * arithmetic and exactly rounded operations (`+ - * /`), so that a seed gives the same captures on every machine.
 *
 * Specification: sfc32 (C. Doty-Humphrey, PractRand); alias method (M. D. Vose, IEEE TSE 17:9, 1991).
 */
import { SpampotsError } from "../errors.ts";

const twoTo32 = 4_294_967_296;

/** Final mixing of MurmurHash3: every bit of `word` reaches every bit of the result, an unsigned 32-bit integer. */
function mixed(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** An unsigned 32-bit hash of a seed and up to three integers: the same for the same numbers, in whatever order they are asked. */
export function hashOf(seed: number, a: number, b = 0, c = 0): number {
  return mixed(mixed(mixed(mixed(seed ^ 0x9e3779b9) + a) + Math.imul(b, 0x85ebca77)) + Math.imul(c, 0xc2b2ae3d));
}

/** An unsigned 32-bit hash of a name (FNV-1a over code units, mixed). */
export function hashOfName(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i += 1) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  return mixed(h);
}

/** A stream of random numbers (sfc32). Two streams of different names are independent of each other. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** @param seed the simulation's seed, any safe integer  @param name what the stream is for, such as `sp01 2026-11-02` */
  constructor(seed: number, name: string) {
    const low = seed | 0;
    const high = Math.floor(seed / twoTo32) | 0;
    const word = hashOfName(name);
    this.a = hashOf(low, word, 1) | 0;
    this.b = hashOf(high, word, 2) | 0;
    this.c = hashOf(low ^ high, word, 3) | 0;
    for (let i = 0; i < 15; i += 1) this.next();
  }

  /** The next unsigned 32-bit integer. */
  next(): number {
    const t = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** An integer from 0 to `limit` - 1, where `limit` is at most 2^21. */
  below(limit: number): number {
    return Math.floor((this.next() * limit) / twoTo32);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability * twoTo32;
  }
}

/** Draws indexes with given weights, each in constant time. */
export class WeightedTable {
  private readonly threshold: Float64Array;
  private readonly alias: Int32Array;

  /** @param weights not negative, at least one above zero; they need no sum */
  constructor(weights: readonly number[]) {
    const size = weights.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    this.threshold = Float64Array.from(weights, (weight) => (weight / total) * size);
    this.alias = Int32Array.from(weights.keys());
    const small: number[] = [];
    const large: number[] = [];
    for (const [index, share] of this.threshold.entries()) (share < 1 ? small : large).push(index);
    for (;;) {
      const less = small.pop();
      const more = large.at(-1);
      if (less === undefined || more === undefined) break;
      this.alias[less] = more;
      const left = this.shareOf(more) + this.shareOf(less) - 1;
      this.threshold[more] = left;
      if (left < 1) small.push(large.pop() ?? more);
    }
  }

  private shareOf(index: number): number {
    return this.threshold[index] ?? 1;
  }

  /** An index into the weights. */
  pick(random: Random): number {
    const index = random.below(this.threshold.length);
    return random.next() < this.shareOf(index) * twoTo32 ? index : (this.alias[index] ?? index);
  }
}

/**
 * The element at `index`, counted around the list's end.
 *
 * @throws internal for an empty list: tables of the simulation never are.
 */
export function around<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new SpampotsError("internal", "A list of the simulation is empty.");
  return found;
}

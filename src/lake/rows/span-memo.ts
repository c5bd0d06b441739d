/**
 * What stretches of bytes came to, remembered: pieces of lines repeat, and comparing one costs less than reading it. The
 * bytes are attacker-written, so their number is bounded, and so is what looking one up takes. Part of `plain-recipients.ts`,
 * which has few: of many, `span-cells.ts` is found sooner.
 */
import { standsAt } from "../../capture/plain-line.ts";

interface Entry<Value> {
  readonly hash: number;
  readonly bytes: Uint8Array;
  readonly value: Value;
  next: Entry<Value> | undefined;
}

const slotCount = 1 << 15;
/** Entries that are kept at most; then all are forgotten. */
const mostEntries = 1 << 15;
/** Entries of one slot: whoever makes more that fall together only has them forgotten. */
const mostInSlot = 8;
/** Longer pieces aren't kept. */
const longestPiece = 256;

const factor = 0x9e3779b1;

/** Values by bytes. Kept is at most {@link mostEntries} times {@link longestPiece} bytes. */
export class SpanMemo<Value> {
  #slots: (Entry<Value> | undefined)[] = new Array(slotCount);
  #count = 0;
  #last: Entry<Value> | undefined;

  /** The value of `bytes` from `start` to before `end`, where it was {@link set}. */
  get(bytes: Uint8Array, start: number, end: number): Value | undefined {
    // What stands in one line often stands in the next.
    const last = this.#last;
    if (last !== undefined && isSame(last.bytes, bytes, start, end)) return last.value;
    const hash = hashOf(bytes, start, end);
    let entry = this.#slots[hash & (slotCount - 1)];
    while (entry !== undefined && !(entry.hash === hash && isSame(entry.bytes, bytes, start, end))) entry = entry.next;
    if (entry === undefined) return undefined;
    this.#last = entry;
    return entry.value;
  }

  set(bytes: Uint8Array, start: number, end: number, value: Value): void {
    if (end - start > longestPiece) return;
    if (this.#count >= mostEntries) this.clear();
    const hash = hashOf(bytes, start, end);
    const slot = hash & (slotCount - 1);
    let others = this.#slots[slot];
    let length = 0;
    for (let entry = others; entry !== undefined; entry = entry.next) length += 1;
    if (length >= mostInSlot) {
      others = undefined;
      this.#count -= length;
    }
    this.#slots[slot] = { hash, bytes: new Uint8Array(bytes.subarray(start, end)), value, next: others };
    this.#count += 1;
  }

  clear(): void {
    this.#slots = new Array(slotCount);
    this.#count = 0;
    this.#last = undefined;
  }
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  return end - start === known.length && standsAt(known, bytes, start);
}

/** Four bytes at a time. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  let at = start;
  for (; at + 3 < end; at += 4) {
    const word =
      (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    hash = mix(hash ^ word);
  }
  for (; at < end; at += 1) hash = mix(hash ^ (bytes[at] ?? 0));
  return hash & 0x3fffffff;
}

function mix(hash: number): number {
  const product = Math.imul(hash, factor);
  return product ^ (product >>> 15);
}

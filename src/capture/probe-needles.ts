/**
 * Many fixed texts in bytes at once, in one pass: a window of four bytes goes over the bytes, and only where a needle
 * begins with them is a set asked, once for each length that such needles have. Part of `probe.ts`.
 */

/** Bits of the filter before the map: a power of two well above the number of distinct beginnings. */
const filterBits = 20;

/** Needles shorter than the window can't be found. */
export const shortestNeedle = 4;

/** Latin1 characters in lower case: letters of ASCII, and those of ISO 8859-1 since needles are folded the same way. */
const folded = Uint8Array.from({ length: 256 }, (_, byte) => {
  const lower = String.fromCharCode(byte).toLowerCase().charCodeAt(0);
  return lower < 256 ? lower : byte;
});

/** Where a needle stands: from `start` to before `end`, with what was said of the needle. */
export type Fits<Note> = (start: number, end: number, note: Note) => boolean;

/** Texts as bytes to look for, each with a note. Upper and lower case are the same. */
export class Needles<Note> {
  readonly #filter = new Uint8Array(2 ** filterBits / 8);
  /** By first four bytes, then by length: needles as latin1 text. */
  readonly #byStart = new Map<number, Map<number, Map<string, Note>>>();

  /** @param needles of at least {@link shortestNeedle} bytes; of the same needle the first counts */
  constructor(needles: Iterable<readonly [needle: Buffer, note: Note]>) {
    for (const [needle, note] of needles) {
      const text = foldedText(needle, 0, needle.length);
      const start = Buffer.from(text, "latin1").readInt32BE(0);
      const slot = slotOf(start);
      this.#filter[slot >>> 3] = (this.#filter[slot >>> 3] ?? 0) | (1 << (slot & 7));
      const lengths = this.#byStart.get(start) ?? new Map<number, Map<string, Note>>();
      const needlesOfLength = lengths.get(text.length) ?? new Map<string, Note>();
      if (!needlesOfLength.has(text)) needlesOfLength.set(text, note);
      this.#byStart.set(start, lengths.set(text.length, needlesOfLength));
    }
  }

  /** Says whether a needle stands in the bytes in a place that `fits`. */
  found(bytes: Buffer, fits: Fits<Note>): boolean {
    const filter = this.#filter;
    const length = bytes.length;
    let window = 0;
    for (let at = 0; at < length; at += 1) {
      window = (window << 8) | (folded[bytes[at] ?? 0] ?? 0);
      const slot = slotOf(window);
      if (((filter[slot >>> 3] ?? 0) & (1 << (slot & 7))) === 0) continue;
      if (at >= 3 && this.#beginsAt(bytes, at - 3, window, fits)) return true;
    }
    return false;
  }

  #beginsAt(bytes: Buffer, start: number, window: number, fits: Fits<Note>): boolean {
    for (const [length, needles] of this.#byStart.get(window) ?? []) {
      const end = start + length;
      if (end > bytes.length) continue;
      const note = needles.get(foldedText(bytes, start, end));
      if (note !== undefined && fits(start, end, note)) return true;
    }
    return false;
  }
}

function foldedText(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("latin1", start, end).toLowerCase();
}

function slotOf(window: number): number {
  return Math.imul(window, 0x9e3779b1) >>> (32 - filterBits);
}

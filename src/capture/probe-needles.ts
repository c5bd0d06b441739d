/**
 * Many fixed texts in bytes at once, in one pass that leaps: four bytes are read where a needle that begins here would
 * go on, and where no needle holds them, as many bytes are passed over as the shortest needle allows. Only where the
 * shortest beginning of a needle ends is a set asked, once for each length that such needles have. Part of `probe.ts`.
 *
 * @see Wu and Manber, "A fast algorithm for multi-pattern searching", 1994
 */

/** Least and greatest bits of the table of leaps: a little one stays in the processor's nearest memory. */
const leastBits = 12;
const mostBits = 20;

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
  /** Bytes at the beginning of each needle that the table of leaps is made from: the length of the shortest. */
  readonly #head: number;
  readonly #shift: number;
  /** By slot of four bytes: how far the next place is at which they could end the head of a needle; 0 is here. */
  readonly #leaps: Uint8Array;
  /** By the last four bytes of the head, then by length: needles as latin1 text. */
  readonly #byHead = new Map<number, Map<number, Map<string, Note>>>();

  /** @param needles of at least {@link shortestNeedle} bytes; of the same needle the first counts */
  constructor(needles: Iterable<readonly [needle: Buffer, note: Note]>) {
    const all = [...needles].map(([needle, note]) => [foldedText(needle, 0, needle.length), note] as const);
    this.#head = all.reduce((least, [text]) => Math.min(least, text.length), longestHead);
    const windows = all.length * (this.#head - shortestNeedle + 1);
    const bits = Math.min(mostBits, Math.max(leastBits, Math.ceil(Math.log2(windows * 16 + 1))));
    this.#shift = 32 - bits;
    this.#leaps = new Uint8Array(2 ** bits).fill(this.#head - shortestNeedle + 1);
    for (const [text, note] of all) this.#keep(text, note);
  }

  #keep(text: string, note: Note): void {
    const bytes = Buffer.from(text, "latin1");
    const last = this.#head - shortestNeedle;
    for (let start = 0; start <= last; start += 1) {
      const slot = Math.imul(bytes.readInt32BE(start), factor) >>> this.#shift;
      this.#leaps[slot] = Math.min(this.#leaps[slot] ?? 0, last - start);
    }
    const window = bytes.readInt32BE(last);
    const lengths = this.#byHead.get(window) ?? new Map<number, Map<string, Note>>();
    const needlesOfLength = lengths.get(text.length) ?? new Map<string, Note>();
    if (!needlesOfLength.has(text)) needlesOfLength.set(text, note);
    this.#byHead.set(window, lengths.set(text.length, needlesOfLength));
  }

  /** Says whether a needle stands in the bytes from `from` to before `to` in a place that `fits`. */
  found(bytes: Uint8Array, fits: Fits<Note>, from = 0, to = bytes.length): boolean {
    if (this.#byHead.size === 0) return false;
    const leaps = this.#leaps;
    const shift = this.#shift;
    for (let end = from + this.#head; end <= to; ) {
      const window =
        ((folded[bytes[end - 4] ?? 0] ?? 0) << 24) |
        ((folded[bytes[end - 3] ?? 0] ?? 0) << 16) |
        ((folded[bytes[end - 2] ?? 0] ?? 0) << 8) |
        (folded[bytes[end - 1] ?? 0] ?? 0);
      const leap = leaps[Math.imul(window, factor) >>> shift] ?? 0;
      if (leap === 0 && this.#beginsAt(bytes, end - this.#head, to, window, fits)) return true;
      end += leap === 0 ? 1 : leap;
    }
    return false;
  }

  #beginsAt(bytes: Uint8Array, start: number, to: number, window: number, fits: Fits<Note>): boolean {
    for (const [length, needles] of this.#byHead.get(window) ?? []) {
      const end = start + length;
      if (end > to) continue;
      const note = needles.get(foldedText(bytes, start, end));
      if (note !== undefined && fits(start, end, note)) return true;
    }
    return false;
  }
}

/** A head may be so long that its leaps fit into a byte; no needle is. */
const longestHead = 128;

/** Spreads four bytes over the slots: 2^32 divided by the golden ratio. */
const factor = 0x9e3779b1;

function foldedText({ buffer, byteOffset }: Uint8Array, start: number, end: number): string {
  return Buffer.from(buffer, byteOffset + start, end - start)
    .toString("latin1")
    .toLowerCase();
}

/**
 * Cells of rows by the bytes of the piece of a line that they were made from: pieces repeat, and writing cells again
 * costs less than making them. Pieces and cells lie in one stretch of memory, each next to its cells: as objects of their
 * own, twenty thousand of them, each look-up would wait for the memory several times. Part of `plain-rows.ts`.
 *
 * The pieces are attacker-written, so their number and length are bounded, and so is what looking one up takes.
 */

const slotBits = 16;
const slotCount = 1 << slotBits;
/** Pieces that are kept at most; then all are forgotten. */
const mostPieces = 1 << 15;
/** Slots that are looked at. Whoever makes more pieces that fall together only has the last one forgotten. */
const mostProbes = 8;
const longestPiece = 256;
const longestCells = 4096;
/** Bytes of all pieces and cells; then all are forgotten. */
const mostBytes = 8 << 20;
const firstBytes = 1 << 16;

const factor = 0x9e3779b1;

/** Words of an entry before its piece: lengths of the piece and of its cells, of the first run of these, a note. */
const headWords = 4;

const noCells: Uint8Array = new Uint8Array(0);

/** Cells, in one or two runs, by pieces of lines. An entry is known by a number until the next {@link SpanCells.set}. */
export class SpanCells {
  /** Pairs: hash, and at which word the entry begins; 0 for none. */
  readonly #slots = new Int32Array(2 * slotCount);
  #words = new Int32Array(firstBytes / 4);
  #bytes = new Uint8Array(this.#words.buffer);
  #used = 1;
  #count = 0;

  /** Memory in which cells lie. Valid until the next {@link set}. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The entry of what stands in `view` from `start` to before `end`; 0 where there is none. */
  find(view: DataView, start: number, end: number): number {
    const slots = this.#slots;
    const hash = hashOf(view, start, end);
    for (let probe = 0; probe < mostProbes; probe += 1) {
      const place = 2 * ((hash + probe) & (slotCount - 1));
      const entry = slots[place + 1] ?? 0;
      if (entry === 0) return 0;
      if (slots[place] === hash && this.#isPiece(entry, view, start, end)) return entry;
    }
    return 0;
  }

  /**
   * Keeps cells for a piece that {@link find} doesn't find, unless they are too long.
   *
   * @param more a second run of cells @param note a number that goes with them
   */
  set(view: DataView, start: number, end: number, cells: Uint8Array, { more = noCells, note = 0 } = {}): void {
    const length = cells.length + more.length;
    if (end - start > longestPiece || length > longestCells) return;
    const words = headWords + wordsFor(end - start) + wordsFor(length);
    if (this.#count >= mostPieces || 4 * (this.#used + words) > mostBytes) this.clear();
    this.#need(words);
    const entry = this.#used;
    this.#words.set([end - start, length, cells.length, note], entry);
    this.#putPiece(entry, view, start, end);
    this.#bytes.set(cells, this.start(entry));
    this.#bytes.set(more, this.middle(entry));
    this.#used += words;
    this.#count += 1;
    this.#place(hashOf(view, start, end), entry);
  }

  clear(): void {
    this.#slots.fill(0);
    this.#used = 1;
    this.#count = 0;
  }

  note(entry: number): number {
    return this.#words[entry + 3] ?? 0;
  }

  /** Where in {@link bytes} the cells begin. */
  start(entry: number): number {
    return 4 * (entry + headWords + wordsFor(this.#words[entry] ?? 0));
  }

  /** Where the first run ends and the second begins. */
  middle(entry: number): number {
    return this.start(entry) + (this.#words[entry + 2] ?? 0);
  }

  end(entry: number): number {
    return this.start(entry) + (this.#words[entry + 1] ?? 0);
  }

  #place(hash: number, entry: number): void {
    for (let probe = 0; probe < mostProbes; probe += 1) {
      const place = 2 * ((hash + probe) & (slotCount - 1));
      // Where too many fall together the last place is given away.
      if (this.#slots[place + 1] !== 0 && probe + 1 < mostProbes) continue;
      this.#slots[place] = hash;
      this.#slots[place + 1] = entry;
      return;
    }
  }

  #putPiece(entry: number, view: DataView, start: number, end: number): void {
    let word = entry + headWords;
    let at = start;
    for (; at + 3 < end; at += 4) {
      this.#words[word] = view.getInt32(at, true);
      word += 1;
    }
    const rest = 4 * word - at;
    for (; at < end; at += 1) this.#bytes[rest + at] = view.getUint8(at);
  }

  #isPiece(entry: number, view: DataView, start: number, end: number): boolean {
    const words = this.#words;
    const length = end - start;
    if (words[entry] !== length) return false;
    let word = entry + headWords;
    let at = start;
    for (; at + 3 < end; at += 4) {
      if (words[word] !== view.getInt32(at, true)) return false;
      word += 1;
    }
    const rest = 4 * word - at;
    for (; at < end; at += 1) if (this.#bytes[rest + at] !== view.getUint8(at)) return false;
    return true;
  }

  #need(words: number): void {
    if (this.#used + words <= this.#words.length) return;
    const grown = new Int32Array(2 * this.#words.length + words);
    grown.set(this.#words);
    this.#words = grown;
    this.#bytes = new Uint8Array(grown.buffer);
  }
}

const wordsFor = (bytes: number) => (bytes + 3) >> 2;

/** Four bytes at a time. */
function hashOf(view: DataView, start: number, end: number): number {
  let hash = end - start;
  let at = start;
  for (; at + 3 < end; at += 4) hash = mix(hash ^ view.getInt32(at, true));
  for (; at < end; at += 1) hash = mix(hash ^ view.getUint8(at));
  return hash;
}

function mix(hash: number): number {
  const product = Math.imul(hash, factor);
  return product ^ (product >>> 15);
}

/**
 * Rows of the lake as bytes while they are made: tab-separated cells in UTF-8, a line feed after each row. Cells are
 * written where they will lie, since a string for each cell, joined and encoded afterwards, took most of a row's time.
 *
 * No cell holds a control character: tab, line feed, and the separators of lists and of their parts are ours alone.
 */
import { partSeparator } from "../../fields.ts";
import { plain } from "../../log.ts";

/** Separates the elements of a list in the tab-separated text. */
export const listSeparator = "\u001e";
/** Stands for NULL in the tab-separated text: no text can be this. */
export const nullCell = "\u0001";

const tab = 9;
const lineFeed = 10;
const zero = 48;
const minus = 45;
const nullByte = nullCell.charCodeAt(0);
const partByte = partSeparator.charCodeAt(0);
const listByte = listSeparator.charCodeAt(0);

/** Little, since a hostile file may have captures of thousands of days, each with bytes of its own. */
const firstBytes = 4096;
/** Shorter texts are written here, character by character; a call to the encoder costs more. */
const shortText = 64;
/** Integers up to here are taken apart into digits in two halves. */
const half = 100_000_000;

/** Growing bytes. A cell is begun by its first value and ended by {@link end} or, for the row's last one, by {@link endRow}. */
export class RowBuffer {
  #bytes: Buffer<ArrayBuffer>;
  #length = 0;

  /** @param bytes about as many as will be written; it grows as need be */
  constructor(bytes = firstBytes) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
  }

  /** What was written, in memory of its own that may be given to another thread; the buffer is empty afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafeSlow(firstBytes);
    this.#length = 0;
    return taken;
  }

  /** What was written, in memory of its own that is no larger; the buffer is empty afterwards, and keeps its memory. */
  copied(): Uint8Array {
    const copy = new Uint8Array(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return copy;
  }

  /** A cell of text: control characters and halves of surrogate pairs are replaced, absence and no text are NULL. */
  text(text: string | undefined): void {
    if (text === undefined || text === "") this.#byte(nullByte);
    else if (!this.#ascii(text)) this.#any(controls.test(text) ? plain(text) : text.toWellFormed());
    this.#byte(tab);
  }

  /** A cell of a text that {@link text} would write as it is, all ASCII: one of ours. */
  word(word: string): void {
    this.#need(word.length + 1);
    this.#length += this.#bytes.write(word, this.#length, "latin1");
    this.#byte(tab);
  }

  /** A cell of a safe integer; absence is NULL. */
  integer(value: number | undefined): void {
    if (value === undefined) this.#byte(nullByte);
    else this.#integer(value);
    this.#byte(tab);
  }

  flag(value: boolean): void {
    this.word(value ? "true" : "false");
  }

  /** A cell of a list of integers, the first `count`; an empty one is NULL. */
  integers(values: Float64Array, count = values.length): void {
    if (count === 0) this.#byte(nullByte);
    for (let at = 0; at < count; at += 1) {
      if (at > 0) this.#byte(listByte);
      this.#integer(values[at] ?? 0);
    }
    this.#byte(tab);
  }

  /** A cell of a list of elements that consist of parts, each made {@link plain}; an empty one is NULL, an absent part no text. */
  list(elements: readonly (readonly (string | number | undefined)[])[]): void {
    if (elements.length === 0) this.#byte(nullByte);
    elements.forEach((parts, place) => {
      if (place > 0) this.#byte(listByte);
      parts.forEach((part, at) => {
        if (at > 0) this.#byte(partByte);
        if (typeof part === "number") this.#integer(part);
        else if (part !== undefined && !this.#ascii(part)) this.#any(plain(part));
      });
    });
    this.#byte(tab);
  }

  /** Cells that were written before, with their tabs. */
  cells(bytes: Uint8Array): void {
    this.copy(bytes, 0, bytes.length);
  }

  /** The same, bytes from `start` to before `end`. */
  copy(bytes: Uint8Array, start: number, end: number): void {
    this.#need(end - start);
    const to = this.#bytes;
    let length = this.#length;
    // Most are short; a call to the copier costs more.
    for (let at = start; at < end; at += 1) {
      to[length] = bytes[at] ?? 0;
      length += 1;
    }
    this.#length = length;
  }

  /** A cell of printable ASCII: bytes from `start` to before `end`. None is NULL. */
  span(bytes: Uint8Array, start: number, end: number): void {
    if (start === end) this.#byte(nullByte);
    else this.copy(bytes, start, end);
    this.#byte(tab);
  }

  /** A part of a cell: printable ASCII or a separator, and a whole number after it. */
  counted(text: Uint8Array, count: number): void {
    this.copy(text, 0, text.length);
    this.#integer(count);
  }

  /** Separates elements of a list. */
  nextElement(): void {
    this.#byte(listByte);
  }

  /** A part of a cell of ours, ASCII. */
  part(text: string): void {
    for (let at = 0; at < text.length; at += 1) this.#byte(text.charCodeAt(at));
  }

  /** Ends a cell that was made of parts. */
  endCell(): void {
    this.#byte(tab);
  }

  /** Ends the row: the last cell's tab becomes a line feed. */
  endRow(): void {
    this.#bytes[this.#length - 1] = lineFeed;
  }

  /** Writes a text without control characters that is ASCII and short; says whether it is. */
  #ascii(text: string): boolean {
    const { length } = text;
    if (length > shortText) return false;
    this.#need(length);
    const bytes = this.#bytes;
    const start = this.#length;
    for (let at = 0; at < length; at += 1) {
      const code = text.charCodeAt(at);
      if (code < 32 || code > 126) return false;
      bytes[start + at] = code;
    }
    this.#length = start + length;
    return true;
  }

  #any(text: string): void {
    this.#need(text.length * 3);
    this.#length += this.#bytes.write(text, this.#length, "utf8");
  }

  #integer(value: number): void {
    this.#need(17);
    let rest = value;
    if (rest < 0) {
      this.#byte(minus);
      rest = -rest;
    }
    if (rest < half) this.#digits(rest, digitsOf(rest));
    else {
      const high = Math.floor(rest / half);
      this.#integer(high);
      this.#digits(rest - high * half, 8);
    }
  }

  /** `count` digits of a number below 10^8, with leading zeros. */
  #digits(value: number, count: number): void {
    let rest = value | 0;
    for (let at = this.#length + count - 1; at >= this.#length; at -= 1) {
      const next = (rest / 10) | 0;
      this.#bytes[at] = zero + rest - next * 10;
      rest = next;
    }
    this.#length += count;
  }

  #byte(byte: number): void {
    if (this.#length === this.#bytes.length) this.#need(1);
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  #need(more: number): void {
    if (this.#length + more < this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(2 * this.#bytes.length + more);
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this finds
const controls = /[\u0000-\u001f\u007f]/;

function digitsOf(value: number): number {
  let count = 1;
  for (let bound = 10; value >= bound; bound *= 10) count += 1;
  return count;
}

const scratch = new RowBuffer();

/** Cells as a row holds them, to be written by {@link RowBuffer.cells}. */
export function cellsOf(write: (to: RowBuffer) => void): Uint8Array {
  write(scratch);
  return scratch.copied();
}

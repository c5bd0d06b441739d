/**
 * CSV lines of packed rows: a slice may have millions of them, so a row comes as one text, which is gone through once,
 * byte by byte, into its line. What needs neither quotes nor an escape, which is nearly
 * everything, is copied; csv-stringify finishes the rest (`csv-cells.ts`). The same bytes as it gives for whole rows (a
 * test compares them). Pure.
 *
 * @see feed/slice.ts, `Packed`; RFC 4180 §2
 */
import { SpampotsError } from "../errors.ts";
import { cellSeparator, partOfRow } from "../feed/slice.ts";
import type { Cell } from "../model.ts";
import { FinishedTexts, plainBeginnings, plainWords } from "./csv-cells.ts";
import { isWatched, type RenderContext, refuseExposed, rememberedTexts } from "./render.ts";
import { rowIds } from "./row-id.ts";

/** Which cells CSV wants packed beside a row's key: what senders wrote or chose. */
export function besideForCsv(columns: readonly string[]): readonly string[] {
  return columns.filter(isWatched);
}

/** What lines depend on beside the rows. */
export type LineFacts = Pick<RenderContext, "feed" | "tlp" | "columns" | "siteKey">;

/** Lines of a chunk. */
export interface Lines {
  /** In the memory that was given for it; or in the writer's own, where they stay until the next block. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each line ends in `bytes`. */
  readonly ends: readonly number[];
  /** What stands beside the keys and wasn't among the texts of a chunk before, as far as that is remembered. */
  readonly fresh: readonly string[];
}

/** Behind each row of a block. No text of the lake holds it. */
const endOfRow = 0x1c;

/** Packed rows as one block of bytes, which goes to a thread without a copy; in `memory` where they fit. */
export function rowBlock(rows: readonly Cell[], memory?: ArrayBuffer): Uint8Array<ArrayBuffer> {
  const bytes = rows.map(bytesOf);
  const length = bytes.reduce((sum, row) => sum + row.length + 1, 0);
  const isEnough = memory !== undefined && memory.byteLength >= length;
  const block = new Uint8Array(isEnough ? memory : new ArrayBuffer(length + (length >> 2)), 0, length);
  let at = 0;
  for (const row of bytes) {
    block.set(row, at);
    at += row.length + 1;
    block[at - 1] = endOfRow;
  }
  return block;
}

function bytesOf(packed: Cell): Uint8Array {
  if (packed instanceof Uint8Array) return packed;
  throw new SpampotsError("internal", "A packed row isn't bytes.", { found: typeof packed });
}

/**
 * What turns a block of packed rows into lines, in `memory` or larger. It looks for no sensors: see
 * {@link exposureCheckOf}.
 */
export type LinesOf = (block: Uint8Array<ArrayBuffer>, memory?: ArrayBuffer) => Lines;

/** @see LinesOf */
export function lineWriter(facts: LineFacts): LinesOf {
  const rowId = rowIds(facts.siteKey, facts.feed);
  const writer = new LineWriter(facts.columns.length, `${facts.tlp}\r\n`);
  const seen = new Set<string>();
  return (block, memory) => {
    const bytes = Buffer.from(block.buffer, block.byteOffset, block.length);
    const ends: number[] = [];
    const fresh: string[] = [];
    if (seen.size > rememberedTexts) seen.clear();
    writer.begin(memory);
    for (let start = 0; start < bytes.length; ) {
      const endOfKey = bytes.indexOf(part, start);
      const endOfBeside = bytes.indexOf(part, endOfKey + 1);
      // Bytes as Latin-1 are told apart as well as the text, in half the time.
      const beside = bytes.toString("latin1", endOfKey + 1, endOfBeside);
      if (!seen.has(beside)) {
        seen.add(beside);
        fresh.push(bytes.toString("utf8", endOfKey + 1, endOfBeside));
      }
      const id = rowId(bytes.subarray(start, endOfKey));
      start = writer.add(id, bytes, endOfBeside + 1);
      ends.push(writer.end);
    }
    return { bytes: writer.bytes(), ends, fresh };
  };
}

/**
 * The last look at what senders wrote or chose, as {@link Lines.fresh} gives it: all texts in one go.
 *
 * @throws SpampotsError `sensor-exposed`, as {@link refuseExposed}.
 */
export function exposureCheckOf(context: RenderContext): (fresh: readonly string[]) => void {
  const names = besideForCsv(context.columns);
  return (fresh) => {
    if (fresh.length === 0 || !context.hits(fresh.join("\n"))) return;
    for (const [index, text] of fresh.flatMap((cells) => [...cells.split(cellSeparator).entries()]))
      refuseExposed(context, names[index] ?? "", text);
  };
}

const separator = cellSeparator.charCodeAt(0);
const part = partOfRow.charCodeAt(0);
const [comma, dash, semicolon] = [0x2c, 0x2d, 0x3b];

/** Kinds of bytes: what a cell may begin with and be copied, what may follow that, what needs a look, what ends a cell. */
const [beginning, word, sign, end] = [0, 1, 2, 3];

/** By byte; UTF-8 beyond ASCII needs a look. */
const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === separator || byte === part || byte === endOfRow) return end;
  const character = byte < 128 ? String.fromCharCode(byte) : "";
  if (character !== "" && plainBeginnings.includes(character)) return beginning;
  return character !== "" && plainWords.includes(character) ? word : sign;
});

/** Bytes that a finished cell may take for each of its text: every quote doubled, what isn't UTF-8 replaced by three. */
const mostBytes = 3;

/** What a line has beside that: a comma behind the id and one behind the last cell, and quotes around that cell. */
const quotesAndCommas = 4;

/** Lines on their way into bytes. */
class LineWriter {
  readonly #cells: number;
  readonly #tail: Buffer;
  readonly #finished = new FinishedTexts();
  #out = Buffer.allocUnsafeSlow(1 << 20);
  #at = 0;

  /** A line has this many cells between row id and `tail`. */
  constructor(cells: number, tail: string) {
    this.#cells = cells;
    this.#tail = Buffer.from(tail);
  }

  begin(memory?: ArrayBuffer): void {
    if (memory !== undefined) this.#out = Buffer.from(memory);
    this.#at = 0;
  }

  /** Where the last line ends. */
  get end(): number {
    return this.#at;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#out.subarray(0, this.#at);
  }

  /** Appends the line of `rowId` and of the cells that begin at `from`; returns where the next row begins. */
  add(rowId: string, block: Buffer, from: number): number {
    let at = this.#begun(rowId, block, from);
    const out = this.#out;
    let start = from;
    let startOut = at;
    let isPlain = true;
    let cells = 0;
    for (let index = from; ; index++) {
      const byte = block[index] ?? endOfRow;
      const kind = kinds[byte];
      if (kind === end) {
        if (!isPlain) at = startOut + out.write(this.#finish(block.toString("utf8", start, index)), startOut);
        out[at++] = comma;
        cells += 1;
        if (byte !== separator) return this.#ended(at, cells, byte, index + 1);
        start = index + 1;
        startOut = at;
        isPlain = true;
        continue;
      }
      // A reader that separates cells by `;` would see the beginning of a formula behind one.
      if (kind !== beginning && (kind === sign || index === start || (byte === dash && block[index - 1] === semicolon)))
        isPlain = false;
      out[at++] = byte;
    }
  }

  #ended(at: number, cells: number, byte: number, next: number): number {
    if (cells !== this.#cells || byte !== endOfRow)
      throw new SpampotsError("internal", "A text of the lake holds a separator.", { columns: this.#cells });
    this.#at = at + this.#tail.copy(this.#out, at);
    return next;
  }

  /** Writes the row id and the comma behind it, with room for the rest of the line. */
  #begun(rowId: string, block: Buffer, from: number): number {
    const end = block.indexOf(endOfRow, from);
    this.#makeRoom(rowId.length + quotesAndCommas + (end - from) * mostBytes + this.#tail.length);
    const at = this.#at + this.#out.write(rowId, this.#at, "latin1");
    this.#out[at] = comma;
    return at + 1;
  }

  #finish(cell: string): string {
    return this.#finished.get(cell) ?? this.#finished.learn(cell);
  }

  #makeRoom(bytes: number): void {
    if (this.#at + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#out.length * 2, this.#at + bytes));
    this.#out.copy(larger, 0, 0, this.#at);
    this.#out = larger;
  }
}

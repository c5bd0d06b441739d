/**
 * CSV lines of packed rows: a slice may have millions of them, so a row comes as one text, which is gone through once,
 * character by character, into the bytes of its line. What needs neither quotes nor an escape, which is nearly
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

/** Lines of a chunk, in memory that is used again: they stay until the next chunk. */
export interface Lines {
  readonly bytes: Buffer;
  /** Where each line ends in `bytes`. */
  readonly ends: readonly number[];
}

/** What turns packed rows into lines. Throws `sensor-exposed`. */
export function lineWriter(context: RenderContext): (rows: readonly Cell[]) => Lines {
  const refuse = exposureCheckOf(context, besideForCsv(context.columns));
  const rowId = rowIds(context.siteKey, context.feed);
  const writer = new LineWriter(context.columns.length, `${context.tlp}\r\n`);
  return (rows) => {
    const ends = new Array<number>(rows.length);
    const beside = new Array<string>(rows.length);
    writer.begin();
    for (let row = 0; row < rows.length; row++) {
      const text = String(rows[row]);
      const endOfKey = text.indexOf(partOfRow);
      const endOfBeside = text.indexOf(partOfRow, endOfKey + 1);
      beside[row] = text.slice(endOfKey + 1, endOfBeside);
      ends[row] = writer.add(rowId(text.slice(0, endOfKey)), text, endOfBeside + 1);
    }
    refuse(beside);
    return { bytes: writer.bytes(), ends };
  };
}

const separator = cellSeparator.charCodeAt(0);
const part = partOfRow.charCodeAt(0);
const [comma, dash, semicolon] = [0x2c, 0x2d, 0x3b];

/** By ASCII code: 0 for what a cell may begin with and be copied, 1 for what may follow that, 2 for everything else. */
const kinds = Uint8Array.from({ length: 128 }, (_, code) => {
  const sign = String.fromCharCode(code);
  if (plainBeginnings.includes(sign)) return 0;
  return plainWords.includes(sign) ? 1 : 2;
});

/** Bytes that a finished cell may take for each UTF-16 unit of its text: every quote doubled, and three bytes of UTF-8. */
const mostBytes = 6;

/** Lines on their way into bytes. */
class LineWriter {
  readonly #cells: number;
  readonly #end: Buffer;
  readonly #finished = new FinishedTexts();
  #out = Buffer.allocUnsafeSlow(1 << 20);
  #at = 0;

  /** A line has this many cells between row id and `end`. */
  constructor(cells: number, end: string) {
    this.#cells = cells;
    this.#end = Buffer.from(end);
  }

  begin(): void {
    this.#at = 0;
  }

  bytes(): Buffer {
    return this.#out.subarray(0, this.#at);
  }

  /** Appends the line of `rowId` and the cells of `text` from `from` on; returns where it ends. */
  add(rowId: string, text: string, from: number): number {
    this.#makeRoom(rowId.length + text.length * mostBytes + this.#end.length);
    const out = this.#out;
    let at = this.#at + out.write(rowId, this.#at, "latin1");
    out[at++] = comma;
    let [start, startOut, isPlain, cells] = [from, at, true, 0];
    for (let index = from; index <= text.length; index++) {
      const code = index === text.length ? separator : text.charCodeAt(index);
      if (code === separator) {
        if (!isPlain) at = startOut + out.write(this.#finish(text.slice(start, index)), startOut);
        out[at++] = comma;
        [start, startOut, isPlain] = [index + 1, at, true];
        cells += 1;
      } else {
        const kind = kinds[code] ?? 2;
        // A reader that separates cells by `;` would see the beginning of a formula behind one.
        if (
          kind !== 0 &&
          (kind === 2 || index === start || (code === dash && text.charCodeAt(index - 1) === semicolon))
        )
          isPlain = false;
        if (code === part) cells = Number.NaN;
        out[at++] = code;
      }
    }
    if (cells !== this.#cells)
      throw new SpampotsError("internal", "A text of the lake holds a separator.", { columns: this.#cells });
    this.#at = at + this.#end.copy(out, at);
    return this.#at;
  }

  #finish(cell: string): string {
    const known = this.#finished.get(cell);
    if (known !== undefined) return known;
    return this.#finished.learn(ownCopy(cell));
  }

  #makeRoom(bytes: number): void {
    if (this.#at + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#out.length * 2, this.#at + bytes));
    this.#out.copy(larger, 0, 0, this.#at);
    this.#out = larger;
  }
}

/** The text in memory of its own: a part of a large text would keep the whole in memory as long as it is remembered. */
const ownCopy = (text: string) => ` ${text}`.slice(1);

/**
 * The last look at what senders wrote or chose: each distinct text once, those of a chunk in one go.
 *
 * @throws SpampotsError `sensor-exposed`, as {@link refuseExposed}.
 */
function exposureCheckOf(context: RenderContext, names: readonly string[]): (texts: readonly string[]) => void {
  const seen = new Set<string>();
  return (texts) => {
    const fresh = [...new Set(texts.filter((text) => !seen.has(text)))];
    if (fresh.length === 0) return;
    if (context.hits(fresh.join("\n"))) {
      for (const [index, text] of fresh.flatMap((cells) => [...cells.split(cellSeparator).entries()]))
        refuseExposed(context, names[index] ?? "", text);
    }
    if (seen.size + fresh.length > rememberedTexts) seen.clear();
    for (const text of fresh) seen.add(ownCopy(text));
  };
}

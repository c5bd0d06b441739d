/**
 * CSV lines of packed rows, where a slice has millions of them: a row comes as one text, and all rows of a chunk are
 * looked through at once. What needs neither quotes nor an escape, which is nearly everything, is never touched; the
 * rest is finished as in `csv-cells.ts`. The same bytes as by columns (a test compares them). Pure.
 *
 * @see feed/slice.ts, `Packed`
 */
import { SpampotsError } from "../errors.ts";
import { cellSeparator, type Packed, partOfRow } from "../feed/slice.ts";
import type { Cell, Chunk } from "../model.ts";
import { columnWriter, FinishedTexts } from "./csv-cells.ts";
import { isWatched, type RenderContext, refuseExposed, rememberedTexts, typeOf } from "./render.ts";

/** Types whose cells stand in CSV as SQL casts them. */
const packable: ReadonlySet<string> = new Set(["text", "list", "pairs", "integer", "boolean"]);

/**
 * How CSV wants the columns packed, with what senders wrote or chose beside the key. `undefined` where a column needs a
 * form of its own and isn't the first.
 */
export function packedForCsv(columns: readonly string[]): Packed | undefined {
  const isPackable = (column: string) => packable.has(typeOf(column));
  const alone = columns.slice(0, 1).filter((column) => !isPackable(column));
  const cells = columns.slice(alone.length);
  return cells.length > 0 && cells.every(isPackable) ? { alone, cells, beside: columns.filter(isWatched) } : undefined;
}

/** Rows of a chunk on their way into lines. */
interface Lines {
  /** Natural key of each row. */
  readonly keys: readonly string[];
  /** Finished cells of each row, joined by commas. */
  readonly cells: readonly string[];
}

/** What turns a chunk of rows packed by `how` into keys and finished cells. Throws `sensor-exposed`. */
export function packedLines(context: RenderContext, how: Packed): (chunk: Chunk) => Lines {
  const refuse = exposureOfPacked(context, how.beside);
  const finish = packedWriter();
  const [first] = how.alone.map((column) => columnWriter(context, column));
  return (chunk) => {
    const rows = (chunk.columns[0] ?? []).map(partsOf);
    refuse(rows.map(({ beside }) => beside));
    const cells = finish(rows.map((row) => row.cells));
    const firsts = first?.(chunk.columns[1] ?? []);
    const keys = rows.map(({ key }) => key);
    return { keys, cells: firsts === undefined ? cells : cells.map((text, row) => `${firsts[row]},${text}`) };
  };
}

function partsOf(packed: Cell): { key: string; beside: string; cells: string } {
  const text = String(packed);
  const beside = text.indexOf(partOfRow) + 1;
  const cells = text.indexOf(partOfRow, beside) + 1;
  return { key: text.slice(0, beside - 1), beside: text.slice(beside, cells - 1), cells: text.slice(cells) };
}

/**
 * What a cell of plain words can't hold: a character that may need quotes or is a sign to a spreadsheet, such a beginning,
 * or a `-` where a reader that separates by `;` would see the beginning.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the separators are control characters so that no text holds them
const sign = /[^A-Za-z0-9 .:/_;\u001d\u001e-]|[\u001d\u001e][^A-Za-z0-9\u001d\u001e]|;-/g;

/** Either separator. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const separators = /[\u001d\u001e]/g;

/** {@link cellSeparator}, as an expression: a third of the time of `replaceAll` with a text. */
const cellEnds = new RegExp(cellSeparator, "g");

/** Where a cell that isn't plain words begins and ends, and what it holds. */
interface Found {
  readonly start: number;
  readonly end: number;
  readonly cell: string;
}

/** Finishes the packed cells of many rows at once, joined by commas. Sensors are not looked for here. */
function packedWriter(): (rows: readonly string[]) => readonly string[] {
  const finished = new FinishedTexts(() => undefined);
  return (rows) => {
    // A separator in front of the first cell too: every cell begins behind one.
    const text = partOfRow + rows.join(partOfRow);
    const found = cellsToFinish(text);
    const missed = new Set<string>();
    const written = found.map(({ cell }) => {
      const known = finished.get(cell);
      if (known === undefined) missed.add(ownCopy(cell));
      return known;
    });
    if (missed.size > 0) finished.learn(missed);
    const pieces: string[] = [];
    let from = 1;
    for (const [index, { start, end, cell }] of found.entries()) {
      pieces.push(text.slice(from, start), written[index] ?? finished.get(cell) ?? "");
      from = end;
    }
    pieces.push(text.slice(from));
    const lines = pieces.join("").replace(cellEnds, ",").split(partOfRow);
    if (lines.length === rows.length) return lines;
    throw new SpampotsError("internal", "A text of the lake holds a separator.", { rows: rows.length });
  };
}

function cellsToFinish(text: string): Found[] {
  const found: Found[] = [];
  sign.lastIndex = 0;
  for (let match = sign.exec(text); match !== null; match = sign.exec(text)) {
    let start = match.index;
    while (!isSeparator(text.charCodeAt(start))) start -= 1;
    separators.lastIndex = start + 1;
    const end = separators.exec(text)?.index ?? text.length;
    found.push({ start: start + 1, end, cell: text.slice(start + 1, end) });
    sign.lastIndex = end;
  }
  return found;
}

/** The text in memory of its own: a part of a large text would keep the whole in memory as long as it is remembered. */
const ownCopy = (text: string) => ` ${text}`.slice(1);

const isSeparator = (code: number) => code === 0x1d || code === 0x1e;

/**
 * The last look at what senders wrote or chose: each distinct text once, those of a chunk in one go.
 *
 * @throws SpampotsError `sensor-exposed`, as {@link refuseExposed}.
 */
function exposureOfPacked(context: RenderContext, names: readonly string[]): (texts: readonly string[]) => void {
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

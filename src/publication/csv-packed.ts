/**
 * CSV lines of packed rows, where a slice has millions of them: cells come several in one text, and all rows of a chunk
 * are looked through at once. What needs neither quotes nor an escape, which is nearly everything, is never touched; the
 * rest is finished as in `csv-cells.ts`. The same bytes as by columns (a test compares them). Pure.
 *
 * @see feed/slice.ts, `Packed`
 */
import { SpampotsError } from "../errors.ts";
import { cellSeparator, type Packed } from "../feed/slice.ts";
import type { Cell, Chunk } from "../model.ts";
import { type ColumnWriter, columnWriter, FinishedTexts } from "./csv-cells.ts";
import { isWatched, type RenderContext, refuseExposed, rememberedTexts, typeOf } from "./render.ts";

/** Types whose cells stand in CSV as SQL casts them. */
const packable: ReadonlySet<string> = new Set(["text", "list", "pairs", "integer", "boolean"]);

/**
 * How CSV wants the columns packed: neighbours whose texts need no more than quotes as one, the others by themselves;
 * last, once more, those in which sensors are looked for.
 */
export function packedForCsv(columns: readonly string[]): Packed {
  const groups: string[][] = [];
  let open: string[] | undefined;
  for (const column of columns) {
    const joins = packable.has(typeOf(column));
    if (joins && open) open.push(column);
    else {
      open = joins ? [column] : undefined;
      groups.push(open ?? [column]);
    }
  }
  return [...groups, columns.filter(isWatched)];
}

/** What turns a packed chunk into the cells of its lines, joined by commas: `row_id` and `tlp` are left to the caller. */
export function packedLines(context: RenderContext): (chunk: Chunk) => readonly string[] {
  const groups = packedForCsv(context.columns);
  const refuse = exposureOfPacked(context, groups.at(-1) ?? []);
  const writers = groups
    .slice(0, -1)
    .map(([first = "", ...more]) => (more.length === 0 ? columnWriter(context, first) : packedWriter()));
  return (chunk) => {
    refuse(chunk.columns[groups.length] ?? []);
    const columns = writers.map((write, index) => write(chunk.columns[index + 1] ?? []));
    const [first = [], ...rest] = columns;
    return first.map((text, row) => rest.reduce((line, column) => `${line},${column[row]}`, text));
  };
}

/** Separates rows: like {@link cellSeparator} in no text of the lake. */
const rowSeparator = "\u001d";

/**
 * What a cell of plain words can't hold: a character that may need quotes or is a sign to a spreadsheet, such a beginning,
 * or a `-` where a reader that separates by `;` would see the beginning.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the separators are control characters so that no text holds them
const sign = /[^A-Za-z0-9 .:/_;\u001d\u001e-]|[\u001d\u001e][^A-Za-z0-9\u001d\u001e]|;-/g;

/** Either separator. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const separators = /[\u001d\u001e]/g;

/** Where a cell that isn't plain words begins and ends, and what it holds. */
interface Found {
  readonly start: number;
  readonly end: number;
  readonly cell: string;
}

/** Writes a packed column: of each row its finished cells, joined by commas. Sensors are not looked for here. */
export function packedWriter(): ColumnWriter {
  const finished = new FinishedTexts(() => undefined);
  return (cells) => {
    // A separator in front of the first cell too: every cell begins behind one.
    const text = rowSeparator + cells.join(rowSeparator);
    const found = cellsToFinish(text);
    const missed = new Set<string>();
    const written = found.map(({ cell }) => {
      const known = finished.get(cell);
      if (known === undefined) missed.add(cell);
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
    const lines = pieces.join("").replaceAll(cellSeparator, ",").split(rowSeparator);
    if (lines.length === cells.length) return lines;
    throw new SpampotsError("internal", "A text of the lake holds a separator.", { rows: cells.length });
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

const isSeparator = (code: number) => code === 0x1d || code === 0x1e;

/**
 * The last look at what senders wrote or chose: each distinct text once, those of a chunk in one go.
 *
 * @throws SpampotsError `sensor-exposed`, as {@link refuseExposed}.
 */
function exposureOfPacked(context: RenderContext, names: readonly string[]): (cells: readonly Cell[]) => void {
  const seen = new Set<Cell>();
  return (cells) => {
    const fresh = [...new Set(cells)].filter((cell) => cell !== null && cell !== "" && !seen.has(cell));
    if (fresh.length === 0) return;
    if (context.hits(fresh.join("\n"))) {
      for (const cell of fresh) {
        for (const [index, text] of String(cell).split(cellSeparator).entries())
          refuseExposed(context, names[index] ?? "", text);
      }
    }
    if (seen.size + fresh.length > rememberedTexts) seen.clear();
    for (const cell of fresh) seen.add(cell);
  };
}

/**
 * Cells of a CSV line, column by column. `csv-stringify` decides on quotes and formulas; it is asked once for each
 * distinct text that could need either, a batch at a time. Numbers, instants and plain words can't. Pure.
 *
 * @see RFC 4180 §2 (quotes); OWASP, CSV Injection.
 */
import { stringify } from "csv-stringify/sync";
import { plain } from "../log.ts";
import type { Cell } from "../model.ts";
import { dayText, exemplarsOf, exemplarsText, instantText, numberOf } from "./cells.ts";
import { isWatched, type RenderContext, refuseExposed, rememberedTexts, typeOf } from "./render.ts";

/** Turns a column's cells into finished cells of a line. */
export type ColumnWriter = (cells: readonly Cell[]) => readonly string[];

/**
 * Begins with a letter or digit and holds nothing that a CSV reader or spreadsheet could take for more than text. What
 * `csv-packed.ts` looks for is the complement.
 */
const needsNothing = /^[A-Za-z0-9](?:[A-Za-z0-9 .:/_-]|;(?!-))*$/;

/**
 * Without what turns a terminal or a reader's eye, and, beside what `escape_formulas` does, one more `'` in front of a
 * leading `'`, so that the escape can be undone.
 */
function cleaned(text: string): string {
  const safe = plain(text).replace(inside, ";'");
  return safe.startsWith("'") ? `'${safe}` : safe;
}

/** Where a spreadsheet that separates cells by `;` would see a formula, or our escape of one, begin. */
const inside = /;(?=['=+\-@＝＋－＠])/g;

/** The texts as finished cells: one record each. {@link plain} leaves no line break, so that lines are cells. */
function quoted(texts: readonly string[]): readonly string[] {
  const records = texts.map((text) => [cleaned(text)]);
  return stringify(records, { record_delimiter: "\r\n", eof: false, escape_formulas: true }).split("\r\n");
}

/**
 * The text that a cell of a text column stood for, once a CSV reader has taken its quotes off: the `'` that
 * {@link columnWriter} put in front of a formula or of another `'` is removed. What {@link plain} replaced stays so.
 */
export function unescapeCell(cell: string): string {
  const whole = cell.startsWith("'") ? cell.slice(1) : cell;
  return whole.replace(/;'(?=['=+\-@＝＋－＠])/g, ";");
}

/** Names as a header line without its line break. */
export function headerLine(names: readonly string[]): string {
  return stringify([[...names]], { eof: false });
}

/** Finished cells of texts, kept for the next time. `check` is called for each text before it is first used. */
export class FinishedTexts {
  readonly #known = new Map<string, string>();
  readonly #check: (text: string) => void;

  constructor(check: (text: string) => void) {
    this.#check = check;
  }

  /** The cell of a text that is known. */
  get(text: string): string | undefined {
    return this.#known.get(text);
  }

  /** Makes every text of `texts` known: of those alone is it certain until the next call. */
  learn(texts: ReadonlySet<string>): void {
    if (this.#known.size + texts.size > rememberedTexts) this.#known.clear();
    const difficult: string[] = [];
    for (const text of texts) {
      this.#check(text);
      if (needsNothing.test(text)) this.#known.set(text, text);
      else difficult.push(text);
    }
    const cells = difficult.length === 0 ? [] : quoted(difficult);
    for (const [index, text] of difficult.entries()) this.#known.set(text, cells[index] ?? "");
  }
}

function textWriter(context: RenderContext, column: string): ColumnWriter {
  const watched = isWatched(column);
  const finished = new FinishedTexts((text) => {
    if (watched) refuseExposed(context, column, text);
  });
  return (cells) => {
    const written = new Array<string>(cells.length);
    const missed: number[] = [];
    for (let row = 0; row < cells.length; row++) {
      const cell = cells[row] ?? "";
      const text = cell === "" ? "" : finished.get(String(cell));
      if (text === undefined) missed.push(row);
      else written[row] = text;
    }
    if (missed.length > 0) finished.learn(new Set(missed.map((row) => String(cells[row]))));
    for (const row of missed) written[row] = finished.get(String(cells[row])) ?? "";
    return written;
  };
}

const cellWriter =
  (form: (cell: Cell) => string): ColumnWriter =>
  (cells) =>
    cells.map((cell) => (cell === null ? "" : form(cell)));

/**
 * What writes a column, by its type in the field dictionary. The writer throws `sensor-exposed` where an
 * attacker-written text names a sensor, and `internal` where a cell isn't of its column's type.
 */
export function columnWriter(context: RenderContext, column: string): ColumnWriter {
  switch (typeOf(column)) {
    case "integer":
    case "boolean":
      return cellWriter(String);
    case "instant":
      return cellWriter((cell) => instantText(numberOf(cell)));
    case "day":
      return cellWriter((cell) => dayText(numberOf(cell)));
    case "exemplars":
      return cellWriter((cell) => exemplarsText(exemplarsOf(cell)));
    default:
      return textWriter(context, column);
  }
}

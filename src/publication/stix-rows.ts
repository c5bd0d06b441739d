/**
 * Rows as the STIX builders read them: one cell at a time by column name, and the columns that go into our extension.
 * A column that the feed hasn't and an empty cell read alike: `undefined`. Pure.
 */

import type { FieldType } from "../fields.ts";
import { plain } from "../log.ts";
import type { Cell, Chunk } from "../model.ts";
import { dayText, type Exemplar, exemplarsOf, instantText, numberOf } from "./cells.ts";
import { type RenderContext, typeOf } from "./render.ts";
import { rowIds } from "./row-id.ts";

/** A row of the slice: its natural key and its cells, in the order of the context's columns. */
export interface Row {
  readonly key: string;
  readonly cells: readonly Cell[];
}

/** Reads one column of a row. */
export type Read<T> = (row: Row) => T | undefined;

/** The rows of a chunk. */
export function* rowsOf(chunk: Chunk): Generator<Row> {
  const [keys = [], ...columns] = chunk.columns;
  for (let row = 0; row < chunk.rows; row++) {
    yield { key: String(keys[row]), cells: columns.map((column) => column[row] ?? null) };
  }
}

/** Most texts are plain ASCII; this test costs a fifth of the replacement. */
const harmless = /^[ -~]*$/;

/** A text as it may leave: see {@link plain}. */
function safeText(cell: Cell): string {
  const text = String(cell);
  return harmless.test(text) ? text : plain(text);
}

const listJson = (cell: Cell) => JSON.stringify(safeText(cell).split(";"));

/** The JSON text of a cell by its column's type; exemplars stand in objects of their own. */
const forms: Readonly<Record<FieldType, (cell: Cell) => string>> = {
  text: (cell) => JSON.stringify(safeText(cell)),
  integer: (cell) => String(numberOf(cell)),
  instant: (cell) => `"${instantText(numberOf(cell))}"`,
  day: (cell) => `"${dayText(numberOf(cell))}"`,
  boolean: (cell) => String(cell === true),
  list: listJson,
  pairs: listJson,
  exemplars: () => "null",
};

/** The extension of a row as JSON. */
export interface ExtensionTexts {
  readonly rowId: string;
  /** With the row's columns. */
  readonly row: string;
  /** That of an exemplar of the row. */
  readonly exemplar: string;
}

/** Readers of a slice's columns. */
export class Columns {
  readonly #context: RenderContext;

  constructor(context: RenderContext) {
    this.#context = context;
  }

  #read<T>(column: string, form: (cell: Cell) => T): Read<T> {
    const index = this.#context.columns.indexOf(column);
    return (row) => {
      const cell = row.cells[index];
      return cell === undefined || cell === null || cell === "" ? undefined : form(cell);
    };
  }

  text(column: string): Read<string> {
    return this.#read(column, safeText);
  }

  integer(column: string): Read<number> {
    return this.#read(column, numberOf);
  }

  boolean(column: string): Read<boolean> {
    return this.#read(column, (cell) => cell === true);
  }

  exemplars(): Read<readonly Exemplar[]> {
    return this.#read("exemplars", exemplarsOf);
  }

  /** A function from row to its extension, with every column but those in `elsewhere`, which stand in STIX properties. */
  extension(elsewhere: ReadonlySet<string>): (row: Row) => ExtensionTexts {
    const { columns, feed, siteKey } = this.#context;
    const rowId = rowIds(siteKey, feed);
    const kept = columns.flatMap((name, index) => {
      const type = typeOf(name);
      return elsewhere.has(name) || type === "exemplars" ? [] : [{ start: `,"${name}":`, index, form: forms[type] }];
    });
    const start = `{"extension_type":"property-extension","feed":${JSON.stringify(feed)},"row_id":"`;
    return (row) => {
      const id = rowId(row.key);
      let text = `${start}${id}"`;
      for (const column of kept) {
        const cell = row.cells[column.index];
        if (cell !== undefined && cell !== null && cell !== "") text += column.start + column.form(cell);
      }
      return { rowId: id, row: `${text}}`, exemplar: `${start}${id}","exemplar":true}` };
    };
  }
}

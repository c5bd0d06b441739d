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

/** A row of the slice: its place in a chunk. Nothing is copied: a week has more cells than are worth an array a row. */
export interface Row {
  readonly chunk: Chunk;
  readonly index: number;
}

/** Reads one column of a row. */
export type Read<T> = (row: Row) => T | undefined;

/** Most texts are plain ASCII; this test costs a fifth of the replacement. */
const harmless = /^[ -~]*$/;

/** A text as it may leave: see {@link plain}. */
function safeText(cell: Cell): string {
  const text = String(cell);
  return harmless.test(text) ? text : plain(text);
}

/** Plain ASCII in which JSON has nothing to escape. */
const unescaped = /^[ !#-[\]-~]*$/;

function textJson(cell: Cell): string {
  const text = String(cell);
  return unescaped.test(text) ? `"${text}"` : JSON.stringify(safeText(cell));
}

function listJson(cell: Cell): string {
  const text = String(cell);
  return unescaped.test(text) ? `["${text.replaceAll(";", '","')}"]` : JSON.stringify(safeText(cell).split(";"));
}

/** The JSON text of a cell by its column's type; exemplars stand in objects of their own. */
const forms: Readonly<Record<FieldType, (cell: Cell) => string>> = {
  text: textJson,
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

/** Where a chunk has a column of the feed: behind the natural key. What the feed hasn't is behind the last. */
function placeOf({ columns }: RenderContext, column: string): number {
  const place = columns.indexOf(column);
  return place < 0 ? columns.length + 1 : place + 1;
}

/** Readers of a slice's columns. */
export class Columns {
  readonly #context: RenderContext;

  constructor(context: RenderContext) {
    this.#context = context;
  }

  #read<T>(column: string, form: (cell: Cell) => T): Read<T> {
    const place = placeOf(this.#context, column);
    return ({ chunk, index }) => {
      const cell = chunk.columns[place]?.[index];
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
    const kept = columns.flatMap((name) => {
      const [type, place] = [typeOf(name), placeOf(this.#context, name)];
      return elsewhere.has(name) || type === "exemplars" ? [] : [{ start: `,"${name}":`, place, form: forms[type] }];
    });
    const start = `{"extension_type":"property-extension","feed":${JSON.stringify(feed)},"row_id":"`;
    return ({ chunk, index }) => {
      const id = rowId(String(chunk.columns[0]?.[index]));
      let text = `${start}${id}"`;
      for (const column of kept) {
        const cell = chunk.columns[column.place]?.[index];
        if (cell !== undefined && cell !== null && cell !== "") text += column.start + column.form(cell);
      }
      return { rowId: id, row: `${text}}`, exemplar: `${start}${id}","exemplar":true}` };
    };
  }
}

/**
 * What stands in the folder of tables: a disk store at the settings' `tables`, with one object for each table, named
 * `<kind>-<date>-<name>-<first 8 hex of its digest>.table`.
 */
import type { Store } from "../store/store.ts";
import { byKindAndDate, decodeHeader, headerBytes, type TableExtent, type TableStatement } from "./table.ts";

/** A table in the folder. `used` is false for a default table once one of its kind was imported. */
export interface ListedTable extends TableStatement, TableExtent {
  readonly key: string;
  readonly bytes: number;
  readonly used: boolean;
}

const suffix = ".table";

/** The key of a table. */
export function tableKey({ kind, date, name, sha256 }: TableStatement): string {
  return `${kind}-${date}-${name}-${sha256.slice(0, 8)}${suffix}`;
}

/**
 * The tables in the folder by kind and date. Only their headers are read, so what they say is proven when they are loaded.
 *
 * @throws SpampotsError `bad-table` where a file's header isn't one.
 */
export async function listTables(store: Store): Promise<ListedTable[]> {
  const found: Omit<ListedTable, "used">[] = [];
  for await (const { key, bytes } of store.list("")) {
    if (!key.endsWith(suffix)) continue;
    const { statement, extent } = decodeHeader(await beginning(store, key), key);
    found.push({ ...statement, ...extent, key, bytes });
  }
  const imported = new Set(found.filter((table) => table.source !== "default").map((table) => table.kind));
  return found
    .toSorted(byKindAndDate)
    .map((table) => ({ ...table, used: table.source !== "default" || !imported.has(table.kind) }));
}

async function beginning(store: Store, key: string): Promise<Buffer> {
  const opened = await store.open(key, { start: 0, end: headerBytes });
  const chunks: Uint8Array[] = [];
  for await (const chunk of opened?.body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Loads the tables that attribute captures into shared memory; for a kind that nobody imported, the default comes from
 * the npm packages that are installed along with the program, so that a first run needs nothing. It is for that: its
 * publisher warns of errors, and its age must show.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { SpampotsError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import type { SharedTables } from "./attribution.ts";
import { decodeTable, type TableKind, type TableStatement, tableKinds } from "./table.ts";
import { importTable } from "./table-import.ts";
import { listTables } from "./table-list.ts";

/** Tables in shared memory. */
export interface TableSet {
  /** The tables that are loaded, by kind and date. */
  readonly tables: readonly TableStatement[];
  /** What a worker thread is given; `tablesFromShared` reads it. */
  shared(): SharedTables;
}

/**
 * Where the default tables come from. Economy: what the registries' whois says, overruled by what networks say themselves
 * (geofeeds), so it isn't registration alone, as `delegated-extended` files are. AS: announcements seen by RouteViews, and
 * where it saw none, DB-IP's list.
 */
const defaults: Readonly<Record<TableKind, string>> = { economy: "geo-whois-asn-country", asn: "asn" };

/**
 * Loads the used tables of the folder, after making the default of each kind that nothing was imported for (some seconds,
 * once).
 *
 * @throws SpampotsError `no-table` where a kind has neither an imported table nor a default one, `bad-table` where a file
 *   isn't as it was written
 */
export async function loadTables(store: Store): Promise<TableSet> {
  const present = await listTables(store);
  for (const kind of tableKinds) {
    if (!present.some((table) => table.kind === kind && table.source !== "default")) await ensureDefault(kind, store);
  }
  const used = (await listTables(store)).filter((table) => table.used);
  const files: SharedArrayBuffer[] = [];
  for (const { key, bytes } of used) files.push(await inSharedMemory(store, key, bytes));
  const tables = files.map((file) => decodeTable(file).statement);
  return { tables, shared: () => ({ files }) };
}

async function inSharedMemory(store: Store, key: string, bytes: number): Promise<SharedArrayBuffer> {
  const file = new SharedArrayBuffer(bytes);
  const opened = await store.open(key);
  if (opened === undefined || opened.bytes !== bytes)
    throw new SpampotsError("bad-table", "A table vanished while it was loaded.", { key });
  let at = 0;
  for await (const chunk of opened.body) {
    new Uint8Array(file, at).set(chunk);
    at += chunk.length;
  }
  return file;
}

/** Makes the default table of a kind from the installed package, unless it stands in the folder. */
async function ensureDefault(kind: TableKind, store: Store): Promise<void> {
  const folder = packageFolder(kind);
  const name = `ip-location-db-${defaults[kind]}`;
  const date = await publishedOn(folder);
  const present = await listTables(store);
  if (present.some((table) => table.kind === kind && table.name === name && table.date === date)) return;
  const files = ["ipv4", "ipv6"].map((family) => join(folder, `${defaults[kind]}-${family}.csv`));
  await importTable({ files, kind, name, date, store }, "default");
}

function packageFolder(kind: TableKind): string {
  try {
    return fileURLToPath(new URL(".", import.meta.resolve(`@ip-location-db/${defaults[kind]}/package.json`)));
  } catch (cause) {
    throw new SpampotsError("no-table", "There is no table of this kind, and the default one isn't installed.", {
      cause,
      kind,
      hint: "Run `npm ci`, or import a table with `spampots tables import`.",
    });
  }
}

/** The day in a package's version: 2.3.2026061719 was made on 2026-06-17. */
async function publishedOn(folder: string): Promise<string> {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(folder, "package.json"), "utf8")));
  const [, year, month, day] = /\.(\d{4})(\d\d)(\d\d)\d*$/.exec(version) ?? [];
  return `${year}-${month}-${day}`;
}

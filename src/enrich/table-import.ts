/**
 * Files of an operator become a table: read in whatever format they have, brought into one form, put once.
 *
 * Flow: `delegated`, `csv` or `mmdb` -> rows -> `ranges` -> `table` -> the folder of tables.
 */
import { readFile } from "node:fs/promises";
import { SpampotsError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { readCsv } from "./csv.ts";
import { isDelegated, readDelegated } from "./delegated.ts";
import { isMmdb, readMmdb } from "./mmdb.ts";
import { newReading, type Reading } from "./reading.ts";
import {
  decodeHeader,
  encodeTable,
  type TableExtent,
  type TableKind,
  type TableSource,
  type TableStatement,
} from "./table.ts";
import { listTables, tableKey } from "./table-list.ts";

/** What to import. Several files make one table: those of the five registries, or IPv4 and IPv6. */
export interface ImportRequest {
  readonly files: readonly string[];
  readonly kind: TableKind;
  /** At most 40 lower-case letters, digits and hyphens. */
  readonly name: string;
  /** UTC day the table is in force from, `2026-06-17`; needed where the files state none (CSV). */
  readonly date?: string;
  /** The folder of tables. */
  readonly store: Store;
}

/** The table that was made, or was there already, and how many lines could not be read. */
export interface ImportedTable extends TableStatement, TableExtent {
  readonly key: string;
  readonly outcome: "created" | "exists";
  readonly malformed: number;
}

/** A file is refused where more than one line of a thousand can't be read: it is something else, or cut. */
const toleratedShare = 1 / 1000;
/** Lines an error names; it states the number of all. */
const shownProblems = 20;

/**
 * Imports files as one table. Importing the same again changes nothing.
 *
 * @param source what the table is said to be made from, where that isn't the files' format
 * @throws SpampotsError `bad-argument` for a name or date that isn't one, or a date that is missing; `bad-table` where a
 *   file can't be read, has too many malformed lines (each with its number in `problems`), or the folder holds another
 *   table of this kind and date.
 */
export async function importTable(request: ImportRequest, source?: TableSource): Promise<ImportedTable> {
  const { kind, name, store } = request;
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) || name.length > 40) throw badName(name);
  const { reading, format } = await readFiles(request.files, kind);
  refuseMalformed(reading);
  const date = request.date ?? reading.date;
  if (date === undefined || !isDay(date)) throw badDate(date);
  const bytes = encodeTable({ kind, name, date, source: source ?? format, ipv4: reading.ipv4, ipv6: reading.ipv6 });
  const { statement, extent } = decodeHeader(bytes);
  await refuseSecond(statement, store);
  const key = tableKey(statement);
  const outcome = await store.putOnce(key, bytes);
  return { ...statement, ...extent, key, outcome, malformed: reading.malformed.length };
}

async function readFiles(files: readonly string[], kind: TableKind) {
  const reading = newReading();
  const formats = new Set<TableSource>();
  for (const file of files) formats.add(readInto(reading, file, await contentOf(file), kind));
  const [format = "csv", ...others] = formats;
  if (others.length > 0) {
    throw new SpampotsError("bad-table", "The files have different formats.", {
      formats: [...formats],
      hint: "Import files of one format at a time.",
    });
  }
  return { reading, format };
}

function readInto(reading: Reading, file: string, bytes: Buffer, kind: TableKind): TableSource {
  if (isMmdb(bytes)) {
    readMmdb(file, bytes, kind, reading);
    return "mmdb";
  }
  const text = bytes.toString("utf8");
  if (!isDelegated(text)) {
    readCsv(file, text, kind, reading);
    return "csv";
  }
  if (kind !== "economy") {
    throw new SpampotsError("bad-table", "A delegated-extended file doesn't say which AS originates an address.", {
      file,
      hint: "Import it with kind economy, and a CSV or MMDB file for kind asn.",
    });
  }
  readDelegated(file, text, reading);
  return "delegated-extended";
}

async function contentOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new SpampotsError("bad-table", "A table's source can't be read.", {
      cause,
      file,
      hint: "Check path and permissions.",
    });
  }
}

function refuseMalformed({ malformed, ipv4, ipv6 }: Reading): void {
  const rows = ipv4.length + ipv6.length;
  if (rows > 0 && malformed.length <= (rows + malformed.length) * toleratedShare) return;
  throw new SpampotsError("bad-table", "Too many lines of the table's sources can't be read.", {
    problems: malformed.slice(0, shownProblems).map(({ file, line, message }) => ({ file, line, path: "", message })),
    malformed: malformed.length,
    rows,
    hint: "Give a delegated-extended file, CSV with first address, last address and value, or an MMDB file.",
  });
}

async function refuseSecond({ kind, date, sha256 }: TableStatement, store: Store): Promise<void> {
  const other = (await listTables(store)).find(
    (table) => table.kind === kind && table.date === date && table.source !== "default" && table.sha256 !== sha256,
  );
  if (other === undefined) return;
  throw new SpampotsError("bad-table", "There is another table of this kind and date.", {
    key: other.key,
    hint: "Delete that file from the folder of tables first, or give another date.",
  });
}

/** True for a day that is in the calendar. */
function isDay(text: string): boolean {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}

function badName(name: string): SpampotsError {
  return new SpampotsError("bad-argument", "A table's name isn't well formed.", {
    name,
    hint: "Write at most 40 lower-case letters, digits and single hyphens, such as rir.",
  });
}

function badDate(date: string | undefined): SpampotsError {
  return date === undefined
    ? new SpampotsError("bad-argument", "The files don't state their date.", { hint: "Give it, such as 2026-06-17." })
    : new SpampotsError("bad-argument", "A table's date isn't a day.", { date, hint: "Write it as 2026-06-17." });
}

/**
 * DuckDB in the process: it makes the lake's Parquet files, and is the default engine over them. The slices' SQL is
 * written so that Trino runs it too; what DuckDB says differently is in `dialect.ts`.
 */
import {
  DuckDBBlobVector,
  type DuckDBConnection,
  DuckDBInstance,
  DuckDBListValue,
  DuckDBStructValue,
  type DuckDBValue,
  type DuckDBVector,
} from "@duckdb/node-api";
import { SpampotsError } from "../errors.ts";
import { literal } from "../feed/sql.ts";
import type { Cell, Chunk } from "../model.ts";
import { duckdbSql, macros } from "./dialect.ts";
import type { Engine, ParquetJob, ParquetWriter, Selection } from "./engine.ts";
import { columnsOf, type RelationWords, relationSql } from "./relation.ts";
import { batchColumns } from "./rows/row.ts";
import { listSeparator, nullCell } from "./rows/row-buffer.ts";

const preparation = [...macros, "SET GLOBAL parquet_metadata_cache = true"];

/** Rows in a Parquet row group: small enough that a week's slice of a small economy skips most of a day. */
const rowGroupRows = 61_440;
/**
 * A column of more distinct values in a row group is written as it is: a tenth less work, and files are smaller too, since
 * what is given up is a dictionary of ids, instants and samples that hardly ever repeat.
 */
const dictionaryValues = 6_000;

export interface DuckdbOptions {
  readonly threads: number;
  readonly memoryMb: number;
  /** Existing folder for what doesn't fit into memory. */
  readonly temporary: string;
}

/** DuckDB: it makes files, and answers slices. */
export type Duckdb = Engine & ParquetWriter;

/** Opens an in-memory DuckDB that spills to `temporary`. Nothing is downloaded: extensions are off. */
export async function openDuckdb(options: DuckdbOptions): Promise<Duckdb> {
  const instance = await DuckDBInstance.create(":memory:", {
    threads: String(options.threads),
    memory_limit: `${options.memoryMb}MB`,
    temp_directory: options.temporary,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    preserve_insertion_order: "false",
  });
  const connection = await instance.connect();
  const reading = new Set<DuckDBConnection>();
  for (const statement of preparation) await connection.run(statement);
  return {
    rows: (relations, query) => stream(instance, reading, relations, typeof query === "string" ? query : query.kept),
    writeParquet: (job) => writeParquet(connection, job),
    mergeParquet: (from, to) => mergeParquet(connection, from, to),
    interrupt: () => {
      for (const open of reading) open.interrupt();
    },
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** Files as DuckDB's function takes them. */
const parquet = (files: readonly string[]) => `read_parquet([${files.map(literal).join(", ")}])`;

const words: RelationWords = { rowsOf: (files) => [parquet(files)], typeOf: (type) => type };

/** The whole text of a query over relations, as {@link openDuckdb}'s `rows` runs it. */
export function querySql(relations: Readonly<Record<string, Selection>>, sql: string): string {
  const named = Object.entries(relations).map(
    ([name, selection]) => `${name} AS NOT MATERIALIZED (${relationSql(selection, words)})`,
  );
  return `WITH ${[...named, duckdbSql(sql)].join(",\n")}`;
}

async function* stream(
  instance: DuckDBInstance,
  reading: Set<DuckDBConnection>,
  relations: Readonly<Record<string, Selection>>,
  sql: string,
): AsyncGenerator<Chunk> {
  const connection = await instance.connect();
  reading.add(connection);
  try {
    for (const statement of preparation) await connection.run(statement);
    const result = await connection.stream(querySql(relations, sql));
    for (
      let chunk = await result.fetchChunk();
      chunk !== null && chunk.rowCount > 0;
      chunk = await result.fetchChunk()
    ) {
      yield {
        rows: chunk.rowCount,
        columns: Array.from({ length: chunk.columnCount }, (_, index) => cellsOf(chunk.getColumnVector(index))),
      };
    }
  } catch (cause) {
    throw engineError(cause);
  } finally {
    reading.delete(connection);
    connection.closeSync();
  }
}

function engineError(cause: unknown): SpampotsError {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/could not (?:write|create|sync|truncate)|no space left|file too large/i.test(message)) {
    return new SpampotsError("disk-failed", "The disk didn't take what the query engine writes.", {
      cause,
      hint: "See that the data folder has space and can be written to.",
    });
  }
  if (/\.parquet/i.test(message) && /IO Error|Invalid Input|No magic bytes|corrupt/i.test(message)) {
    return new SpampotsError("lake-damaged", "A file of the lake can't be read.", {
      cause,
      hint: "`spampots lake verify` names the damaged files; `spampots ingest --again` makes them anew from done/.",
    });
  }
  return new SpampotsError("engine-failed", "The query engine refused a query.", { cause });
}

function cellsOf(vector: DuckDBVector): readonly Cell[] {
  // As they are: the value that stands for bytes would be a copy of them.
  if (vector instanceof DuckDBBlobVector)
    return Array.from({ length: vector.itemCount }, (_, index) => vector.getItemBytes(index));
  return vector.toArray().map(cellOf);
}

function cellOf(value: DuckDBValue): Cell {
  if (typeof value === "bigint") {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  }
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  if (value instanceof DuckDBListValue) return value.items.map(cellOf);
  if (value instanceof DuckDBStructValue) return Object.values(value.entries).map(cellOf);
  return String(value);
}

/** Bytes of a row of text: ten thousand recipients of as many long domains. */
const longestRow = 8_388_608;

/** Reads the tab-separated rows: no quoting, since no text of the lake holds a control character. */
function readRows({ dataset, from, facts }: ParquetJob): string {
  const { batch, generation, sensor, parser } = facts;
  const same: Readonly<Record<string, string>> = {
    batch: literal(batch),
    generation: String(generation),
    sensor: literal(sensor),
    parser: String(parser),
  };
  const columns = columnsOf[dataset];
  const types = columns
    .filter(({ name }) => !batchColumns.has(name))
    .map(({ name, type }) => `${literal(name)}: ${literal(type.endsWith("[]") ? "VARCHAR" : type)}`);
  const select = columns.map(({ name, type }) => {
    if (batchColumns.has(name)) return `CAST(${same[name]} AS ${type}) AS ${name}`;
    if (!type.endsWith("[]")) return name;
    const split = `split(${name}, chr(${listSeparator.charCodeAt(0)}))`;
    return `CASE WHEN ${name} IS NULL THEN CAST([] AS ${type}) ELSE CAST(${split} AS ${type}) END AS ${name}`;
  });
  return `SELECT ${select.join(", ")}, line FROM read_csv(${literal(from)}, auto_detect=false, header=false, delim='\t', quote='', escape='', nullstr=${literal(nullCell)}, new_line='\\n', max_line_size=${longestRow}, buffer_size=${2 * longestRow}, columns={'line': 'BIGINT', ${types.join(", ")}})`;
}

const parquetOptions = `(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rowGroupRows}, DICTIONARY_SIZE_LIMIT ${dictionaryValues})`;

async function writeParquet(connection: DuckDBConnection, job: ParquetJob): Promise<number> {
  try {
    const names = columnsOf[job.dataset].map((column) => column.name).join(", ");
    const rows = job.repeats
      ? `SELECT *, row_number() OVER (PARTITION BY capture_id ORDER BY line) AS place FROM (${readRows(job)}) r`
      : readRows(job);
    await connection.run(
      `COPY (SELECT ${names} FROM (${rows}) s ${job.repeats ? "WHERE place = 1" : ""}) TO ${literal(job.to)} ${parquetOptions}`,
    );
    return await rowsOf(connection, job.to);
  } catch (cause) {
    throw engineError(cause);
  }
}

/**
 * By economy first: a slice of an economy that few captures are from then skips nearly all row groups by their least and
 * greatest, and files are a twelfth smaller. What is asked by time is asked by the day, which is a folder.
 */
async function mergeParquet(connection: DuckDBConnection, from: readonly string[], to: string): Promise<number> {
  try {
    await connection.run(
      `COPY (SELECT * FROM ${parquet(from)} ORDER BY source_economy, captured_at, capture_id, batch) TO ${literal(to)} ${parquetOptions}`,
    );
    return await rowsOf(connection, to);
  } catch (cause) {
    throw engineError(cause);
  }
}

async function rowsOf(connection: DuckDBConnection, path: string): Promise<number> {
  const rows = await connection.runAndReadAll(`SELECT CAST(count(*) AS INTEGER) FROM ${parquet([path])}`);
  return Number(rows.getRows()[0]?.[0]);
}

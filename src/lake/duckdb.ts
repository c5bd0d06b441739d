/**
 * DuckDB in the process: the default engine over the lake's Parquet files. The slices' SQL is written so that Trino runs
 * it too; what DuckDB names differently is a macro here.
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
import { captureColumns, type LakeColumn, requestColumns } from "../fields.ts";
import type { Cell, Chunk } from "../model.ts";
import { duckdbSql, macros } from "./dialect.ts";
import type { Engine, ParquetJob, Selection } from "./engine.ts";
import type { Dataset } from "./records.ts";
import { batchColumns } from "./row.ts";
import { listSeparator, nullCell } from "./row-buffer.ts";

const columnsOf: Readonly<Record<Dataset, readonly LakeColumn[]>> = {
  captures: captureColumns,
  requests: requestColumns,
};

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

/** Opens an in-memory DuckDB that spills to `temporary`. Nothing is downloaded: extensions are off. */
export async function openDuckdb(options: DuckdbOptions): Promise<Engine> {
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
    version: `duckdb ${await versionOf(connection)}`,
    rows: (relations, sql) => stream(instance, reading, relations, sql),
    writeParquet: (job) => writeParquet(connection, job),
    mergeParquet: (dataset, from, to) => mergeParquet(connection, dataset, from, to),
    interrupt: () => {
      for (const open of reading) open.interrupt();
    },
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

async function versionOf(connection: DuckDBConnection): Promise<string> {
  const rows = await connection.runAndReadAll("SELECT version()");
  return String(rows.getRows()[0]?.[0]);
}

function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** SQL of a selection: the visible rows of its files, each capture once. */
export function relationSql(selection: Selection): string {
  const columns = columnsOf[selection.dataset];
  const names = columns.map((column) => column.name).join(", ");
  const parts: string[] = [];
  if (selection.whole.length > 0)
    parts.push(`SELECT ${names} FROM read_parquet([${selection.whole.map(text).join(", ")}])`);
  if (selection.mixed.length > 0) {
    const live = selection.live.map(text).join(", ");
    parts.push(
      `SELECT ${names} FROM read_parquet([${selection.mixed.map(text).join(", ")}]) WHERE batch || ':' || generation IN (${live})`,
    );
  }
  if (parts.length === 0) {
    return `SELECT ${columns.map((column) => `CAST(NULL AS ${column.type}) AS ${column.name}`).join(", ")} WHERE FALSE`;
  }
  const all = parts.join(" UNION ALL ");
  if (selection.overlapping.length === 0) return all;
  const overlapping = selection.overlapping.map(text).join(", ");
  return `SELECT ${names} FROM (${all}) a WHERE batch NOT IN (${overlapping}) UNION ALL SELECT ${names} FROM (SELECT *, row_number() OVER (PARTITION BY sensor, capture_id ORDER BY batch) AS place FROM (${all}) b WHERE batch IN (${overlapping})) o WHERE place = 1`;
}

/** The whole text of a query over relations, as {@link openDuckdb}'s `rows` runs it. */
export function querySql(relations: Readonly<Record<string, Selection>>, sql: string): string {
  const named = Object.entries(relations).map(
    ([name, selection]) => `${name} AS NOT MATERIALIZED (${relationSql(selection)})`,
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
    batch: text(batch),
    generation: String(generation),
    sensor: text(sensor),
    parser: String(parser),
  };
  const columns = columnsOf[dataset];
  const types = columns
    .filter(({ name }) => !batchColumns.has(name))
    .map(({ name, type }) => `${text(name)}: ${text(type.endsWith("[]") ? "VARCHAR" : type)}`);
  const select = columns.map(({ name, type }) => {
    if (batchColumns.has(name)) return `CAST(${same[name]} AS ${type}) AS ${name}`;
    if (!type.endsWith("[]")) return name;
    const split = `split(${name}, chr(${listSeparator.charCodeAt(0)}))`;
    return `CASE WHEN ${name} IS NULL THEN CAST([] AS ${type}) ELSE CAST(${split} AS ${type}) END AS ${name}`;
  });
  return `SELECT ${select.join(", ")}, line FROM read_csv(${text(from)}, auto_detect=false, header=false, delim='\t', quote='', escape='', nullstr=${text(nullCell)}, new_line='\\n', max_line_size=${longestRow}, buffer_size=${2 * longestRow}, columns={'line': 'BIGINT', ${types.join(", ")}})`;
}

const parquetOptions = `(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rowGroupRows}, DICTIONARY_SIZE_LIMIT ${dictionaryValues})`;

async function writeParquet(connection: DuckDBConnection, job: ParquetJob): Promise<number> {
  try {
    const names = columnsOf[job.dataset].map((column) => column.name).join(", ");
    const rows = job.repeats
      ? `SELECT *, row_number() OVER (PARTITION BY capture_id ORDER BY line) AS place FROM (${readRows(job)}) r`
      : readRows(job);
    await connection.run(
      `COPY (SELECT ${names} FROM (${rows}) s ${job.repeats ? "WHERE place = 1" : ""}) TO ${text(job.to)} ${parquetOptions}`,
    );
    return await rowsOf(connection, job.to);
  } catch (cause) {
    throw engineError(cause);
  }
}

async function mergeParquet(
  connection: DuckDBConnection,
  _dataset: Dataset,
  from: readonly string[],
  to: string,
): Promise<number> {
  try {
    await connection.run(
      `COPY (SELECT * FROM read_parquet([${from.map(text).join(", ")}]) ORDER BY captured_at, capture_id, batch) TO ${text(to)} ${parquetOptions}`,
    );
    return await rowsOf(connection, to);
  } catch (cause) {
    throw engineError(cause);
  }
}

async function rowsOf(connection: DuckDBConnection, path: string): Promise<number> {
  const rows = await connection.runAndReadAll(`SELECT CAST(count(*) AS INTEGER) FROM read_parquet(${text(path)})`);
  return Number(rows.getRows()[0]?.[0]);
}

/**
 * The slices' SQL as a Trino cluster is asked: over Hive tables that lie where the lake does, of whose files just those
 * are read which records name. Pure.
 *
 * @see https://trino.io/docs/476/connector/hive.html (external tables, partitions, `$path`)
 */
import { createHash } from "node:crypto";
import { literal, literals } from "../../feed/sql.ts";
import type { LakeColumn } from "../../fields.ts";
import type { Selection } from "../engine.ts";
import type { Dataset } from "../records.ts";
import { columnsOf, type RelationWords, relationSql } from "../relation.ts";

/** Tables of a lake: where they are, by names of lower-case letters, digits and underscores, and the lake's URL. */
export interface LakeTables {
  readonly catalog: string;
  readonly schema: string;
  readonly lake: string;
}

/** What no engine has: see `../dialect.ts`. Instants are milliseconds; text is cut from ISO 8601 with nanoseconds. */
const functions = [
  "FUNCTION instant_text(instant bigint) RETURNS varchar RETURN substr(to_iso8601(from_unixtime_nanos(instant * 1000000)), 1, 19) || 'Z'",
  "FUNCTION day_text(instant bigint) RETURNS varchar RETURN substr(to_iso8601(from_unixtime_nanos(instant * 1000000)), 1, 10)",
];

/** In quotes: a schema may be called as a word of SQL is. */
const identifier = (name: string) => `"${name}"`;
const schemaName = ({ catalog, schema }: LakeTables) => `${identifier(catalog)}.${identifier(schema)}`;

function typeOf(type: LakeColumn["type"]): string {
  return type.endsWith("[]") ? `array(${type.slice(0, -2).toLowerCase()})` : type.toLowerCase();
}

/** What a table is, as it stands behind its name: the partition's column is the last. */
function definitionOf({ lake }: LakeTables, dataset: Dataset): string {
  const columns = [...columnsOf[dataset].map(({ name, type }) => `${name} ${typeOf(type)}`), "day varchar"];
  return `(${columns.join(", ")}) WITH (external_location = ${literal(`${lake}/${dataset}`)}, format = 'PARQUET', partitioned_by = ARRAY['day'])`;
}

/**
 * A table's own name: dataset and what the table is, as a digest. So a release with other columns, and a lake that was
 * moved, have tables of their own, and a table that is there is the right one for as long as it is there: nobody has to
 * drop and make it anew under a query that was told which files it shows.
 */
const tableId = (tables: LakeTables, dataset: Dataset) =>
  `${dataset}_${createHash("sha256").update(definitionOf(tables, dataset)).digest("hex").slice(0, 8)}`;

/** A table's full name. */
const tableName = (tables: LakeTables, dataset: Dataset) =>
  `${schemaName(tables)}.${identifier(tableId(tables, dataset))}`;

/** The statement that makes the schema; nothing happens where it is. */
export const makeSchema = (tables: LakeTables) => `CREATE SCHEMA IF NOT EXISTS ${schemaName(tables)}`;

/** The statement that makes a table; nothing happens where it is. */
export const makeTable = (tables: LakeTables, dataset: Dataset) =>
  `CREATE TABLE IF NOT EXISTS ${tableName(tables, dataset)} ${definitionOf(tables, dataset)}`;

/** A row where the table is there. */
export function knownTable(tables: LakeTables, dataset: Dataset): string {
  return `SELECT table_name FROM ${identifier(tables.catalog)}.information_schema.tables WHERE table_schema = ${literal(tables.schema)} AND table_name = ${literal(tableId(tables, dataset))}`;
}

/** Which of these days a table knows as partitions. */
export function knownDays(tables: LakeTables, dataset: Dataset, days: readonly string[]): string {
  return `SELECT day FROM ${schemaName(tables)}.${identifier(`${tableId(tables, dataset)}$partitions`)} WHERE day IN ${literals(days)}`;
}

/** Which files of these the cluster finds in a table. */
export function knownFiles(
  tables: LakeTables,
  dataset: Dataset,
  days: readonly string[],
  files: readonly string[],
): string {
  return `SELECT DISTINCT "$path" FROM ${tableName(tables, dataset)} WHERE day IN ${literals(days)} AND "$path" IN ${literals(files)}`;
}

/** Has the table know every day that has files. Those which it knows stay as they are. */
export function learnDays(tables: LakeTables, dataset: Dataset): string {
  return `CALL ${identifier(tables.catalog)}.system.sync_partition_metadata(${literal(tables.schema)}, ${literal(tableId(tables, dataset))}, 'ADD')`;
}

/** A selection's files as rows of its table: partitions by their days, files by their paths. */
function wordsOf(tables: LakeTables, { dataset, days }: Selection): RelationWords {
  const rowsOf = (files: readonly string[]) =>
    [tableName(tables, dataset), `day IN ${literals(days)}`, `"$path" IN ${literals(files)}`] as const;
  return { rowsOf, typeOf };
}

/** The whole text of a query over relations. */
export function trinoSql(tables: LakeTables, relations: Readonly<Record<string, Selection>>, sql: string): string {
  const named = Object.entries(relations).map(
    ([name, selection]) => `${name} AS (${relationSql(selection, wordsOf(tables, selection))})`,
  );
  return `WITH ${functions.join(",\n")}\nWITH ${[...named, sql].join(",\n")}`;
}

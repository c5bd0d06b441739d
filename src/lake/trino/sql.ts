/**
 * The slices' SQL as a Trino cluster is asked: over Hive tables that lie where the lake does, of whose files just those
 * are read which records name. Pure.
 *
 * @see https://trino.io/docs/476/connector/hive.html (external tables, partitions, `$path`)
 */
import { literal, literals } from "../../feed/sql.ts";
import type { LakeColumn } from "../../fields.ts";
import type { Selection } from "../engine.ts";
import type { Dataset } from "../records.ts";
import { columnsOf, type RelationWords, relationSql } from "../relation.ts";

/** Where the tables are: names of lower-case letters, digits and underscores. */
export interface TableNames {
  readonly catalog: string;
  readonly schema: string;
}

/** What no engine has: see `../dialect.ts`. Instants are milliseconds; text is cut from ISO 8601 with nanoseconds. */
const functions = [
  "FUNCTION instant_text(instant bigint) RETURNS varchar RETURN substr(to_iso8601(from_unixtime_nanos(instant * 1000000)), 1, 19) || 'Z'",
  "FUNCTION day_text(instant bigint) RETURNS varchar RETURN substr(to_iso8601(from_unixtime_nanos(instant * 1000000)), 1, 10)",
];

/** In quotes: a schema may be called as a word of SQL is. */
const identifier = (name: string) => `"${name}"`;
const schemaName = ({ catalog, schema }: TableNames) => `${identifier(catalog)}.${identifier(schema)}`;

/** A table's full name. */
const tableName = (names: TableNames, dataset: Dataset) => `${schemaName(names)}.${identifier(dataset)}`;

function typeOf(type: LakeColumn["type"]): string {
  return type.endsWith("[]") ? `array(${type.slice(0, -2).toLowerCase()})` : type.toLowerCase();
}

/** Columns of a table as Trino names their types, the partition's last. */
export function tableColumns(dataset: Dataset): readonly (readonly [name: string, type: string])[] {
  return [...columnsOf[dataset].map(({ name, type }) => [name, typeOf(type)] as const), ["day", "varchar"]];
}

/** The statement that makes the schema; nothing happens where it is. */
export const makeSchema = (names: TableNames) => `CREATE SCHEMA IF NOT EXISTS ${schemaName(names)}`;

/** The statement that makes a table over a lake at this URL; nothing happens where it is. */
export function makeTable(names: TableNames, dataset: Dataset, lake: string): string {
  const columns = tableColumns(dataset).map(([name, type]) => `${name} ${type}`);
  return `CREATE TABLE IF NOT EXISTS ${tableName(names, dataset)} (${columns.join(", ")}) WITH (external_location = ${literal(`${lake}/${dataset}`)}, format = 'PARQUET', partitioned_by = ARRAY['day'])`;
}

/** Names and types of a table's columns. */
export function knownColumns({ catalog, schema }: TableNames, dataset: Dataset): string {
  return `SELECT column_name, data_type FROM ${identifier(catalog)}.information_schema.columns WHERE table_schema = ${literal(schema)} AND table_name = ${literal(dataset)}`;
}

/** Which of these days a table knows as partitions. */
export function knownDays(names: TableNames, dataset: Dataset, days: readonly string[]): string {
  return `SELECT day FROM ${schemaName(names)}.${identifier(`${dataset}$partitions`)} WHERE day IN ${literals(days)}`;
}

/** Which files of these the cluster finds in a table. */
export function knownFiles(
  names: TableNames,
  dataset: Dataset,
  days: readonly string[],
  files: readonly string[],
): string {
  return `SELECT DISTINCT "$path" FROM ${tableName(names, dataset)} WHERE day IN ${literals(days)} AND "$path" IN ${literals(files)}`;
}

/** Has the table know every day that has files. Those which it knows stay as they are. */
export function learnDays({ catalog, schema }: TableNames, dataset: Dataset): string {
  return `CALL ${identifier(catalog)}.system.sync_partition_metadata(${literal(schema)}, ${literal(dataset)}, 'ADD')`;
}

/** The statement by which an administrator forgets a table; the lake's files stay, since the table is external. */
export const dropTable = (names: TableNames, dataset: Dataset) => `DROP TABLE ${tableName(names, dataset)}`;

/** A selection's files as rows of its table: partitions by their days, files by their paths. */
function wordsOf(names: TableNames, { dataset, days }: Selection): RelationWords {
  const rowsOf = (files: readonly string[]) =>
    [tableName(names, dataset), `day IN ${literals(days)}`, `"$path" IN ${literals(files)}`] as const;
  return { rowsOf, typeOf };
}

/** The whole text of a query over relations. */
export function trinoSql(names: TableNames, relations: Readonly<Record<string, Selection>>, sql: string): string {
  const named = Object.entries(relations).map(
    ([name, selection]) => `${name} AS (${relationSql(selection, wordsOf(names, selection))})`,
  );
  return `WITH ${functions.join(",\n")}\nWITH ${[...named, sql].join(",\n")}`;
}

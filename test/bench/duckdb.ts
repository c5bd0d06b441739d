/** Calls of DuckDB alone, with its own defaults but for the number of threads. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import type { Call } from "./process.ts";

/** What the slices' SQL takes from Trino's vocabulary. */
const macro = "CREATE MACRO array_join(list, separator) AS array_to_string(list, separator)";

/** A text literal. */
export const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** A process that runs these statements one after another. */
export function duckdb(bench: Bench, name: string, statements: readonly string[]): Call {
  const file = join(bench.root, `${name}.sql.json`);
  writeFileSync(file, JSON.stringify(statements));
  return {
    program: process.execPath,
    args: [join(import.meta.dirname, "references", "duckdb.ts"), String(bench.threads), file],
  };
}

/** A process that copies the answer of each query into a gzipped CSV of its own. */
export function copies(bench: Bench, name: string, queries: readonly string[], folder: string): Call {
  const statements = queries.map(
    (query, index) =>
      `COPY (${query}) TO ${text(join(folder, `${index}.csv.gz`))} (FORMAT csv, HEADER, COMPRESSION gzip)`,
  );
  return duckdb(bench, name, [macro, ...statements]);
}

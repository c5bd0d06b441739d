/**
 * DuckDB alone: runs statements of a file, one after another, and nothing else. The reference of all figures on ingest
 * and publishing.
 *
 * `node duckdb.ts <threads> <file>`: the file is a JSON list of SQL statements.
 */
import { readFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const [threads = "2", file = ""] = process.argv.slice(2);
const statements: string[] = JSON.parse(readFileSync(file, "utf8"));
const instance = await DuckDBInstance.create(":memory:", { threads });
const connection = await instance.connect();
for (const statement of statements) await connection.run(statement);
connection.closeSync();
instance.closeSync();

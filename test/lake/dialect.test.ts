/** Slices in DuckDB's words: the same rows, literals as they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { unnested } from "../../src/feed/sql.ts";
import { duckdbSql, macros } from "../../src/lake/dialect.ts";

test("literals are left alone, whatever they hold", () => {
  const literal = "'transform(scoped AS ('";
  assert.equal(duckdbSql(`SELECT ${literal}`), `SELECT ${literal}`);
  assert.equal(duckdbSql("SELECT 'it''s transform('"), "SELECT 'it''s transform('");
  assert.equal(duckdbSql(`SELECT 'a', transform(l, e -> 'b')`), `SELECT 'a', list_transform(l, e -> 'b')`);
});

test("an unnested list gives the rows that the standard join gives", async () => {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  for (const macro of macros) await connection.run(macro);
  const relation = "r AS (SELECT * FROM (VALUES (1, ['a', 'b']), (2, []), (3, NULL), (4, ['c'])) t(n, l))";
  const standard = `WITH ${relation} SELECT n, e FROM (${unnested("r", "l")}) u ORDER BY n, e`;
  const said = duckdbSql(standard);
  assert.notEqual(said, standard, "the form of `unnested` is the one that is known");
  const rowsOf = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson();
  assert.deepEqual(await rowsOf(said), [
    [1, "a"],
    [1, "b"],
    [4, "c"],
  ]);
  assert.deepEqual(await rowsOf(said), await rowsOf(standard));
  connection.closeSync();
  instance.closeSync();
});

/** Merged files hold the rows of an economy together, so that a slice of another one skips most row groups. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { openDuckdb } from "../../src/lake/duckdb.ts";

test("an economy's rows are in few row groups of a merged file", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "spampots-merge-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const files = [0, 1].map((n) => join(folder, `${n}.parquet`));
  for (const [n, path] of files.entries()) {
    const economy =
      "CASE WHEN range % 1000 = 0 THEN 'UY' WHEN range % 3 = 0 THEN 'AR' WHEN range % 3 = 1 THEN 'TW' END";
    const rows = `SELECT ${economy} AS source_economy, range AS captured_at, 'c' || range AS capture_id, '${n}' AS batch FROM range(150000)`;
    await connection.run(`COPY (${rows}) TO '${path}' (FORMAT parquet)`);
  }
  const merged = join(folder, "merged.parquet");
  const engine = await openDuckdb({ threads: 2, memoryMb: 400, temporary: folder });
  assert.equal(await engine.mergeParquet(files, merged), 300_000);
  engine.close();
  const groups = await connection.runAndReadAll(
    `SELECT count(*) FILTER (stats_min_value <= 'UY' AND stats_max_value >= 'UY'), count(*) FROM parquet_metadata('${merged}') WHERE path_in_schema = 'source_economy'`,
  );
  connection.closeSync();
  instance.closeSync();
  const [[holding = 0, all = 0] = []] = groups.getRows().map((row) => row.map(Number));
  assert.ok(all >= 4 && holding <= 2, `${holding} of ${all} row groups may hold it`);
});

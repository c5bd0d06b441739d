/**
 * The bench's own test: every figure, `scale` and the peers run on small data and come to numbers, so that `npm run bench`
 * works when it is wanted. What the numbers are is not judged: small data say nothing of speed.
 *
 * Takes some minutes on two cores, and Python's packages from PyPI on the first run. Linux only, as the bench is.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { benchRoot } from "./bench.ts";
import { figures } from "./catalog.ts";
import { performanceMarkdown } from "./report.ts";
import { demandMarkdown } from "./report-demand.ts";
import { type ClusterResult, type Result, readResults } from "./results.ts";

const run = promisify(execFile);

/** Every run of a result, of both sides. */
function runsOf(found: Result) {
  if (found.kind === "ratio")
    return found.runs.flatMap(({ ours, reference }) => [ours, ...(reference ? [reference] : [])]);
  if (found.kind === "peers") return found.peers.flatMap(({ runs }) => runs);
  if (found.kind === "cluster") return found.memory;
  if (found.kind === "stages") return found.stages.map((stage) => ({ ...stage, peak_mb: 2 }));
  return found.points.flatMap(({ ingest, publish }) => [publish, ...(ingest ? [ingest] : [])]);
}

/** Small data say nothing of speed, but rows are to be the same from each engine. */
function everySliceByEveryWay({ slices }: ClusterResult): void {
  assert.ok(slices.length > 0);
  for (const { feed, same, failed, runs } of slices) {
    assert.deepEqual([same, failed], [true, []], feed);
    for (const sides of runs) assert.deepEqual(Object.keys(sides).sort(), ["cold", "disk", "trino", "warm"]);
  }
  assert.ok(slices.some(({ runs }) => runs.some(({ trino }) => (trino?.cluster?.read_bytes ?? 0) > 0)));
}

test("every figure, scale and the peers run on small data", async () => {
  const folder = join(benchRoot(), "quick-results");
  await rm(folder, { recursive: true, force: true });
  for (const program of ["main.ts", "peers.ts"]) {
    await run(process.execPath, [join(import.meta.dirname, program), "--quick"]);
  }
  const results = readResults(folder);
  assert.deepEqual(
    results.map(({ figure }) => figure).sort(),
    [...figures.map(({ id }) => id), "scale", "cluster", "stages", "peers"].sort(),
  );
  for (const found of results) {
    const runs = runsOf(found);
    assert.ok(runs.length > 0, found.figure);
    for (const { seconds, cpu_seconds, peak_mb, units } of runs) {
      assert.ok(
        seconds > 0 && cpu_seconds >= 0 && peak_mb > 1 && units > 0,
        `${found.figure}: ${JSON.stringify(found)}`,
      );
    }
    assert.ok(found.quick);
    if (found.kind === "cluster") everySliceByEveryWay(found);
  }
  for (const page of [performanceMarkdown(results), demandMarkdown(results)])
    assert.doesNotMatch(page, /NaN|undefined|not measured yet|Infinity/);
});

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
import { type Result, readResults } from "./results.ts";

const run = promisify(execFile);

/** Every run of a result, of both sides. */
function runsOf(found: Result) {
  if (found.kind === "ratio")
    return found.runs.flatMap(({ ours, reference }) => [ours, ...(reference ? [reference] : [])]);
  if (found.kind === "peers") return found.peers.flatMap(({ runs }) => runs);
  return found.points.flatMap(({ ingest, publish }) => [publish, ...(ingest ? [ingest] : [])]);
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
    [...figures.map(({ id }) => id), "scale", "peers"].sort(),
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
  }
  const page = performanceMarkdown(results);
  assert.doesNotMatch(page, /NaN|undefined|not measured yet|Infinity/);
});

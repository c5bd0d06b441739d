/**
 * docs/performance.md says what the results in the repository say, and the arithmetic on the way from runs to page is
 * right. The bench itself is tested in `test/bench`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { figures } from "./bench/catalog.ts";
import { isMet, median, ratioOf } from "./bench/figure.ts";
import { number } from "./bench/markdown.ts";
import { performanceMarkdown } from "./bench/report.ts";
import { slopeOf } from "./bench/report-scale.ts";
import { readResults, resultsFolder } from "./bench/results.ts";
import { projectRoot } from "./source-files.ts";

const results = readResults(resultsFolder);

test("docs/performance.md is what the results give", () => {
  const page = readFileSync(join(projectRoot, "docs/performance.md"), "utf8");
  assert.ok(page === performanceMarkdown(results), "write it anew: npm run bench -- --write-docs");
});

test("results are of figures that there are, of whole runs, and agree with their own runs", () => {
  const known = new Set([...figures.map(({ id }) => id), "scale", "peers"]);
  for (const found of results) {
    assert.ok(known.has(found.figure), found.figure);
    assert.ok(!found.quick, `${found.figure} is of small data`);
    if (found.kind !== "ratio") continue;
    const { bound, runs } = found;
    assert.deepEqual(bound, figures.find(({ id }) => id === found.figure)?.bound, `${found.figure}: another bound`);
    const ratios = runs.map(({ ours, reference }) => ratioOf(bound, ours, reference));
    assert.deepEqual(
      runs.map(({ ratio }) => ratio),
      ratios,
    );
    const memories = runs.map(({ ours, reference }) => ours.peak_mb / (reference?.peak_mb ?? Number.NaN));
    assert.deepEqual(
      [found.median, found.least, found.most, found.met],
      [median(ratios), Math.min(...ratios), Math.max(...ratios), isMet(bound, median(ratios), median(memories))],
      found.figure,
    );
  }
});

const taken = (seconds: number, units: number) => ({ seconds, units, cpu_seconds: seconds / 2, peak_mb: 100 });

test("a ratio of rates is ours over the reference's, one of times too, and the bounds look the right way", () => {
  const [rate, time, cpu] = [
    { kind: "rate", least: 8 } as const,
    { kind: "time", most: 1.3, memory: 0.2 } as const,
    { kind: "cpu", most: 1 } as const,
  ];
  assert.equal(ratioOf(rate, taken(2, 100), taken(10, 50)), 10);
  assert.equal(ratioOf(time, taken(2, 100), taken(10, 50)), 0.2);
  assert.equal(ratioOf(cpu, taken(2, 100), undefined), 1);
  assert.deepEqual([isMet(rate, 8, 9), isMet(rate, 7.9, 9)], [true, false]);
  assert.deepEqual([isMet(time, 1.3, 0.2), isMet(time, 1.31, 0.2), isMet(time, 1, 0.21)], [true, false, false]);
  assert.deepEqual([isMet(cpu, 1, Number.NaN), isMet(cpu, 1.1, Number.NaN)], [true, false]);
});

test("median, slope and numbers", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.deepEqual(slopeOf([100, 12], [1000, 30]), { perCapture: 0.02, start: 10 });
  assert.deepEqual([0, 0.2974, 0.05, 4.058, 13.42, 123.4, 1234.5].map(number), [
    "0.00",
    "0.297",
    "0.050",
    "4.06",
    "13.4",
    "123",
    "1,235",
  ]);
});

/**
 * docs/performance.md says what the results in the repository say, and the arithmetic on the way from runs to page is
 * right. The bench itself is tested in `test/bench`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { figures } from "./bench/catalog.ts";
import { constantsOf } from "./bench/demand.ts";
import { isMet, median, ratioOf } from "./bench/figure.ts";
import { number } from "./bench/markdown.ts";
import { performanceMarkdown } from "./bench/report.ts";
import { clusterSection } from "./bench/report-cluster.ts";
import { demandMarkdown } from "./bench/report-demand.ts";
import { slopeOf } from "./bench/report-scale.ts";
import { type ClusterResult, readResults, resultsFolder, withEarlierSizes } from "./bench/results.ts";
import { projectRoot } from "./source-files.ts";

const results = readResults(resultsFolder);

test("docs/performance.md is what the results give", () => {
  const page = readFileSync(join(projectRoot, "docs/performance.md"), "utf8");
  assert.ok(page === performanceMarkdown(results), "write it anew: npm run bench -- --write-docs");
});

test("docs/scale.md is what the results give, and its sums are of its own constants", () => {
  const page = readFileSync(join(projectRoot, "docs/scale.md"), "utf8");
  assert.ok(page === demandMarkdown(results), "write it anew: npm run bench -- --write-docs");
  const cells = (name: string) =>
    page
      .split("\n")
      .find((line) => line.startsWith(`| ${name} |`))
      ?.split("|")
      .map((cell) => cell.trim().replaceAll(",", "")) ?? [];
  const { bodies, artifacts } = constantsOf(results);
  const near = (cell: string | undefined, value: number) =>
    assert.ok(Math.abs(Number(cell) - value) <= 0.01 * value, `${cell} is not ${value}`);
  // 10 G captures a day, as a reader would: cores, and GB.
  near(cells("Ingesters")[6], ((1e10 * bodies.value) / 1e6 / 86_400) * 2);
  near(cells("Artifacts, put")[6], (1e10 * artifacts.value) / 1e9);
});

test("results are of figures that there are, of whole runs, and agree with their own runs", () => {
  const known = new Set([...figures.map(({ id }) => id), "scale", "cluster", "stages", "peers"]);
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

const side = (seconds: number, cpuSeconds = 1) => ({
  ...{ seconds, cpu_seconds: cpuSeconds, peak_mb: 100, located_seconds: 0, first_row_seconds: seconds },
});

/** A week of a thousand captures of two megabytes, of which a small economy's slice reads `read` bytes. */
function madeUp(read: number): ClusterResult {
  const { machine, versions, threads, date } = results[0] ?? assert.fail("there are results");
  const part = { splits: 4, peak_memory_bytes: 1, spilled_bytes: 0, output_bytes: 1, requests: 9 };
  const trino = (seconds: number) => ({
    ...side(seconds),
    cluster: { ...part, cpu_seconds: 3, read_bytes: read, read_rows: 1000 },
  });
  const runs = [
    { disk: side(2), trino: trino(8) },
    { disk: side(4), trino: trino(8) },
    { disk: side(2), trino: trino(6) },
  ];
  const slice = { times: 1, compacted: false, rows: 500, same: true, runs, failed: [] };
  const files = { files: 10, bytes: 2_000_000, objects: 12, object_bytes: 2_004_000, path_characters: 90 };
  return {
    ...{ kind: "cluster", figure: "cluster", date, quick: false, captures: 1000, machine, versions, threads },
    heap_mb: 1500,
    lakes: [
      { date, version: "v0", times: 1, compacted: false, captures: 1000, ...files, put_seconds: 1, put_cpu_seconds: 1 },
    ],
    slices: [
      { ...slice, partner: "certuy", feed: "spam-sources" },
      { ...slice, partner: "twcert-cc", feed: "spam-events" },
    ],
    memory: [],
    notes: [],
  };
}

test("what a cluster read is a share of the lake, and its time a ratio of neighbouring runs", () => {
  const section = clusterSection(madeUp(90_000));
  assert.match(section, /3\.00x \(2\.00–4\.00\)/);
  assert.match(section, /0\.090 MB \/ 2\.00 MB = 4\.50 % \(met\)/);
  assert.match(clusterSection(madeUp(110_000)), /5\.50 % \(\*\*not met\*\*\).*0\.550 % \(met\)/);
  const { workers, read, rows, decode, lake, record } = constantsOf([madeUp(90_000)]);
  assert.deepEqual(
    [workers.value, read.value, rows.value, decode.value, lake.value, record.value],
    [6000, 180, 0.5, 2000, 2000, 2000],
  );
});

test("sizes that only an earlier run on the same machine had stay, and the page says of when they are", () => {
  const base = madeUp(90_000);
  const of = (times: number, day: number): ClusterResult => {
    const date = `2026-11-0${day}T00:00:00Z`;
    return {
      ...base,
      date,
      lakes: base.lakes.map((lake) => ({ ...lake, date, version: `v${day}`, times })),
      slices: base.slices.map((slice) => ({ ...slice, times })),
    };
  };
  const both = withEarlierSizes(of(10, 2), of(1, 1));
  const lakesOf = ({ lakes }: ClusterResult) => lakes.map(({ times, version }) => `${times}x of ${version}`);
  assert.deepEqual(lakesOf(both), ["1x of v1", "10x of v2"]);
  assert.deepEqual([...new Set(both.slices.map(({ times }) => times))], [1, 10]);
  assert.match(clusterSection(both), /^1x: measured on 2026-11-01, of v1\.$/m);
  assert.doesNotMatch(clusterSection(both), /10x: measured/);
  assert.deepEqual(lakesOf(withEarlierSizes(of(3, 3), both)), ["1x of v1", "3x of v3", "10x of v2"]);
  // Measured again, and another machine.
  assert.deepEqual(lakesOf(withEarlierSizes(of(1, 4), both)), ["1x of v4", "10x of v2"]);
  const elsewhere = { ...of(1, 1), machine: { ...base.machine, cores: base.machine.cores + 1 } };
  assert.deepEqual(withEarlierSizes(of(10, 2), elsewhere), of(10, 2));
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

/**
 * The bench: `npm run bench`. Runs figures, ours and reference in turn, writes each result as JSON and makes
 * docs/performance.md of all results.
 *
 * Options: `--only <figure,...>`, `--runs <n>`, `--captures <n>` (of the week), `--base <n>` (captures of the smallest size
 * of `scale`), `--times <n,...>` (sizes of `cluster`, as multiples of the week), `--heap <n>` (megabytes of each
 * of its processes), `--quick` (small data: shows that everything runs, keeps no result), `--write-docs` (runs nothing).
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Bench, openBench, quickSizes, type Sizes, usualSizes } from "./bench.ts";
import { figures } from "./catalog.ts";
import { runFigure } from "./figure.ts";
import { cluster } from "./figures/cluster.ts";
import { scale } from "./figures/scale.ts";
import { stages } from "./figures/stages.ts";
import { writeDocs } from "./report.ts";
import { type Result, resultsFolder, writeResult } from "./results.ts";

/** Runs a figure; what it has before it is through may be kept, too. */
type FigureRun = (bench: Bench, keep: (soFar: Result) => void) => Promise<Result>;

const runners = new Map<string, FigureRun>([
  ...figures.map((figure) => [figure.id, (bench: Bench) => runFigure(figure, bench)] as const),
  ["scale", scale],
  ["cluster", cluster],
  ["stages", stages],
]);

/** Runs the figures named, one after another, and keeps each result as soon as it is there. */
async function runAll(bench: Bench, names: readonly string[]): Promise<void> {
  const folder = bench.quick ? join(bench.root, "quick-results") : resultsFolder;
  const failed: string[] = [];
  for (const name of names) {
    const runner = runners.get(name);
    try {
      if (runner === undefined) throw new Error(`there is no such figure; there are ${[...runners.keys()].join(", ")}`);
      writeResult(folder, await runner(bench, (soFar) => writeResult(folder, soFar)));
      if (!bench.quick) writeDocs();
    } catch (error) {
      failed.push(name);
      bench.say(`${name}: FAILED: ${error instanceof Error ? error.message : error}`);
    }
  }
  bench.say(`results are in ${folder}${bench.quick ? "" : " and docs/performance.md"}`);
  if (failed.length > 0) {
    bench.say(`failed: ${failed.join(", ")}`);
    process.exitCode = 1;
  }
}

/** Sizes from the command line, over those of `--quick` or the usual ones. */
function sizesOf(values: Readonly<Record<string, string | boolean | undefined>>): Sizes {
  const sizes = values.quick === true ? quickSizes : usualSizes;
  const whole = (name: "runs" | "captures" | "base" | "heap") => {
    const text = values[name];
    if (text === undefined) return name === "heap" ? sizes.heapMb : sizes[name];
    if (typeof text === "string" && /^[1-9]\d{0,9}$/.test(text)) return Number(text);
    throw new Error(`--${name} needs a whole number above 0`);
  };
  const times =
    typeof values.times === "string"
      ? values.times
          .split(",")
          .map(Number)
          .filter((value) => value >= 1)
      : sizes.times;
  return {
    ...sizes,
    times,
    runs: whole("runs"),
    captures: whole("captures"),
    base: whole("base"),
    heapMb: whole("heap"),
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      runs: { type: "string" },
      captures: { type: "string" },
      base: { type: "string" },
      times: { type: "string" },
      heap: { type: "string" },
      quick: { type: "boolean" },
      "write-docs": { type: "boolean" },
    },
  });
  const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
  if (values["write-docs"]) writeDocs();
  else {
    const names = values.only?.split(",") ?? [...runners.keys()];
    await runAll(openBench(sizesOf(values), values.quick === true, say), names);
  }
}

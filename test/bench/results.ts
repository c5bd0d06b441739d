/**
 * Results as they stand in `test/bench/results/<figure>.json`: everything that the table in `docs/performance.md` says,
 * and all runs behind it. Members are snake_case, as in all JSON of the project.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** Where results are kept in the repository. */
export const resultsFolder = join(import.meta.dirname, "results");

const measured = z.strictObject({
  seconds: z.number(),
  cpu_seconds: z.number(),
  peak_mb: z.number(),
  units: z.number(),
});

const pair = z.strictObject({ ours: measured, reference: measured.optional(), ratio: z.number() });

/** One run of ours, the run of the reference that followed it, and their ratio. */
export type Pair = z.infer<typeof pair>;

const bound = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("rate"), least: z.number(), aim: z.number().optional() }),
  z.strictObject({ kind: z.literal("time"), most: z.number(), memory: z.number().optional() }),
  z.strictObject({ kind: z.literal("cpu"), most: z.number() }),
]);

/**
 * What a figure must reach: `rate` is our units a second over the reference's, `time` our seconds over the reference's
 * (and our peak memory over its, where that is bounded, too), `cpu` our seconds of processor time, without a reference.
 */
export type Bound = Readonly<z.infer<typeof bound>>;

const circumstances = z.strictObject({
  date: z.string(),
  quick: z.boolean(),
  /** Captures of the simulated week. */
  captures: z.number(),
  machine: z.strictObject({
    cpu: z.string(),
    cores: z.number(),
    memory_gb: z.number(),
    kernel: z.string(),
    disk: z.string(),
  }),
  versions: z.record(z.string(), z.string()),
  threads: z.number(),
});

/** When, where and with what something was measured. */
export type Circumstances = z.infer<typeof circumstances>;

const ratioResult = circumstances.extend({
  kind: z.literal("ratio"),
  figure: z.string(),
  work: z.string(),
  reference: z.string(),
  bound,
  size: z.string(),
  unit: z.string(),
  commands: z.strictObject({ ours: z.string(), reference: z.string().optional() }),
  runs: z.array(pair),
  median: z.number(),
  least: z.number(),
  most: z.number(),
  /** Median of our peak memory over the reference's. */
  memory_ratio: z.number().optional(),
  met: z.boolean(),
  notes: z.array(z.string()),
});
export type RatioResult = z.infer<typeof ratioResult>;

const scalePoint = z.strictObject({
  captures: z.number(),
  partners: z.number(),
  ingest: measured.optional(),
  publish: measured,
  publications: z.number(),
  artifact_bytes: z.number(),
  lake_bytes: z.number(),
});

/** One size that was run. */
export type ScalePoint = z.infer<typeof scalePoint>;

const scaleResult = circumstances.extend({
  kind: z.literal("scale"),
  figure: z.string(),
  base: z.number(),
  points: z.array(scalePoint),
  notes: z.array(z.string()),
});
export type ScaleResult = z.infer<typeof scaleResult>;

const peer = z.strictObject({
  name: z.string(),
  does: z.string(),
  settings: z.string(),
  runs: z.array(measured),
  rows_per_second: z.number(),
});

/** One program and how fast it went over the rows. */
export type Peer = z.infer<typeof peer>;

const peersResult = circumstances.extend({
  kind: z.literal("peers"),
  figure: z.string(),
  rows: z.string(),
  peers: z.array(peer),
  notes: z.array(z.string()),
});
export type PeersResult = z.infer<typeof peersResult>;

const result = z.discriminatedUnion("kind", [ratioResult, scaleResult, peersResult]);
export type Result = z.infer<typeof result>;

/** Writes a result under its figure's name, in place of the last one. */
export function writeResult(folder: string, found: Result): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${found.figure}.json`), `${JSON.stringify(result.parse(found), undefined, 1)}\n`);
}

/** All results of a folder, in order of name; none where it is missing. */
export function readResults(folder: string): Result[] {
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch {
    // Nothing was measured yet.
  }
  return names.sort().map((name) => result.parse(JSON.parse(readFileSync(join(folder, name), "utf8"))));
}

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

/** What a cluster said of its part in a slice. */
const clusterPart = z.strictObject({
  /** Processor time of its workers. */
  cpu_seconds: z.number(),
  /** Bytes and rows that it read of the lake. */
  read_bytes: z.number(),
  read_rows: z.number(),
  splits: z.number(),
  peak_memory_bytes: z.number(),
  spilled_bytes: z.number(),
  output_bytes: z.number(),
  /** Requests that the S3 service saw meanwhile, the runner's among them. */
  requests: z.number(),
});

const side = z.strictObject({
  seconds: z.number(),
  /** Of the process that reads the rows. */
  cpu_seconds: z.number(),
  peak_mb: z.number(),
  /** Until the files were chosen, and fetched where copies are read. */
  located_seconds: z.number(),
  first_row_seconds: z.number(),
  cluster: clusterPart.optional(),
});

/** What one reading of a slice took. */
export type Side = z.infer<typeof side>;

const ways = ["disk", "cold", "warm", "trino"] as const;

/** DuckDB over the lake's disk, over S3 with all to be fetched and with copies there; a Trino cluster over S3. */
export type WayName = (typeof ways)[number];

const sliceTaken = z.strictObject({
  partner: z.string(),
  feed: z.string(),
  times: z.number(),
  compacted: z.boolean(),
  rows: z.number(),
  /** Did all ways give the same rows in the same order? */
  same: z.boolean(),
  runs: z.array(z.partialRecord(z.enum(ways), side)),
  /** What went wrong: the way and what it said. */
  failed: z.array(z.string()),
});
export type SliceTaken = z.infer<typeof sliceTaken>;

const lakeTaken = z.strictObject({
  /** When its slices were measured, and of which version: the largest lake takes hours, and has a run of its own. */
  date: z.string(),
  version: z.string(),
  times: z.number(),
  compacted: z.boolean(),
  captures: z.number(),
  files: z.number(),
  bytes: z.number(),
  objects: z.number(),
  object_bytes: z.number(),
  /** Characters of a file's name in a query. */
  path_characters: z.number(),
  put_seconds: z.number(),
  put_cpu_seconds: z.number(),
});
export type LakeTaken = z.infer<typeof lakeTaken>;

const clusterResult = circumstances.extend({
  kind: z.literal("cluster"),
  figure: z.string(),
  heap_mb: z.number(),
  lakes: z.array(lakeTaken),
  slices: z.array(sliceTaken),
  /** The week's spam-events for TW, published from the cluster, of a tenth of the week and of the week. */
  memory: z.array(measured.extend({ captures: z.number() })),
  notes: z.array(z.string()),
});
export type ClusterResult = z.infer<typeof clusterResult>;

/** What says that two runs are of one kind: the rest may differ from day to day. */
const kindOfRun = ({
  captures,
  threads,
  heap_mb: heap,
  machine: { cpu, cores, memory_gb: memory },
  versions,
}: ClusterResult) => JSON.stringify([captures, threads, heap, cpu, cores, memory, versions.node, versions.duckdb]);

/** A run, with the sizes that only an earlier one had, where that one was of the same kind. */
export function withEarlierSizes(run: ClusterResult, before: ClusterResult | undefined): ClusterResult {
  if (before === undefined || kindOfRun(before) !== kindOfRun(run)) return run;
  const has = (times: number) => run.lakes.some((lake) => lake.times === times);
  const lakes = before.lakes.filter(({ times }) => !has(times));
  const bySize = <T extends { readonly times: number; readonly compacted: boolean }>(all: readonly T[]) =>
    all.toSorted((a, b) => a.times - b.times || Number(a.compacted) - Number(b.compacted));
  return {
    ...run,
    lakes: bySize([...lakes, ...run.lakes]),
    slices: bySize([...before.slices.filter(({ times }) => !has(times)), ...run.slices]),
    memory: [
      ...before.memory.filter(({ captures }) => lakes.some((lake) => lake.captures === captures)),
      ...run.memory,
    ].sort((a, b) => a.captures - b.captures),
  };
}

/** What a step took, and how much it did. */
export const stageTaken = z.strictObject({
  stage: z.string(),
  what: z.string(),
  unit: z.string(),
  units: z.number(),
  cpu_seconds: z.number(),
  seconds: z.number(),
  /** Bytes of the files that came of it, before and after gzip. */
  bytes: z.number().optional(),
  gzipped_bytes: z.number().optional(),
});
export type Stage = z.infer<typeof stageTaken>;

const requests = z.strictObject({
  work: z.string(),
  /** What is counted, and how many there were. */
  unit: z.string(),
  units: z.number(),
  operations: z.record(z.string(), z.number()),
});
export type Requests = z.infer<typeof requests>;

const stagesResult = circumstances.extend({
  kind: z.literal("stages"),
  figure: z.string(),
  stages: z.array(stageTaken),
  requests: z.array(requests),
  /** Spool files with bodies that repeat. */
  spool: z.strictObject({ captures: z.number(), bytes: z.number() }),
  notes: z.array(z.string()),
});
export type StagesResult = z.infer<typeof stagesResult>;

const result = z.discriminatedUnion("kind", [ratioResult, scaleResult, peersResult, clusterResult, stagesResult]);
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

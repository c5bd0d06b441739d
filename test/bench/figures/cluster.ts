/**
 * The same slices by DuckDB in the process and by a Trino cluster over the same lake in S3, in turn in one run, at
 * several sizes; what the cluster read for each; and the runner's memory while rows stream from the cluster.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Place } from "../bench.ts";
import { spampots } from "../bench.ts";
import {
  copyLake,
  type LakeInBucket,
  type QueryStats,
  readSlice,
  type Services,
  type SliceName,
  s3Environment,
  sliceCall,
  startServices,
  statsOf,
  trinoEnvironment,
  type Way,
} from "../cluster.ts";
import { bytesOf, emptied, filesIn, warm } from "../data.ts";
import { compactedSite, weekSite } from "../lakes.ts";
import { wholeProcess } from "../process.ts";
import {
  type ClusterResult,
  type LakeTaken,
  readResults,
  resultsFolder,
  type Side,
  type SliceTaken,
  type WayName,
  withEarlierSizes,
} from "../results.ts";

/**
 * Every grain for the economy that most captures concern, since a cluster is there for these; and one for an economy
 * that hardly any do, where little should be read.
 */
const slices: readonly SliceName[] = [
  { partner: "twcert-cc", feed: "spam-sources" },
  { partner: "twcert-cc", feed: "spam-targets" },
  { partner: "twcert-cc", feed: "spam-urls" },
  { partner: "twcert-cc", feed: "spam-events" },
  { partner: "twcert-cc", feed: "summary" },
  { partner: "certuy", feed: "spam-sources" },
];

/** Of compacted files it is looked how much is read: by one that has most rows, and by one that hardly has any. */
const oneFeed = slices.filter(({ feed }) => feed === "spam-sources");

/** A look at whether everything runs. */
const quickSlices = slices.filter(({ feed }) => feed === "spam-sources" || feed === "spam-events");

/** Share of the week of the small lake, by which memory is compared and the cluster is warmed. */
const tenth = 0.1;

interface Sized {
  readonly times: number;
  readonly captures: number;
  readonly place: Place;
  /** Is each day one file? Otherwise one for each sensor and day, as ingested. */
  readonly compacted: boolean;
}

/** Runs all sizes, smallest first, and gives what there is to `keep` after each: the largest takes hours. */
export async function cluster(bench: Bench, keep: (soFar: ClusterResult) => void): Promise<ClusterResult> {
  const sized: Sized[] = [];
  for (const times of bench.quick ? bench.times : [tenth, ...bench.times]) {
    const captures = Math.round(bench.captures * times);
    const place = await weekSite(bench, captures);
    sized.push({ times, captures, place, compacted: false });
    if (times === 1) {
      const compacted = await compactedSite(bench, place, captures);
      sized.push({ times, captures, place: compacted.place, compacted: true });
    }
  }
  const lakeBytes = sized.map(({ place }) => bytesOf(filesIn(join(place.data, "lake"))));
  const services = await startServices(
    bench,
    lakeBytes.reduce((sum, bytes) => sum + bytes, 0),
  );
  const [lakes, taken, memory]: [LakeTaken[], SliceTaken[], ClusterResult["memory"]] = [[], [], []];
  const circumstances = await bench.circumstances();
  const measured = { date: circumstances.date, version: circumstances.versions["spampots-feeds"] ?? "unknown" };
  const before = bench.quick ? undefined : readResults(resultsFolder).find((result) => result.kind === "cluster");
  const ownSizes = (): ClusterResult => ({
    kind: "cluster",
    figure: "cluster",
    ...circumstances,
    heap_mb: bench.heapMb,
    lakes,
    slices: taken,
    memory,
    notes: [
      "Timed from the choice of files to the last row; nothing is rendered. A warm reading finds the copies that the cold one before it fetched, in the same process.",
      "The cluster answered every slice over a tenth of the week before.",
      "Captures have no bodies and so no URLs: `spam-urls` shows what it takes to find that out.",
      "Larger sizes run less often (3x a third as often, 10x once), and without copies, whose cost is in proportion to bytes.",
    ],
  });
  const result = () => withEarlierSizes(ownSizes(), before);
  try {
    for (const size of sized) {
      const { times, captures, compacted } = size;
      const bucket = `week-${String(times).replace(".", "-")}${compacted ? "-compacted" : ""}`;
      const lake = await copyLake(services, size.place, bucket);
      lakes.push({ ...measured, times, captures, compacted, ...lake.taken });
      const turns = times < 1 ? 1 : Math.max(1, Math.round(bench.runs / times));
      for (const slice of compacted ? oneFeed : bench.quick ? quickSlices : slices)
        taken.push(await inTurn({ bench, services, lake, slice, size }, turns));
      if (times <= 1 && !compacted) memory.push(await publishedEvents({ bench, services, lake, size }));
      keep(result());
    }
  } finally {
    await services.stop();
    for (const { place, compacted } of sized) if (compacted) rmSync(place.data, { recursive: true, force: true });
  }
  return result();
}

interface Asked {
  readonly bench: Bench;
  readonly services: Services;
  readonly lake: LakeInBucket;
  readonly size: Sized;
  readonly slice: SliceName;
}

const allWays: readonly Way[] = ["disk", "copies", "trino"];
/** What copies cost is in proportion to bytes: larger sizes would say nothing new. */
const largeWays: readonly Way[] = ["disk", "trino"];

/** A slice by each way in turn, so often. What fails is noted, and isn't tried again. */
async function inTurn(asked: Asked, turns: number): Promise<SliceTaken> {
  const { bench, slice, size } = asked;
  warm(filesIn(join(size.place.data, "lake"), /\.parquet$/));
  const runs: Partial<Record<WayName, Side>>[] = [];
  const failed = new Map<Way, string>();
  const answers = new Set<string>();
  let rows = 0;
  for (let turn = 1; turn <= turns; turn += 1) {
    const sides: Partial<Record<WayName, Side>> = {};
    for (const way of size.times > 1 ? largeWays : allWays) {
      if (failed.has(way)) continue;
      try {
        const read = await readBy(asked, way, `run-${turn}`);
        Object.assign(sides, read.sides);
        answers.add(read.sha256);
        rows = read.rows;
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        bench.say(`cluster: ${said}`);
        failed.set(way, `${way}: ${/error: "?(\w+)/.exec(said)?.[1] ?? said.split("\n").at(-1)?.slice(0, 200)}`);
      }
    }
    runs.push(sides);
    const texts = Object.entries(sides).map(([way, { seconds }]) => `${way} ${seconds.toFixed(2)} s`);
    bench.say(
      `cluster: ${size.times}x ${size.compacted ? "compacted " : ""}${slice.partner} ${slice.feed}, run ${turn} of ${turns}: ${rows} rows; ${texts.join(", ")}`,
    );
  }
  const { times, compacted } = size;
  return { ...slice, times, compacted, rows, same: answers.size <= 1, runs, failed: [...failed.values()] };
}

/** One reading; of copies two, a cold one and a warm one. */
async function readBy({ bench, services, lake, slice, size }: Asked, way: Way, run: string) {
  const { gateway } = services;
  const tag = [run, size.times, size.compacted, slice.partner, slice.feed].join("-");
  const before = await gateway.counters();
  const { passes, peakMb } = await readSlice(sliceCall(bench, services, size.place, { way, slice, lake, tag }));
  const requests = (await gateway.counters()).requests - before.requests;
  const [first, second] = passes;
  if (first === undefined) throw new Error("a slice was read, but nothing said of it");
  const sideOf = ({ rows: _rows, sha256: _answer, ...taken }: typeof first): Side => ({ ...taken, peak_mb: peakMb });
  const { rows, sha256 } = first;
  const sides: Partial<Record<WayName, Side>> =
    way === "copies"
      ? { cold: sideOf(first), ...(second === undefined ? {} : { warm: sideOf(second) }) }
      : way === "disk"
        ? { disk: sideOf(first) }
        : { trino: { ...sideOf(first), cluster: { ...partOf(await statsOf(services.cluster, tag)), requests } } };
  return { sides, rows, sha256 };
}

/** What all queries of a slice took of the cluster. */
function partOf(stats: readonly QueryStats[]) {
  const sum = (value: (of: QueryStats) => number) => stats.reduce((total, of) => total + value(of), 0);
  return {
    cpu_seconds: sum((of) => of.totalCpuTime),
    read_bytes: sum((of) => of.physicalInputDataSize),
    read_rows: sum((of) => of.physicalInputPositions),
    splits: sum((of) => of.completedDrivers),
    peak_memory_bytes: Math.max(0, ...stats.map((of) => of.peakUserMemoryReservation)),
    spilled_bytes: sum((of) => of.spilledDataSize),
    output_bytes: sum((of) => of.outputDataSize),
  };
}

/** The largest slice published by the program itself, its rows from the cluster, into a store on disk. */
async function publishedEvents({ bench, services, lake, size }: Omit<Asked, "slice">) {
  const store = emptied(bench, "store");
  rmSync(join(size.place.data, "tips"), { recursive: true, force: true });
  const call = spampots(bench, { ...size.place, store }, "publish", "--partner", "twcert-cc", "--feed", "spam-events");
  const env = {
    ...call.env,
    ...s3Environment(services.gateway, services.gateway.endpoint),
    ...trinoEnvironment(services.cluster, lake),
    SPAMPOTS_LAKE: lake.url,
  };
  const taken = await wholeProcess({ ...call, env }, size.captures);
  rmSync(store, { recursive: true, force: true });
  bench.say(`cluster: spam-events of ${size.captures} captures published: peak ${taken.peak_mb.toFixed(0)} MB`);
  return { ...taken, captures: size.captures };
}

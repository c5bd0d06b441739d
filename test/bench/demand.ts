/** Constants that were measured, and what so many captures a day need by them: the arithmetic of docs/scale.md. */
import { median } from "./figure.ts";
import type { Measured } from "./process.ts";
import { middle } from "./report-cluster.ts";
import type { ClusterResult, LakeTaken, RatioResult, Requests, Result, SliceTaken, StagesResult } from "./results.ts";

/** A constant: its letters in formulas, value (NaN where it wasn't measured yet), unit, and where it comes from. */
export interface Constant {
  readonly value: number;
  readonly unit: string;
  readonly what: string;
  readonly from: string;
}

export type ConstantName =
  | "ingest"
  | "bodies"
  | "spool"
  | "compact"
  | "lake"
  | "record"
  | "path"
  | "duckdb"
  | "events"
  | "workers"
  | "read"
  | "rows"
  | "decode"
  | "csv"
  | "gzipped"
  | "artifacts"
  | "publications"
  | "put_batch"
  | "put_publication"
  | "tick";

export type Constants = Readonly<Record<ConstantName, Constant>>;

/** Captures a day, from how many sensors, that seal so many files a day each. */
export interface Demand {
  readonly captures: number;
  readonly sensors: number;
  readonly files: number;
}

/** Ten sensors as in the first phase; then as many as a national network, and ten thousand, that seal hourly. */
export const demands: readonly Demand[] = [
  { captures: 1e6, sensors: 10, files: 1 },
  { captures: 1e8, sensors: 1000, files: 24 },
  { captures: 1e10, sensors: 10_000, files: 24 },
];

/** `SPAMPOTS_RETAIN_LAKE`. */
export const keptDays = 400;

const microseconds = 1e6;

function ratio(results: readonly Result[], figure: string): RatioResult | undefined {
  return results.find((found) => found.kind === "ratio" && found.figure === figure) as RatioResult | undefined; // by its kind
}

/** The median of ours, a unit each. */
function each(found: RatioResult | undefined, value: (taken: Measured) => number): number {
  return found === undefined ? Number.NaN : median(found.runs.map(({ ours }) => value(ours) / ours.units));
}

const requestsEach = (found: Requests | undefined): number =>
  found === undefined
    ? Number.NaN
    : Object.values(found.operations).reduce((sum, count) => sum + count, 0) / found.units;

/** All constants, from the results that there are. */
export function constantsOf(results: readonly Result[]): Constants {
  const cluster = results.find((found): found is ClusterResult => found.kind === "cluster");
  const stages = results.find((found): found is StagesResult => found.kind === "stages");
  const scale = results.find((found) => found.kind === "scale");
  const largest = scale?.points.toSorted((a, b) => b.captures - a.captures)[0];
  const stage = (name: string) => stages?.stages.find((entry) => entry.stage === name);
  const cost = (name: string) => {
    const found = stage(name);
    return found === undefined ? Number.NaN : (microseconds * found.cpu_seconds) / found.units;
  };
  const csv = stage("csv");
  const week = ratio(results, "everything");
  const asked = (work: string) => requestsEach(stages?.requests.find((entry) => entry.work.startsWith(work)));
  const perTick = stages?.requests.find(({ work }) => work.startsWith("tick, of one that ticked"));
  return {
    ingest: {
      value: microseconds * each(ratio(results, "ingest"), (taken) => taken.cpu_seconds),
      unit: "µs of a core, a capture or request",
      what: "ingest, without bodies",
      from: "`ingest`: CPU / (captures and requests)",
    },
    bodies: {
      value: microseconds * each(ratio(results, "ingest-repeat"), (taken) => taken.cpu_seconds),
      unit: "µs of a core, a capture",
      what: "ingest, with bodies that repeat as in the wild",
      from: "`ingest-repeat`: CPU / messages",
    },
    spool: {
      value: stages === undefined ? Number.NaN : stages.spool.bytes / stages.spool.captures,
      unit: "bytes, a capture",
      what: "compressed spool files with such bodies",
      from: "`stages`: bytes / captures",
    },
    compact: {
      value: cost("compact"),
      unit: "µs of a core, a capture",
      what: "`lake compact`",
      from: "`stages`: CPU / captures",
    },
    put_batch: {
      value: asked("ingest"),
      unit: "requests to S3, a batch",
      what: "ingest",
      from: "`stages`: requests / batches",
    },
    ...lakeConstants(cluster),
    duckdb: {
      value: microseconds * each(week, (taken) => taken.cpu_seconds),
      unit: "µs of a core, a capture",
      what: "all slices of all partners, by DuckDB, rendered, signed, put",
      from: "`everything`: CPU / captures",
    },
    events: {
      value: microseconds * each(ratio(results, "spam-events"), (taken) => taken.seconds),
      unit: "µs on two cores, a capture",
      what: "the largest slice, `spam-events` for TW, by DuckDB",
      from: "`spam-events`: seconds / captures",
    },
    ...sliceConstants(cluster),
    csv: {
      value: cost("csv"),
      unit: "µs of a core, a row",
      what: "CSV, digests and gzip together",
      from: "`stages`: CPU / rows",
    },
    gzipped: {
      value: csv?.gzipped_bytes === undefined ? Number.NaN : csv.gzipped_bytes / csv.units,
      unit: "bytes, a row",
      what: "gzipped CSV of `spam-events`",
      from: "`stages`: bytes of the file / rows",
    },
    artifacts: {
      value: largest === undefined ? Number.NaN : largest.artifact_bytes / largest.captures,
      unit: "bytes, a capture",
      what: "artifacts of all partners",
      from: "`scale`: artifacts / captures",
    },
    publications: {
      value: largest === undefined ? Number.NaN : largest.publications / 7,
      ...{
        unit: "a day",
        what: "publications for the project's partners",
        from: "`scale`: publications of a week / 7",
      },
    },
    put_publication: {
      value: asked("publish, of the store"),
      unit: "requests to S3, a publication",
      what: "publish",
      from: "`stages`: requests / publications",
    },
    tick: {
      value: perTick === undefined ? Number.NaN : requestsEach(perTick),
      unit: "requests to S3, a tick",
      what: "a look that finds nothing due, of a runner that ticked before",
      from: "`stages`",
    },
  };
}

/** What a lake of the largest size that ran says. */
function lakeConstants(cluster: ClusterResult | undefined): Pick<Constants, "lake" | "record" | "path"> {
  const lake = cluster?.lakes.filter(({ compacted }) => !compacted).toSorted((a, b) => b.captures - a.captures)[0];
  const of = (value: (found: LakeTaken) => number) => (lake === undefined ? Number.NaN : value(lake));
  return {
    lake: {
      value: of(({ bytes, captures }) => bytes / captures),
      unit: "bytes, a capture",
      what: "Parquet files of the lake",
      from: "`cluster`: bytes / captures",
    },
    record: {
      value: of((found) => (found.object_bytes - found.bytes) / (found.objects - found.files)),
      unit: "bytes, a batch",
      what: "a batch record",
      from: "`cluster`: other objects' bytes / objects",
    },
    path: {
      value: of((found) => found.path_characters),
      unit: "characters, a file",
      what: "a file's name in a query",
      from: "`cluster`",
    },
  };
}

/** What the slices of the largest size that ran say. */
function sliceConstants(cluster: ClusterResult | undefined): Pick<Constants, "workers" | "read" | "rows" | "decode"> {
  const whole = cluster?.slices.filter(({ times, compacted }) => times >= 1 && !compacted) ?? [];
  const answered = whole.filter(({ runs }) => runs.some(({ trino }) => trino !== undefined));
  // Of each slice the largest size that the cluster answered.
  const slices = [...Map.groupBy(answered, ({ partner, feed }) => `${partner} ${feed}`).values()].flatMap(
    (sizes) => sizes.toSorted((a, b) => b.times - a.times)[0] ?? [],
  );
  const capturesOf = ({ times }: SliceTaken) => (cluster?.captures ?? Number.NaN) * times;
  const sum = (value: (slice: SliceTaken) => number) =>
    slices.length === 0 ? Number.NaN : slices.reduce((total, slice) => total + value(slice), 0);
  const events = slices.find(({ feed }) => feed === "spam-events");
  return {
    workers: {
      value: sum(
        (slice) =>
          (microseconds * (middle(slice, "trino", (side) => side.cluster?.cpu_seconds) ?? Number.NaN)) /
          capturesOf(slice),
      ),
      unit: "µs of a core, a capture",
      ...{ what: `Trino's workers, of ${slices.length} slices together`, from: "`cluster`: sum of CPU / captures" },
    },
    read: {
      value: sum(
        (slice) => (middle(slice, "trino", (side) => side.cluster?.read_bytes) ?? Number.NaN) / capturesOf(slice),
      ),
      unit: "bytes, a capture",
      ...{
        what: `read by the cluster, of ${slices.length} slices together`,
        from: "`cluster`: sum of bytes / captures",
      },
    },
    rows: {
      value: events === undefined ? Number.NaN : events.rows / capturesOf(events),
      unit: "rows, a capture",
      what: "rows of `spam-events` for TW",
      from: "`cluster`: rows / captures",
    },
    decode: {
      value:
        events === undefined
          ? Number.NaN
          : (microseconds * (middle(events, "trino", (side) => side.cpu_seconds) ?? Number.NaN)) / events.rows,
      unit: "µs of a core, a row",
      ...{
        what: "the runner's reading of the cluster's pages",
        from: "`cluster`, `spam-events`: CPU of the runner / rows",
      },
    },
  };
}

/** docs/scale.md, made of results alone: constants, what three sizes need by them, and which limit each meets first. */
import {
  type Constant,
  type ConstantName,
  type Constants,
  constantsOf,
  type Demand,
  demands,
  keptDays,
} from "./demand.ts";
import { grouped, markdownTable, number } from "./markdown.ts";
import type { ClusterResult, Result } from "./results.ts";

const daySeconds = 86_400;

/** Cores are to be idle half of the time: so a day that was missed is made up for in one. */
const idle = 2;

/** Names that a listing of S3 gives at a time, and seconds that it is assumed to take; ticks of a day by the default. */
const [pageNames, pageSeconds, ticksADay] = [1000, 0.05, 1440];

/** How many of the newest names every look lists, and how often a day all of them are: `src/lake/names.ts`. */
const [newestNames, wholeADay] = [10_000, 96];

/** A figure that follows from constants: how, and what comes of it. */
interface Figure {
  readonly what: string;
  readonly how: string;
  readonly unit: string;
  value(constants: Values, demand: Demand): number;
}

type Values = Readonly<Record<ConstantName, number>>;

const batches = ({ sensors, files }: Demand) => sensors * files;
/** Pages of all names; and of a look that lists the newest alone. */
const pages = (demand: Demand) => Math.ceil((batches(demand) * keptDays) / pageNames);
const newestPages = (demand: Demand) => Math.min(pages(demand), newestNames / pageNames + 1);
const cores = (microsecondsADay: number) => ((microsecondsADay / 1e6) * idle) / daySeconds;

const figures: readonly Figure[] = [
  {
    what: "Ingesters",
    how: "captures × `bodies` × 2 / 86,400 s",
    unit: "cores",
    value: (c, d) => cores(d.captures * c.bodies),
  },
  {
    what: "Compaction",
    how: "captures × `compact` × 2 / 86,400 s",
    unit: "cores",
    value: (c, d) => cores(d.captures * c.compact),
  },
  {
    what: "Runners, DuckDB answers slices",
    how: "captures × `duckdb` × 2 / 86,400 s",
    unit: "cores",
    value: (c, d) => cores(d.captures * c.duckdb),
  },
  {
    what: "Trino's workers, where it does",
    how: "captures × `workers` × 2 / 86,400 s",
    unit: "cores",
    value: (c, d) => cores(d.captures * c.workers),
  },
  {
    what: "Runners then, for the largest slice",
    how: "captures × `rows` × (`decode` + `csv`) × 2 / 86,400 s",
    unit: "cores",
    value: (c, d) => cores(d.captures * c.rows * (c.decode + c.csv)),
  },
  {
    what: "Processor time of all that, with Trino",
    how: "captures × (`bodies` + `compact` + `workers` + `rows` × (`decode` + `csv`)) / 3,600 s",
    unit: "core hours a day",
    value: (c, d) => (d.captures * (c.bodies + c.compact + c.workers + c.rows * (c.decode + c.csv))) / 3.6e9,
  },
  {
    what: "Spool files, kept by the ingesters",
    how: "captures × `spool` × 90 days (`SPAMPOTS_RETAIN_RAW`)",
    unit: "GB",
    value: (c, d) => (d.captures * c.spool * 90) / 1e9,
  },
  { what: "Lake, put", how: "captures × `lake`", unit: "GB a day", value: (c, d) => (d.captures * c.lake) / 1e9 },
  {
    what: "Lake, kept",
    how: `the same × ${keptDays} days`,
    unit: "GB",
    value: (c, d) => (d.captures * c.lake * keptDays) / 1e9,
  },
  {
    what: "Artifacts, put",
    how: "captures × `artifacts`",
    unit: "GB a day",
    value: (c, d) => (d.captures * c.artifacts) / 1e9,
  },
  {
    what: "Artifacts, kept at most",
    how: `the same × ${keptDays} days`,
    unit: "GB",
    value: (c, d) => (d.captures * c.artifacts * keptDays) / 1e9,
  },
  {
    what: "Read from S3 by the cluster",
    how: "captures × `read`",
    unit: "GB a day",
    value: (c, d) => (d.captures * c.read) / 1e9,
  },
  { what: "Batches", how: "sensors × files", unit: "a day", value: (_, d) => batches(d) },
  {
    what: "Requests of ingest",
    how: "batches × `put_batch`",
    unit: "a day",
    value: (c, d) => batches(d) * c.put_batch,
  },
  {
    what: "Requests of publishing",
    how: "`publications` × `put_publication`",
    unit: "a day",
    value: (c) => c.publications * c.put_publication,
  },
  {
    what: "Requests of compaction each night",
    how: `all batches' listing, + 2 tables × ${keptDays} days' listings, + batches × 3 (a record and two files are read)`,
    unit: "a day",
    value: (_, d) => pages(d) + 2 * keptDays + 3 * batches(d),
  },
  {
    what: "Listing of all batches",
    how: `batches × ${keptDays} / ${grouped(pageNames)}, rounded up`,
    unit: "requests",
    value: (_, d) => pages(d),
  },
  {
    what: "Requests of one runner's ticks",
    how: `${grouped(wholeADay)} × all batches' + ${grouped(ticksADay - wholeADay)} × those of the newest ${grouped(newestNames)}, + ${grouped(ticksADay)} × (\`tick\` − 1)`,
    unit: "a day",
    value: (c, d) => wholeADay * pages(d) + (ticksADay - wholeADay) * newestPages(d) + ticksADay * (c.tick - 1),
  },
];

/** A bound of the design or of a setting: what it is compared with, and what to do where it is met. */
interface Limit {
  readonly what: string;
  readonly how: string;
  readonly most: number;
  readonly unit: string;
  readonly change: string;
  /** Met by a single machine alone: more ingesters, or a cluster, take it away. */
  readonly alone?: true;
  value(constants: Values, demand: Demand): number;
}

const limits: readonly Limit[] = [
  {
    what: "Copies of two weeks, for DuckDB over S3",
    alone: true,
    how: "14 × captures × `lake` (a week's summary reads the week before, too)",
    most: 20,
    unit: "GB",
    change:
      "Raise `SPAMPOTS_LAKE_COPIES` while the runner's disk has room; each slice fetches its files anew otherwise.",
    value: (c, d) => (14 * d.captures * c.lake) / 1e9,
  },
  {
    what: "A week's largest slice by DuckDB on two cores",
    alone: true,
    how: "7 × captures × `events`",
    most: 6,
    unit: "hours",
    change: "Give the runner cores and `SPAMPOTS_THREADS`; then `SPAMPOTS_LAKE` in S3 and `SPAMPOTS_ENGINE=trino`.",
    value: (c, d) => (7 * d.captures * c.events) / 3.6e9,
  },
  {
    what: "Ingest of a day on eight cores",
    alone: true,
    how: "captures × `bodies` / 8",
    most: 12,
    unit: "hours",
    change: "More ingesters on more machines, each with spool folders of its own: they need nothing of each other.",
    value: (c, d) => (d.captures * c.bodies) / 8 / 3.6e9,
  },
  {
    what: "Names of files in the query of a week's summary, before compaction",
    how: "2 tables × 14 days × sensors × files × `path`; twice that where a sensor's batches overlap in time",
    most: 1,
    unit: "million characters",
    change:
      "Have sensors seal once a day rather than hourly, run `spampots lake compact` each night from cron, and raise `query.max-length` of the coordinator (default 1,000,000).",
    value: (c, d) => (2 * 14 * batches(d) * c.path) / 1e6,
  },
  {
    what: "Listing of all batches, each quarter of an hour",
    how: `its requests × ${pageSeconds} s (assumed)`,
    most: 60,
    unit: "seconds",
    change:
      "Have sensors seal once a day rather than hourly. More runners don't help: each lists. Beyond that the design has to change: see below.",
    value: (_, d) => pages(d) * pageSeconds,
  },
  {
    what: "Batch records that a runner holds in memory",
    how: `batches × ${keptDays} × \`record\` (as text; objects take more)`,
    most: 2,
    unit: "GB",
    change: "The same.",
    value: (c, d) => (batches(d) * keptDays * c.record) / 1e9,
  },
  {
    what: "Compaction of a day by one process on two cores",
    how: "captures × `compact` / 2",
    most: 24,
    unit: "hours",
    change: "Cores and `SPAMPOTS_THREADS`; then the day has to be cut into parts that several processes merge.",
    value: (c, d) => (d.captures * c.compact) / 2 / 3.6e9,
  },
  {
    what: "The runner's part in a week's largest slice from a cluster",
    how: "7 × captures × `rows` × `decode`",
    most: 24,
    unit: "hours",
    change:
      "Slices by day or hour instead of by week: each is one query and one reader. A slice is read by one thread.",
    value: (c, d) => (7 * d.captures * c.rows * c.decode) / 3.6e9,
  },
  {
    what: "The largest artifact: gzipped `spam-events` of a week for TW",
    how: "7 × captures × `rows` × `gzipped`",
    most: 5000,
    unit: "GB",
    change: "Slices by day or hour. S3 refuses larger objects; a partner has trouble with far smaller ones.",
    value: (c, d) => (7 * d.captures * c.rows * c.gzipped) / 1e9,
  },
];

const dash = (value: number, text: (value: number) => string) =>
  Number.isFinite(value) ? text(value) : "not measured yet";

/** Three figures that count, with commas. */
const short = (value: number) =>
  value >= 1000
    ? grouped(Number(value.toPrecision(3)))
    : value > 0 && value < 0.01
      ? value.toPrecision(2)
      : number(value);

/** The page of these results. */
export function demandMarkdown(results: readonly Result[]): string {
  const constants = constantsOf(results);
  const values = Object.fromEntries(Object.entries(constants).map(([name, { value }]) => [name, value])) as Values; // of the same names
  return [
    intro,
    sized(results),
    constantTable(constants),
    needTable(values),
    limitTable(values),
    firsts(values),
    beyond,
  ].join("\n");
}

const intro = `# Scale

What a site of 1 M, 100 M and 10 G captures a day needs, computed from constants that were measured on two cores
([performance.md](performance.md)). Made by \`npm run bench -- --write-docs\`: write nothing here by hand. Nothing here of
more than the sizes named below was run: **it is arithmetic**, and proportional where the measured sizes were. Costs are in units; multiply by your prices.
`;

function sized(results: readonly Result[]): string {
  const cluster = results.find((found): found is ClusterResult => found.kind === "cluster");
  if (cluster === undefined)
    return "**The cluster was not measured yet**: what needs its constants says so. `npm run bench -- --only stages,cluster` measures them.\n";
  const captures = Math.max(...cluster.lakes.map((lake) => lake.captures));
  return `The largest week that a cluster really answered slices of: ${grouped(captures)} captures, ${short(captures / 7)} a day.\n`;
}

function constantTable(constants: Constants): string {
  const rows = Object.entries(constants).map(([name, { value, unit, what, from }]: [string, Constant]) => [
    `\`${name}\``,
    dash(value, short),
    unit,
    what,
    from,
  ]);
  return `## Constants\n\n${markdownTable(["name", "value", "unit", "of what", "from the results of"], rows, "lrlll")}`;
}

const head = (first: readonly string[]) => [...first, ...demands.map(({ captures }) => `${grouped(captures)} a day`)];

function needTable(values: Values): string {
  const rows = [
    ["Sensors", "assumed", "", ...demands.map(({ sensors }) => grouped(sensors))],
    ["Files of a sensor", "assumed: sealed daily, or hourly", "a day", ...demands.map(({ files }) => grouped(files))],
    ...figures.map(({ what, how, unit, value }) => [
      what,
      how,
      unit,
      ...demands.map((demand) => dash(value(values, demand), short)),
    ]),
  ];
  const text = `The mix is the simulator's: 73 % from TW, the project's nine partners. Cores are twice what the work takes, so that a day that was missed is made up for in one. \`SPAMPOTS_RETAIN_LAKE\` is ${keptDays} days. Microseconds are divided by 10⁶.`;
  return `## What they need\n\n${text}\n\n${markdownTable(head(["what", "how", "unit"]), rows, "lllrrr")}\nCost drivers are core hours, GB kept, and requests, of which puts and listings cost more than gets nearly everywhere. What the cluster reads is paid for only where it stands outside the region of its bucket.\n`;
}

function limitTable(values: Values): string {
  const rows = limits.map(({ what, how, most, unit, value, change }) => [
    what,
    how,
    `${grouped(most)} ${unit}`,
    ...demands.map((demand) =>
      dash(value(values, demand), (found) => (found > most ? `**${short(found)}**` : short(found))),
    ),
    change,
  ]);
  return `## Limits, and what to change at each\n\nBold: over the limit. A limit that grows with captures is met at (captures a day) × limit / value.\n\n${markdownTable([...head(["limit", "how", "at most"]), "what to change"], rows, "lllrrrl")}`;
}

/** Which limit each size meets first: the one it is furthest beyond, or nearest to. */
function firstOf(values: Values, demand: Demand, among: readonly Limit[]): string {
  const [first] = among
    .map((limit) => ({ limit, share: limit.value(values, demand) / limit.most }))
    .filter(({ share }) => Number.isFinite(share))
    .toSorted((a, b) => b.share - a.share);
  if (first === undefined) return "not measured yet";
  const times = `${short(first.share)}x its limit`;
  return first.share > 1 ? `**${first.limit.what}**, ${times}` : `none (nearest: ${first.limit.what}, ${times})`;
}

function firsts(values: Values): string {
  const shared = limits.filter(({ alone }) => alone === undefined);
  const single = limits.filter(({ alone }) => alone === true);
  const rows = demands.map((demand) => [
    grouped(demand.captures),
    firstOf(values, demand, single),
    firstOf(values, demand, shared),
  ]);
  const names = ["captures a day", "on one machine", "with ingesters, runners and a cluster as needed"];
  return `## The first bottleneck\n\n${markdownTable(names, rows, "rll")}`;
}

const beyond = `## Which setting at which point

- **One machine** (\`SPAMPOTS_ENGINE=duckdb\`, the lake in a folder) while its largest slice is ready in time and its disk holds the lake: give it cores and \`SPAMPOTS_THREADS\` first.
- **Lake in S3, DuckDB** (\`SPAMPOTS_LAKE=s3://…\`) when ingest needs more machines or the disk is full; each runner keeps copies of what it reads, so \`SPAMPOTS_LAKE_COPIES\` is to hold two weeks.
- **Trino** (\`SPAMPOTS_ENGINE=trino\`) when a week no longer fits a runner's disk, or its largest slice takes longer than the feed's lag. Small slices take longer than by DuckDB: each query is planned, and its files are asked for one by one. \`hive.max-split-size\` (64 MB) and \`hive.max-initial-splits\` (200) may stay; files below \`parquet.small-file-threshold\` (3 MB) are read whole, whatever columns a slice needs: compact, or set it to 0B. \`spill-enabled\` lets workers sort more than their memory holds: a slice is sorted as a whole.
- **Compaction each night** from cron as soon as sensors seal hourly, or there are a hundred of them: it shortens the lists of names, and rows of one economy stand together in the files that it makes, so that a small economy's slice skips nearly all of them.
- **\`query.max-length\`** before the names of a week's files reach it. It may be raised to 1,000,000,000, but a list of tens of megabytes is planned slowly.
- **\`SPAMPOTS_RETAIN_LAKE\`** and **\`SPAMPOTS_RETAIN_RAW\`** are a matter of bytes kept. Batch records stay, whatever they say: a site's names grow with its age.

## What doesn't work at 10 G a day

Capturing, ingesting and keeping so much is only a matter of machines: ingesters share nothing, and files are put once. These do not work, however many machines there are:

- **Each runner lists every batch there ever was**, each quarter of an hour (the newest at each tick), and holds every record that it read of the days that feeds retain. With hourly files of ten thousand sensors that is tens of millions of names. Batches would have to be listed by day (\`batches/<day>/…\`), and records of a day whose slices are closed put together into one.
- **Weekly \`spam-events\`** for the economy that most captures are from is one file, one query's total order, and one reader of its pages. It would have to be asked for by the hour, and cut into parts by the hash of the row as STIX is; Trino's spooling protocol would let several threads read.
- **Compaction takes portions of a day one after another** on one machine: several processes would get in each other's way. It would have to be shared by sensor or by hour.
- **A query names its files.** A table of commits (Iceberg), or a column of generations that the slice filters by, would have to take the place of lists of names.

Partners are not a bottleneck: publications, and requests for them, don't grow with captures.
`;

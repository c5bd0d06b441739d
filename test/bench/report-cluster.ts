/** The parts of docs/performance.md on a cluster and on stages: DuckDB beside Trino, what was read, what each step costs. */
import { median } from "./figure.ts";
import { grouped, markdownTable, megabytes, number } from "./markdown.ts";
import type { ClusterResult, LakeTaken, Side, SliceTaken, Stage, StagesResult, WayName } from "./results.ts";

/** The readings of a way. */
export const sidesOf = ({ runs }: SliceTaken, way: WayName): readonly Side[] =>
  runs.flatMap((sides) => sides[way] ?? []);

/** The median of a way's readings; undefined where there is none. */
export function middle(slice: SliceTaken, way: WayName, value: (side: Side) => number | undefined): number | undefined {
  const values = sidesOf(slice, way).flatMap((side) => value(side) ?? []);
  return values.length === 0 ? undefined : median(values);
}

/** `12.3 s`, or a dash where nothing was measured. */
const said = (value: number | undefined, unit = "") => (value === undefined ? "–" : `${number(value)}${unit}`);

/** Trino's time over DuckDB's on disk, of neighbouring runs: median, least and greatest. */
function ratioText({ runs }: SliceTaken): string {
  const ratios = runs.flatMap(({ trino, disk }) => (trino && disk ? [trino.seconds / disk.seconds] : []));
  if (ratios.length === 0) return "–";
  return `${number(median(ratios))}x (${number(Math.min(...ratios))}–${number(Math.max(...ratios))})`;
}

const sizeText = ({ times, compacted }: { times: number; compacted: boolean }) =>
  `${times}x${compacted ? ", compacted" : ""}`;

const lakeOf = ({ lakes }: ClusterResult, { times, compacted }: SliceTaken): LakeTaken | undefined =>
  lakes.find((lake) => lake.times === times && lake.compacted === compacted);

/** The section of a result. */
export function clusterSection(result: ClusterResult): string {
  const largest = Math.max(...result.lakes.map(({ captures }) => captures));
  return [
    "## One machine and a cluster",
    "",
    `The same slices by DuckDB in the process and by Trino, a coordinator and two workers of ${grouped(result.heap_mb)} MB of heap each, in turn in one run and on the same cores. ${result.notes.join(" ")}`,
    `1x is a week of ${grouped(result.captures)} captures. The largest size that really ran: ${grouped(largest)} captures.`,
    ...runsBefore(result),
    "A cluster that shares two cores with all else can't be faster than one process; what counts here is what a core of it does, and what it reads.",
    "",
    timesTable(result),
    failures(result),
    "### What a core does",
    "",
    "Captures of the week for each second of processor time: of DuckDB's process, of Trino's workers; and rows for each second of the process that reads them from the cluster.",
    "",
    coreTable(result),
    "### What the cluster read",
    "",
    "By Trino's own statistics (`physicalInputDataSize`, `physicalInputPositions`, splits), beside the Parquet files of the lake; memory of both workers together (`peakUserMemoryReservation`), and what they spilled to disk.",
    "",
    readTable(result),
    pruning(result),
    "### Memory of the runner",
    "",
    "`spam-events` for TW, published as CSV by `spampots publish` while its rows stream from the cluster; peak of the runner's process.",
    "",
    memoryTable(result),
  ].join("\n");
}

/** A line for each run before this one that some of the sizes are from. */
function runsBefore({ date: newest, lakes }: ClusterResult): string[] {
  const before = lakes.filter(({ date, times }) => date !== newest && times >= 1);
  return [...Map.groupBy(before, ({ date, version }) => `on ${date.slice(0, 10)}, of ${version}`)].map(
    ([run, sizes]) => `${[...new Set(sizes.map(({ times }) => `${times}x`))].join(" and ")}: measured ${run}.`,
  );
}

function timesTable({ slices }: ClusterResult): string {
  const rows = slices
    .filter(({ times }) => times >= 1)
    .map((slice) => [
      `\`${slice.feed}\` ${slice.partner}`,
      sizeText(slice),
      grouped(slice.rows),
      ...(["disk", "cold", "warm", "trino"] as const).map((way) =>
        said(
          middle(slice, way, (side) => side.seconds),
          " s",
        ),
      ),
      ratioText(slice),
      said(
        middle(slice, "trino", (side) => side.cluster?.cpu_seconds),
        " s",
      ),
      slice.same ? "yes" : "**no**",
      String(slice.runs.length),
    ]);
  const head = [
    ...["slice", "size", "rows", "DuckDB, disk", "DuckDB, S3, cold", "warm", "Trino, S3", "Trino / DuckDB on disk"],
    ...["CPU of workers", "same rows", "runs"],
  ];
  return markdownTable(head, rows, "llrrrrrrrlr");
}

function coreTable(result: ClusterResult): string {
  const rate = (units: number, cpu: number | undefined) =>
    cpu === undefined || cpu === 0 || units === 0 ? "–" : grouped(units / cpu);
  const rows = result.slices
    .filter(({ times }) => times >= 1)
    .map((slice) => {
      const captures = lakeOf(result, slice)?.captures ?? 0;
      return [
        `\`${slice.feed}\` ${slice.partner}`,
        sizeText(slice),
        rate(
          captures,
          middle(slice, "disk", (taken) => taken.cpu_seconds),
        ),
        rate(
          captures,
          middle(slice, "trino", (taken) => taken.cluster?.cpu_seconds),
        ),
        rate(
          slice.rows,
          middle(slice, "trino", (taken) => taken.cpu_seconds),
        ),
      ];
    });
  const head = ["slice", "size", "DuckDB, captures", "Trino's workers, captures", "runner, rows from Trino"];
  return markdownTable(head, rows, "llrrr");
}

function failures({ slices }: ClusterResult): string {
  const lines = slices.flatMap((slice) =>
    slice.failed.map((text) => `- \`${slice.feed}\` ${slice.partner}, ${sizeText(slice)}: **failed**: ${text}.`),
  );
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function readTable(result: ClusterResult): string {
  const rows = result.slices.flatMap((slice) => {
    const lake = lakeOf(result, slice);
    const read = middle(slice, "trino", (side) => side.cluster?.read_bytes);
    if (lake === undefined || read === undefined) return [];
    return [
      [
        `\`${slice.feed}\` ${slice.partner}`,
        sizeText(slice),
        megabytes(lake.bytes / 1e6),
        grouped(lake.files),
        `${number(read / 1e6)} MB`,
        `${number((100 * read) / lake.bytes)} %`,
        grouped(middle(slice, "trino", (side) => side.cluster?.read_rows) ?? 0),
        grouped(middle(slice, "trino", (side) => side.cluster?.splits) ?? 0),
        grouped(middle(slice, "trino", (side) => side.cluster?.requests) ?? 0),
        megabytes((middle(slice, "trino", (side) => side.cluster?.peak_memory_bytes) ?? 0) / 1e6),
        megabytes((middle(slice, "trino", (side) => side.cluster?.spilled_bytes) ?? 0) / 1e6),
      ],
    ];
  });
  const head = [
    ...["slice", "size", "lake", "files", "read", "of the lake", "rows read", "splits", "requests"],
    ...["memory", "spilled"],
  ];
  return markdownTable(head, rows, "llrrrrrrrrr");
}

/** The greatest share of a lake's bytes that a week of an economy with few captures may read. */
const mostOfLake = 5;

/** A small economy's week: of the week alone, and of a lake of ten weeks of its size, of which partitions leave one. */
function pruning(result: ClusterResult): string {
  const lines = result.slices.flatMap((slice) => {
    const lake = lakeOf(result, slice);
    const read = middle(slice, "trino", (side) => side.cluster?.read_bytes);
    if (slice.partner !== "certuy" || slice.times < 1 || lake === undefined || read === undefined) return [];
    const share = (100 * read) / lake.bytes;
    const verdict = (percent: number) => `${number(percent)} % (${percent < mostOfLake ? "met" : "**not met**"})`;
    return [
      `- ${sizeText(slice)}: ${number(read / 1e6)} MB / ${number(lake.bytes / 1e6)} MB = ${verdict(share)} of a lake that holds this week alone; of one with ten such weeks, nine of which are other partitions, ${number(share)} % / 10 = ${verdict(share / 10)}.`,
    ];
  });
  if (lines.length === 0) return "";
  return `A UY week is to read under ${mostOfLake} % of the lake's bytes:\n\n${lines.join("\n")}\n`;
}

function memoryTable({ memory }: ClusterResult): string {
  const rows = memory.map((taken) => [
    grouped(taken.captures),
    `${number(taken.seconds)} s`,
    `${number(taken.cpu_seconds)} s`,
    megabytes(taken.peak_mb),
  ]);
  return markdownTable(["captures of the week", "seconds", "CPU of the runner", "peak memory"], rows, "rrrr");
}

/** Units a second of one core. */
export const perCore = ({ units, cpu_seconds: cpu }: Pick<Stage, "units" | "cpu_seconds">) => units / cpu;

/** The section of a result. */
export function stagesSection({ stages, requests, notes }: StagesResult): string {
  const rows = stages.map((stage) => [
    `\`${stage.stage}\``,
    stage.what,
    `${grouped(stage.units)} ${stage.unit}`,
    `${number(stage.cpu_seconds)} s`,
    `${grouped(perCore(stage))} ${stage.unit}`,
  ]);
  const asked = requests.map(({ work, unit, units, operations }) => {
    const total = Object.values(operations).reduce((sum, count) => sum + count, 0);
    const parts = Object.entries(operations).map(([name, count]) => `${name} ${number(count / units)}`);
    return [work, `${grouped(units)} ${unit}`, number(total / units), parts.join(", ")];
  });
  return [
    "## Stages, and requests to S3",
    "",
    notes.join(" "),
    "",
    markdownTable(["stage", "does", "measured", "CPU", "a second and core"], rows, "llrrr"),
    markdownTable(["work", "measured", "requests each", "of which, each"], asked, "lrrl"),
  ].join("\n");
}

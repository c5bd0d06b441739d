/** docs/performance.md, made of results alone: the same results give the same page. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../source-files.ts";
import { weekCaptures } from "./bench.ts";
import { figures } from "./catalog.ts";
import { median } from "./figure.ts";
import { grouped, markdownTable, megabytes, number } from "./markdown.ts";
import { clusterSection, stagesSection } from "./report-cluster.ts";
import { demandMarkdown } from "./report-demand.ts";
import { scaleSection } from "./report-scale.ts";
import {
  type Bound,
  type Circumstances,
  type PeersResult,
  type RatioResult,
  type Result,
  readResults,
  resultsFolder,
} from "./results.ts";

const heading = `# Performance

Made by \`npm run bench\` from the results that it keeps in \`results/\` below [test/bench](../test/bench): write nothing here by hand.

Every figure is a ratio to a reference that ran in the same run, ours and reference in turn, since machines are noisy:
measured is the median of the ratios of neighbouring runs, with the least and the greatest. Data are simulated, with the mix
of the first SpamPots phase. Files of both sides are in the page cache before the first run.
`;

const howToRun = `## How to run it

On Linux with Node 24, Python 3 (its packages come from PyPI), openssl and gzip; nothing else should run on the machine.

\`\`\`sh
npm run bench                                 # every figure, at the usual sizes
npm run bench -- --only ingest,stix --runs 9  # some figures, more runs
npm run bench -- --captures 1000000           # a smaller week
npm run bench -- --only scale --base 7879900  # 1x, 3x and 10x a week of the first phase
npm run bench -- --only stages,cluster        # a cluster of its own, which needs Ceph, Maven and Java 24 (.ci/run)
npm run bench -- --only cluster --times 1,3   # the cluster at these multiples of the week
npm run bench -- --quick                      # small data: does everything run? Keeps no result
npm run bench:peers                           # the other programs
\`\`\`

Data are kept in \`data/bench\`, or where \`BENCH_DATA\` says, for the next run. Wall time is that of whole processes
unless a figure says otherwise; processor time and peak memory (of the largest process) are what the kernel counted.
`;

/** The page of these results. */
export function performanceMarkdown(results: readonly Result[]): string {
  const ratios = results.filter((found) => found.kind === "ratio");
  const scales = results.filter((found) => found.kind === "scale");
  const peers = results.filter((found) => found.kind === "peers");
  return [
    heading,
    table(ratios),
    unmetText(ratios),
    sizeText(ratios),
    takenSection(ratios),
    ...scales.map(scaleSection),
    ...results.flatMap((found) => (found.kind === "cluster" ? [clusterSection(found)] : [])),
    ...results.flatMap((found) => (found.kind === "stages" ? [stagesSection(found)] : [])),
    ...peers.map(peersSection),
    whereSection(results),
    whatSection(ratios),
    howToRun,
  ].join("\n");
}

/** Writes the pages of the results in the repository. */
export function writeDocs(): void {
  const results = readResults(resultsFolder);
  writeFileSync(join(projectRoot, "docs/performance.md"), performanceMarkdown(results));
  writeFileSync(join(projectRoot, "docs/scale.md"), demandMarkdown(results));
}

function boundText(bound: Bound): string {
  if (bound.kind === "rate") {
    return `≥ ${bound.least}x its rate${bound.aim === undefined ? "" : `; ${bound.aim}x is the aim`}`;
  }
  if (bound.kind === "cpu") return `< ${bound.most} s of CPU, no artifact rendered`;
  return `≤ ${bound.most}x its time${bound.memory === undefined ? "" : `, at ≤ ${bound.memory}x its memory`}`;
}

function measuredText({ bound, median: middle, least, most, memory_ratio: memory }: RatioResult): string {
  const unit = bound.kind === "cpu" ? " s" : "x";
  const text = `${number(middle)}${unit} (${number(least)}–${number(most)})`;
  return bound.kind === "time" && bound.memory !== undefined
    ? `${text}, ${number(memory ?? Number.NaN)}x its memory`
    : text;
}

/** The table of all figures, measured or not. */
function table(results: readonly RatioResult[]): string {
  const rows = figures.map((figure) => {
    const found = results.find((entry) => entry.figure === figure.id);
    const told = [figure.work, figure.reference, boundText(found?.bound ?? figure.bound)];
    if (found === undefined) return [...told, "not measured yet", "–"];
    return [...told, measuredText(found), found.met ? "yes" : "**no**"];
  });
  return markdownTable(["work", "reference", "at least", "measured, median (least–greatest)", "met"], rows, "lllll");
}

/** Where something isn't met: who has read why. */
function unmetText(results: readonly RatioResult[]): string {
  if (results.every(({ met }) => met)) return "";
  return "What isn't met, and why: [0026](decisions/0026-two-figures-below-what-was-asked.md).\n";
}

/** Says plainly where a figure was measured on less than a week of the first phase. */
function sizeText(results: readonly RatioResult[]): string {
  const smaller = inOrder(results).filter(({ captures }) => captures < weekCaptures);
  if (smaller.length === 0)
    return `The simulated week has ${grouped(weekCaptures)} captures, as one of the first phase had.\n`;
  const items = smaller.map(({ figure, captures }) => `\`${figure}\` (${grouped(captures)})`);
  return `A week of the first phase had ${grouped(weekCaptures)} captures. **Measured on smaller weeks**: ${items.join(", ")}.\n`;
}

const inOrder = (results: readonly RatioResult[]) =>
  figures.flatMap(({ id }) => results.find((entry) => entry.figure === id) ?? []);

/** Seconds, rates and memory behind the ratios. */
function takenSection(results: readonly RatioResult[]): string {
  const rows = inOrder(results).map(({ figure, runs, unit }) => {
    const middle = (side: "ours" | "reference", value: "seconds" | "cpu_seconds" | "peak_mb" | "units") => {
      const values = runs.flatMap((pair) => pair[side]?.[value] ?? []);
      return values.length === 0 ? undefined : median(values);
    };
    const cell = (value: number | undefined, text: (value: number) => string) =>
      value === undefined ? "–" : text(value);
    const rate = (middle("ours", "units") ?? 0) / (middle("ours", "seconds") ?? 1);
    return [
      `\`${figure}\``,
      cell(middle("ours", "seconds"), number),
      cell(middle("reference", "seconds"), number),
      cell(middle("ours", "cpu_seconds"), number),
      `${grouped(rate)} ${unit}`,
      cell(middle("ours", "peak_mb"), megabytes),
      cell(middle("reference", "peak_mb"), megabytes),
      String(runs.length),
    ];
  });
  const head = ["figure", "seconds", "reference", "CPU seconds", "a second", "peak memory", "reference", "runs"];
  return `## Time and memory behind the ratios\n\nMedians, in the order of the table above.\n\n${markdownTable(head, rows, "lrrrrrrr")}`;
}

function peersSection({ rows, peers, notes }: PeersResult): string {
  const lines = peers.map((peer) => [
    peer.name,
    peer.does,
    peer.settings,
    grouped(peer.rows_per_second),
    megabytes(median(peer.runs.map((taken) => taken.peak_mb))),
  ]);
  const intro = `Other programs on the same rows: ${rows}. Each does work of its own kind, so this says what a machine carries with each, not that one is better. ${notes.join(" ")}`;
  return `## Peers\n\n${intro}\n\n${markdownTable(["program", "does", "settings", "rows a second", "peak memory"], lines, "lllrr")}`;
}

/** Machines and versions; results of one of each stand together. */
function whereSection(results: readonly Result[]): string {
  const groups = Map.groupBy(results, ({ machine, versions, threads }) => JSON.stringify([machine, versions, threads]));
  const items = [...groups.values()].map((group) => circumstancesText(group[0], group));
  return `## Where and with what\n\n${items.join("\n")}\n`;
}

function circumstancesText(first: Circumstances | undefined, group: readonly Result[]): string {
  if (first === undefined) return "";
  const { machine, versions, threads } = first;
  const days = [...new Set(group.map(({ date }) => date.slice(0, 10)))].sort().join(", ");
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `- ${group.map(({ figure }) => `\`${figure}\``).join(", ")}: ${days}; ${machine.cores} cores of ${machine.cpu}, ${machine.memory_gb} GB, ${machine.kernel}, ${machine.disk};`,
    `  ${threads} threads for ours and for DuckDB; ${programs.join(", ")}.`,
  ].join("\n");
}

/** Sizes, command lines and remarks of each figure. */
function whatSection(results: readonly RatioResult[]): string {
  const items = inOrder(results).map(({ figure, size, commands, notes }) =>
    [
      `- **${figure}**: ${size}.`,
      `  Ours: \`${commands.ours}\`${commands.reference === undefined ? "" : `; reference: \`${commands.reference}\``}.`,
      ...notes.map((note) => `  ${note}`),
    ].join("\n"),
  );
  return `## What was run\n\n${items.join("\n")}\n`;
}

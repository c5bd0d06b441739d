/**
 * `npm run bench:peers`: other programs that do a part of what this one does, on the same rows: the first rows of
 * spam-sources for TW. Each does its own work in its own way, so this says how much a machine carries with each, and
 * not that one is better than another.
 *
 * Options as `npm run bench` has them: `--runs`, `--captures`, `--quick`; and `--rows <n>`.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Bench, openBench, quickSizes, usualSizes } from "./bench.ts";
import { emptied, filesIn } from "./data.ts";
import { median } from "./figure.ts";
import { building, rendering, stixPlace } from "./figures/stix.ts";
import { firstLine, versions } from "./machine.ts";
import { type Call, type Measured, ownTime, run } from "./process.ts";
import { pythonWith } from "./python.ts";
import { writeDocs } from "./report.ts";
import { type Peer, type PeersResult, resultsFolder, writeResult } from "./results.ts";

/** A program, and how its run is called and counted. */
interface Candidate extends Pick<Peer, "name" | "does" | "settings"> {
  call(): Call;
  /** Rows that a run went over, where it doesn't count rows itself. */
  readonly rows?: number;
}

const program = (name: string) => join(import.meta.dirname, "references", name);

/** Everybody who takes part, with the rows in place. */
async function candidates(bench: Bench, python: string): Promise<{ all: Candidate[]; rows: number }> {
  const place = await stixPlace(bench);
  const ours = (format: "csv" | "stix", folder: string) =>
    rendering(place, emptied(bench, folder), { format, unit: "rows", rows: bench.peerRows });
  const folder = join(bench.root, "run_peer-rows");
  const { units: rows } = await ownTime(ours("csv", "peer-rows"));
  await run(ours("stix", "peer-parts"));
  const [csv = ""] = filesIn(folder, /\.csv\.gz$/);
  const parts = filesIn(join(bench.root, "run_peer-parts"), /\.stix\.json\.gz$/);
  const version = (name: string) =>
    firstLine(python, ["-c", `import importlib.metadata as m; print(m.version('${name}'))`]);
  const all: Candidate[] = [
    {
      name: "spampots-feeds, CSV",
      does: "rows in memory to a gzipped CSV with digests, flushed to disk",
      settings: "as published",
      call: () => ours("csv", "peer-csv"),
    },
    {
      name: "spampots-feeds, STIX",
      does: "rows in memory to gzipped STIX 2.1 parts with digests, flushed to disk",
      settings: "as published",
      call: () => ours("stix", "peer-stix"),
    },
    {
      name: `IntelMQ ${version("intelmq")}`,
      does: "generic CSV parser bot, each row an event, and file output bot, each event a line of JSON",
      settings:
        "library mode in one process: no broker, nothing serialised between the bots; time_format from_format; log level WARNING",
      call: () => ({
        program: python,
        args: [program("peer_intelmq.py"), csv, join(emptied(bench, "peer-intelmq"), "events.txt")],
      }),
    },
    {
      name: `PyMISP ${version("pymisp")}`,
      does: "one event with an ip-port object of nine attributes for each row; to_feed; event, manifest and hashes as files",
      settings: "defaults; templates read before",
      call: () => ({ program: python, args: [program("peer_pymisp.py"), csv, emptied(bench, "peer-pymisp")] }),
    },
    {
      name: `python-stix2 ${version("stix2")}`,
      does: "builds and serialises the objects that our STIX holds for these rows; no bundle, no file",
      settings: "allow_custom, no pretty printing",
      call: () => building(python, parts),
      rows,
    },
  ];
  return { all, rows };
}

/** Runs everybody in turn. */
export async function comparePeers(bench: Bench): Promise<PeersResult> {
  const python = await pythonWith("peers", join(bench.root, "peers"), bench.say);
  const { all, rows } = await candidates(bench, python);
  const runs = new Map<string, Measured[]>(all.map(({ name }) => [name, []]));
  for (let turn = 1; turn <= bench.runs; turn += 1) {
    for (const { name, call, rows: gone } of all) {
      const taken = await ownTime(call());
      const measured = { ...taken, units: gone ?? taken.units };
      if (measured.units !== rows) throw new Error(`${name} went over ${measured.units} rows of ${rows}`);
      runs.get(name)?.push(measured);
      bench.say(`${name}: run ${turn} of ${bench.runs}: ${(rows / measured.seconds).toFixed(0)} rows/s`);
    }
  }
  const peers = all.map(({ name, does, settings }): Peer => {
    const taken = runs.get(name) ?? [];
    return { name, does, settings, runs: taken, rows_per_second: median(taken.map(({ seconds }) => rows / seconds)) };
  });
  return {
    kind: "peers",
    figure: "peers",
    ...(await bench.circumstances()),
    versions: versions(python),
    rows: `the first ${rows.toLocaleString("en")} rows of spam-sources for TW, of a week of ${bench.captures.toLocaleString("en")} captures`,
    peers,
    notes: ["Nobody's start is timed, nor reading the rows into memory. Memory is that of the whole process."],
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      runs: { type: "string" },
      captures: { type: "string" },
      rows: { type: "string" },
      quick: { type: "boolean" },
    },
  });
  const sizes = values.quick ? quickSizes : usualSizes;
  const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
  const bench = openBench(
    {
      ...sizes,
      runs: Number(values.runs ?? sizes.runs),
      captures: Number(values.captures ?? sizes.captures),
      peerRows: Number(values.rows ?? sizes.peerRows),
    },
    values.quick === true,
    say,
  );
  const found = await comparePeers(bench);
  writeResult(bench.quick ? join(bench.root, "quick-results") : resultsFolder, found);
  if (!bench.quick) writeDocs();
}

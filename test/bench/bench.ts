/** What every figure is given: sizes, scratch folder, and how to call the program. */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { projectRoot } from "../source-files.ts";
import { machine, versions } from "./machine.ts";
import { bareEnvironment, type Call } from "./process.ts";
import { pythonWith } from "./python.ts";
import type { Circumstances } from "./results.ts";

/** How large things are, and how often they are run. */
export interface Sizes {
  /** Captures of the simulated week, without bodies. */
  readonly captures: number;
  /** Captures with bodies that repeat, and with bodies that are all distinct. */
  readonly repeatedBodies: number;
  readonly distinctBodies: number;
  /** Captures of the smallest size of `scale`. */
  readonly base: number;
  /** Rows that peers are given. */
  readonly peerRows: number;
  /** Heap of each process of a Trino cluster, megabytes. */
  readonly heapMb: number;
  /** How many times the week's captures a cluster is given. */
  readonly times: readonly number[];
  readonly runs: number;
}

export interface Bench extends Sizes {
  /** Small data, for a look at whether everything runs: no result of it is kept. */
  readonly quick: boolean;
  /** Scratch folder, git-ignored: data that figures share, and what runs leave behind until the next. */
  readonly root: string;
  /** Threads of ours and of DuckDB. */
  readonly threads: number;
  say(text: string): void;
  circumstances(): Promise<Circumstances>;
  /** An interpreter that has python-stix2. */
  python(): Promise<string>;
}

/** A week of the first phase: 524,585,779 captures in 466 days. */
export const weekCaptures = 7_879_900;

/** What a run of everything on two cores in under 45 minutes uses. */
export const usualSizes: Sizes = {
  captures: weekCaptures,
  repeatedBodies: 100_000,
  distinctBodies: 30_000,
  base: 500_000,
  peerRows: 20_000,
  heapMb: 4000,
  times: [1, 3, 10],
  runs: 5,
};

/** Enough for every figure to have something to do. */
export const quickSizes: Sizes = {
  captures: 20_000,
  repeatedBodies: 2_000,
  distinctBodies: 1_000,
  base: 2_000,
  peerRows: 500,
  heapMb: 1024,
  times: [1],
  runs: 1,
};

/** The scratch folder: `BENCH_DATA`, or `data/bench`. */
export const benchRoot = (): string => resolve(process.env.BENCH_DATA ?? join(projectRoot, "data", "bench"));

/** Opens a bench. */
export function openBench(sizes: Sizes, quick: boolean, say: (text: string) => void): Bench {
  const root = benchRoot();
  mkdirSync(root, { recursive: true });
  const threads = 2;
  const python = () => pythonWith("stix2", join(root, "stix2"), say);
  const circumstances = async (): Promise<Circumstances> => ({
    date: new Date().toISOString().slice(0, 19).concat("Z"),
    quick,
    captures: sizes.captures,
    machine: machine(root),
    versions: versions(await python()),
    threads,
  });
  return { ...sizes, quick, root, threads, say, circumstances, python };
}

/** Monday of 2026-W46, its first and last day's midnight, and an instant at which its week is due. */
export const week = { id: "2026-W46", firstDay: "2026-11-09", days: 7, now: "2026-11-16T12:00:00Z" } as const;

/** Where the program works: its data folder, who may receive what, and where publications go. */
export interface Place {
  readonly data: string;
  readonly sensors: string;
  /** Folder of partners.yaml and feeds/; the project's own where absent. */
  readonly config?: string;
  readonly store?: string;
}

/** A call of the command line as an operator would make it. */
export function spampots(bench: Pick<Bench, "threads">, place: Place, ...args: readonly string[]): Call {
  return {
    program: process.execPath,
    args: [join(projectRoot, "bin/spampots.js"), "--now", week.now, ...args],
    env: {
      ...bareEnvironment,
      SPAMPOTS_DATA: place.data,
      SPAMPOTS_SENSORS: place.sensors,
      SPAMPOTS_CONFIG: place.config ?? projectRoot,
      SPAMPOTS_STORE: place.store ?? join(place.data, "store"),
      SPAMPOTS_THREADS: String(bench.threads),
      SPAMPOTS_LOG: "error",
    },
  };
}

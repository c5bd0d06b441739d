/**
 * A figure of the bench: a piece of our work beside a reference, both run in turn in the same run, since machines are
 * noisy. What it comes to is the median of the ratios of neighbouring runs.
 */
import type { Bench } from "./bench.ts";
import type { Measured } from "./process.ts";
import type { Bound, Pair, RatioResult } from "./results.ts";

/** A figure with its data in place. */
export interface Prepared {
  /** What is worked on, for people: `7,879,900 captures in 70 files`. */
  readonly size: string;
  /** What {@link Measured.units} counts. */
  readonly unit: string;
  /** Command lines of both sides, for people. */
  readonly commands: { readonly ours: string; readonly reference?: string };
  readonly ours: () => Promise<Measured>;
  readonly reference?: () => Promise<Measured>;
  /** What a reader must know to judge the figure. */
  readonly notes: readonly string[];
  /** Ends what was started for the runs. */
  readonly end?: () => Promise<void>;
}

export interface Figure {
  readonly id: string;
  /** The row of the table: our work, and the reference. */
  readonly work: string;
  readonly reference: string;
  readonly bound: Bound;
  prepare(bench: Bench): Promise<Prepared>;
}

const rate = ({ units, seconds }: Measured) => units / seconds;

/** What a pair of runs comes to, by the figure's bound. */
export function ratioOf(bound: Bound, ours: Measured, reference: Measured | undefined): number {
  if (bound.kind === "cpu" || reference === undefined) return ours.cpu_seconds;
  return bound.kind === "rate" ? rate(ours) / rate(reference) : ours.seconds / reference.seconds;
}

/** Middle of the values; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? Number.NaN)) / 2;
}

/** Runs a figure's sides in turn, `runs` times each. */
export async function runFigure(figure: Figure, bench: Bench): Promise<RatioResult> {
  const { bound } = figure;
  bench.say(`${figure.id}: preparing`);
  const prepared = await figure.prepare(bench);
  const pairs: Pair[] = [];
  for (let turn = 1; turn <= bench.runs; turn += 1) {
    const ours = await prepared.ours();
    const reference = await prepared.reference?.();
    const ratio = ratioOf(bound, ours, reference);
    pairs.push({ ours, ...(reference === undefined ? {} : { reference }), ratio });
    bench.say(`${figure.id}: run ${turn} of ${bench.runs}: ${described(ours, reference)} -> ${ratio.toFixed(2)}`);
  }
  await prepared.end?.();
  const ratios = pairs.map((pair) => pair.ratio);
  const memory = median(pairs.map(({ ours, reference }) => ours.peak_mb / (reference?.peak_mb ?? Number.NaN)));
  return {
    kind: "ratio",
    figure: figure.id,
    work: figure.work,
    reference: figure.reference,
    bound,
    ...(await bench.circumstances()),
    size: prepared.size,
    unit: prepared.unit,
    commands: prepared.commands,
    runs: pairs,
    median: median(ratios),
    least: Math.min(...ratios),
    most: Math.max(...ratios),
    ...(Number.isNaN(memory) ? {} : { memory_ratio: memory }),
    met: isMet(bound, median(ratios), memory),
    notes: [...prepared.notes],
  };
}

/** Does the median reach the bound, and memory too where there is a bound on it? */
export function isMet(bound: Bound, middle: number, memory: number): boolean {
  if (bound.kind === "rate") return middle >= bound.least;
  return middle <= bound.most && !(bound.kind === "time" && bound.memory !== undefined && memory > bound.memory);
}

function described(ours: Measured, reference: Measured | undefined): string {
  const side = ({ seconds, peak_mb: peak }: Measured) => `${seconds.toFixed(2)} s, ${peak.toFixed(0)} MB`;
  return `ours ${side(ours)}${reference === undefined ? "" : `; reference ${side(reference)}`}`;
}

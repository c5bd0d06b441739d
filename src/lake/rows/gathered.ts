/**
 * What the blocks of one spool file come to together, gathered while they come back from the threads in any order. Part
 * of `../../ingest.ts`, which makes the batch record of it.
 */
import type { BlockResult } from "./block-rows.ts";
import { Quarantine } from "./quarantine.ts";

/** Of a file, so far; see {@link BlockResult}. */
export interface Gathered {
  readonly days: Set<string>;
  readonly ids: Float64Array[];
  readonly counts: Record<string, number>;
  readonly quarantine: Quarantine;
  readonly hours: Set<number>;
  readonly captureHours: Set<number>;
  readonly requestHours: Set<number>;
  readonly concerns: Map<string, Set<number>>;
  first: number;
  last: number;
}

/** Before the first block. */
export const nothingGathered = (): Gathered => ({
  days: new Set(),
  ids: [],
  counts: {},
  quarantine: new Quarantine(),
  hours: new Set(),
  captureHours: new Set(),
  requestHours: new Set(),
  concerns: new Map(),
  first: Number.POSITIVE_INFINITY,
  last: Number.NEGATIVE_INFINITY,
});

/** Adds what a block came to. */
export function gather(all: Gathered, result: BlockResult): void {
  for (const key of result.rows.keys()) all.days.add(key);
  all.ids.push(result.ids);
  for (const [name, count] of Object.entries(result.counts)) all.counts[name] = (all.counts[name] ?? 0) + count;
  all.quarantine.merge(result.quarantine);
  for (const hour of result.hours) all.hours.add(hour);
  for (const hour of result.captureHours) all.captureHours.add(hour);
  for (const hour of result.requestHours) all.requestHours.add(hour);
  for (const [key, hours] of result.concerns) {
    const known = all.concerns.get(key) ?? new Set<number>();
    for (const hour of hours) known.add(hour);
    all.concerns.set(key, known);
  }
  all.first = Math.min(all.first, result.first);
  all.last = Math.max(all.last, result.last);
}

/** True where a number stands twice: the same capture id, or, hardly ever, two of one number. */
export function holdsRepeats(ids: readonly Float64Array[]): boolean {
  const all = new Float64Array(ids.reduce((sum, { length }) => sum + length, 0));
  let length = 0;
  for (const some of ids) {
    all.set(some, length);
    length += some.length;
  }
  all.sort();
  return all.some((id, place) => id === all[place - 1]);
}

/** Coverage: whether sensors were there to see anything. Pure. */
import { hourMs } from "../model.ts";
import { type BatchRecord, hoursWithin, touches } from "./records.ts";

/**
 * Sensor hours expected and seen in [from, to). Expected is every sensor that reported in it or in as long a time
 * before, so that one that fell silent shows.
 */
export function coverageOf(
  batches: readonly BatchRecord[],
  from: number,
  to: number,
): { readonly expected: number; readonly seen: number } {
  const sensors = new Map<string, Set<number>>();
  for (const record of batches) {
    if (!touches(record.hours, from - (to - from), to)) continue;
    const seen = sensors.get(record.sensor) ?? new Set<number>();
    for (const hour of hoursWithin(record.hours, from, to)) seen.add(hour);
    sensors.set(record.sensor, seen);
  }
  const hours = Math.ceil((to - from) / hourMs);
  return { expected: sensors.size * hours, seen: [...sensors.values()].reduce((sum, seen) => sum + seen.size, 0) };
}

/**
 * Whether two periods can be compared as they are: equally long parts covered by the MoU, about as many sensor hours. Where
 * they can't, a smaller count may mean fewer sensors rather than less spam. Pure.
 */
import type { Summary } from "../../../publication/summary.ts";
import { number, percentOf, share } from "./words.ts";

/** Sensor hours of two periods that differ by no more than this part count as equal. */
const tolerance = 0.05;

/** Below this percentage of sensor hours, a period is said to be seen in part. */
export const goodCoverage = 95;

const hours = ({ from, to }: { readonly from: string; readonly to: string }) =>
  (Date.parse(to) - Date.parse(from)) / 3_600_000;

/** Percentage of sensor hours for which something arrived. */
export const coveragePercent = ({ coverage }: Summary): number =>
  percentOf(coverage.sensor_hours_seen, coverage.sensor_hours_expected);

/** True where the MoU covered the whole period. */
export const coversWhole = ({ covers, period }: Summary): boolean =>
  covers.from === period.start && covers.to === period.end;

/** What is against comparing a summary's period with the one before it, as sentences; none where nothing is. */
export function obstacles(summary: Summary): string[] {
  const { before, coverage, covers, period } = summary;
  if (before === null) return ["Your MoU did not cover the period before: there is nothing to compare with."];
  const seen = coverage.sensor_hours_seen;
  const seenBefore = coverage.sensor_hours_seen_before;
  const found: string[] = [];
  if (hours(covers) !== hours(before)) {
    found.push(
      `Your MoU covers ${number(hours(covers))} hours of ${period.id} and ${number(hours(before))} of ${before.id}.`,
    );
  }
  if (seenBefore === 0) found.push(`No sensor reported in ${before.id}: nothing was seen then, whatever there was.`);
  else if (seen === 0) found.push(`No sensor reported in ${period.id}: nothing was seen, whatever there was.`);
  else if (Math.abs(seen / seenBefore - 1) > tolerance) found.push(sensorHours(summary));
  return found;
}

function sensorHours({ before, coverage, period }: Summary): string {
  const now = coverage.sensor_hours_seen;
  const then = coverage.sensor_hours_seen_before;
  const parts = [
    [period.id, now, coverage.sensor_hours_expected],
    [before?.id ?? "before", then, coverage.sensor_hours_expected_before],
  ] as const;
  const told = parts.map(
    ([id, seen, whole]) => `${number(seen)} sensor hours in ${id} (${share(seen, whole)} of those expected)`,
  );
  return `The honeypots saw ${now < then ? "less" : "more"}: ${told.join(", ")}.`;
}

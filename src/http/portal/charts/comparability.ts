/**
 * Whether two periods can be compared as they are: equally long parts covered by the MoU, about as many sensor hours. Where
 * they can't, a smaller count may mean that less was seen rather than that there was less. Pure.
 */
import type { Summary } from "../../../publication/summary.ts";
import { figureTexts } from "../texts/figures.ts";
import { percentOf, share } from "./words.ts";

/** Sensor hours of two periods that differ by no more than this part count as equal. */
const tolerance = 0.05;

/** Below this percentage of sensor hours, a period was seen in part. */
const goodCoverage = 95;

const hours = ({ from, to }: { readonly from: string; readonly to: string }) =>
  (Date.parse(to) - Date.parse(from)) / 3_600_000;

/** Percentage of sensor hours for which something arrived. */
export const coveragePercent = ({ coverage }: Summary): number =>
  percentOf(coverage.sensor_hours_seen, coverage.sensor_hours_expected);

/** True where the MoU covered the whole period. */
const coversWhole = ({ covers, period }: Summary): boolean => covers.from === period.start && covers.to === period.end;

/** True where the MoU covered the whole period, and the honeypots saw nearly all of it. */
export const seenWhole = (summary: Summary): boolean =>
  coversWhole(summary) && coveragePercent(summary) >= goodCoverage;

/** Messages per sensor hour that was seen: null where that would say nothing, or only part of the period is covered. */
export function capturesPerSensorHour(summary: Summary): number | null {
  const seen = summary.coverage.sensor_hours_seen;
  return seen === 0 || !coversWhole(summary) ? null : summary.totals.captures.now / seen;
}

/** The period before, as far as anything was seen of it; null where its figures say nothing. */
export const seenBefore = ({ before, coverage }: Summary): Summary["before"] =>
  coverage.sensor_hours_seen_before === 0 ? null : before;

/** True where a change of a count is a change of what there was. */
export const comparable = (summary: Summary): boolean => obstacles(summary).length === 0;

/** What is against comparing a summary's period with the one before it, as sentences; none where nothing is. */
export function obstacles({ before, coverage, covers, period }: Summary): string[] {
  if (before === null) return [figureTexts.changes.alone];
  const found: string[] = [];
  if (hours(covers) !== hours(before))
    found.push(figureTexts.changes.covers(hours(covers), period.id, hours(before), before.id));
  const [seen, then] = [coverage.sensor_hours_seen, coverage.sensor_hours_seen_before];
  if (then === 0) found.push(figureTexts.changes.blind(before.id));
  if (seen === 0) found.push(figureTexts.changes.blind(period.id));
  if (seen > 0 && then > 0 && Math.abs(seen / then - 1) > tolerance) {
    const now = figureTexts.changes.hours(seen, period.id, share(seen, coverage.sensor_hours_expected));
    const last = figureTexts.changes.hours(then, before.id, share(then, coverage.sensor_hours_expected_before));
    found.push(seen < then ? figureTexts.changes.sawLess(now, last) : figureTexts.changes.sawMore(now, last));
  }
  return found;
}

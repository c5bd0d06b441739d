/**
 * What an excluded batch means for a log: which of its periods will be revised, and which hold the batch's captures and
 * are past revision. Pure.
 *
 * @see design §3 point 9
 */
import { type LogState, wasPublished } from "../feed/due.ts";
import { inputSet } from "../feed/input-set.ts";
import type { Partner, Subscription } from "../feed/partners.ts";
import { periodAt, periodsBetween } from "../feed/period.ts";
import { inForce, policyOf } from "../feed/policy.ts";
import type { BatchRecord } from "../lake/records.ts";
import { hourMs, type Period } from "../model.ts";

/** One published period that the batch went into. */
export interface Affected {
  readonly period: string;
  /** Earliest instant of the revision, in milliseconds; `undefined` where there will be none. */
  readonly revisedFrom: number | undefined;
}

/** Published periods of a log that the batch concerns, oldest first. */
export function affectedBy(
  record: BatchRecord,
  { partner, subscription, log, now }: { partner: Partner; subscription: Subscription; log: LogState; now: number },
): Affected[] {
  const { feed } = subscription;
  const lake = { batches: [record], excluded: new Set<string>(), earliest: undefined };
  return periodsOf(record, subscription).flatMap((period): Affected[] => {
    const policy = policyOf(partner, subscription, period);
    if (policy === undefined || inputSet(lake, feed, policy, period).batches.length === 0) return [];
    const open = log.open.find((entry) => entry.period === period.id);
    if (open?.state === "withdrawn") return [];
    if (open !== undefined && inForce(partner, now) && now < period.end + feed.reviseFor) {
      return [{ period: period.id, revisedFrom: Math.max(now, Math.ceil(open.publishedAt) + feed.reviseEvery) }];
    }
    const isFinal = open !== undefined || wasPublished(log, period);
    return isFinal ? [{ period: period.id, revisedFrom: undefined }] : [];
  });
}

/** Periods with hours of the batch; for a summary, which compares, also the one after. */
function periodsOf({ hours }: BatchRecord, { feed, every }: Subscription): Period[] {
  const [first, last] = [hours[0], hours.at(-1)];
  if (first === undefined || last === undefined) return [];
  const newest = periodAt(every, last[1] * hourMs - 1);
  const end = feed.grain === "summary" ? periodAt(every, newest.end).end : newest.end;
  return [...periodsBetween(every, first[0] * hourMs, end)];
}

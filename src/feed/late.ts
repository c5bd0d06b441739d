/**
 * Captures that came too late: they concern a period that was published and can't be revised any more. They are in the
 * lake, in no publication, and are counted for whoever watches. Pure.
 *
 * @see design §3 point 9
 */
import { hourMs, type Period } from "../model.ts";
import { type DueContext, wasPublished } from "./due.ts";
import { inputSet } from "./input-set.ts";
import { parsePeriod, periodsBetween } from "./period.ts";
import { policyOf } from "./policy.ts";

/** A period with batches that came too late for it. */
export interface Late {
  readonly period: string;
  readonly batches: number;
}

/** Commits are told by the store's clock, publications by ours: so far may they be apart, in milliseconds. */
const apartMs = hourMs;

/**
 * Published periods of a log, oldest first, with the number of batches that concern them and were committed when they
 * could be revised no more: after `revise_for`, or where the next revision would have come after it. Of the latter only
 * those that the log's newest manifest still tells of; excluded batches don't count. As far back as the lake's state
 * goes. What came before the log's first publication is in it, or in a later one. Of a period that was first published
 * after `revise_for`, when publishing was off for as long, some may be counted that it has.
 *
 * @param committedAt when a batch was first committed, in milliseconds, by the first 16 hex digits of its id: `firstCommits`
 *   in `lake/sweep.ts`.
 * @param begunAt when the log's first publication was made, in milliseconds.
 */
export function lateAfterClose(
  context: DueContext,
  committedAt: ReadonlyMap<string, number>,
  begunAt = Number.NEGATIVE_INFINITY,
): Late[] {
  const { partner, subscription, log, lake, now } = context;
  const [from, to] = [lake.earliest, Math.max(0, ...log.closed.map((run) => run.to))];
  if (from === undefined) return [];
  const periods = [...periodsBetween(subscription.every, from, to)];
  return periods.flatMap((period) => {
    const closedAt = closingOf(context, period);
    const policy = closedAt === undefined ? undefined : policyOf(partner, subscription, period);
    if (closedAt === undefined || policy === undefined) return [];
    const batches = inputSet(lake, subscription.feed, policy, period).batches.filter(({ batch }) => {
      const at = committedAt.get(batch.slice(0, 16));
      return at !== undefined && at > Math.max(closedAt, begunAt + apartMs) && at <= now;
    });
    return batches.length === 0 ? [] : [{ period: period.id, batches: batches.length }];
  });
}

/** What is committed after this instant is in no publication of the period; `undefined` where it isn't published. */
function closingOf({ subscription, log }: DueContext, period: Period): number | undefined {
  const { feed } = subscription;
  const open = log.open.find((entry) => parsePeriod(entry.period).start === period.start);
  if (!wasPublished(log, period) || open?.state === "withdrawn") return undefined;
  const last = period.end + feed.reviseFor;
  // No other revision can come after this one.
  return open !== undefined && open.publishedAt + feed.reviseEvery >= last ? open.publishedAt : last;
}

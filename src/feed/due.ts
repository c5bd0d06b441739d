/**
 * Due: what should be published now. A pure function of a subscription, the newest manifest of its log, the lake's batch
 * records and the clock; nothing is stored. Crash recovery, back-fill and normal work are this one path.
 */
import { dayMs, type Period } from "../model.ts";
import type { Feed } from "./feeds.ts";
import { type InputSet, inputDigest, inputSet, type LakeState, readsFrom } from "./input-set.ts";
import type { Partner, Subscription } from "./partners.ts";
import { periodAt, periodsBetween } from "./period.ts";
import { inForce, type Policy, policyOf } from "./policy.ts";

/** What a log's newest manifest says of a period. */
export interface PublishedPeriod {
  readonly period: string;
  readonly sequence: number;
  readonly revision: number;
  readonly inputDigest: string;
  readonly publishedAt: number;
  readonly state: "published" | "withdrawn";
}

/** A log as `due` sees it. Periods outside `open` but inside `closed` were published and are final. */
export interface LogState {
  readonly open: readonly PublishedPeriod[];
  /** Half-open intervals of published periods, of any age. */
  readonly closed: readonly { readonly from: number; readonly to: number }[];
}

/** Was this period published, however long ago? */
export function wasPublished({ closed }: LogState, period: Period): boolean {
  return closed.some(({ from, to }) => from <= period.start && period.end <= to);
}

export interface Due {
  readonly period: Period;
  readonly policy: Policy;
  readonly input: InputSet;
  /** The period's newest publication, where this is a revision. */
  readonly previous?: PublishedPeriod;
}

export interface DueContext {
  readonly partner: Partner;
  readonly subscription: Subscription;
  readonly log: LogState;
  readonly lake: LakeState;
  readonly now: number;
}

/**
 * Periods that should exist: their lag has passed, the feed retains them, the MoU covers a part of them, and the lake
 * was receiving. Oldest first; nothing while the MoU is not in force.
 */
export function periodsThatShouldExist({ partner, subscription, lake, now }: DueContext): Period[] {
  const { feed, every } = subscription;
  const { earliest } = lake;
  if (!inForce(partner, now) || earliest === undefined) return [];
  const from = Math.max(earliest, partner.mou.from, now - feed.retain);
  return [...periodsBetween(every, from, now - feed.lag)].filter(
    (period) => period.end > from && readsFrom(feed, period) >= (lake.retainedFrom ?? Number.NEGATIVE_INFINITY),
  );
}

/** What is due for one subscription, oldest first. */
export function due(context: DueContext): Due[] {
  return periodsThatShouldExist(context).flatMap((period) => dueFor(context, period) ?? []);
}

function dueFor(context: DueContext, period: Period): Due | undefined {
  const { partner, subscription, log, lake, now } = context;
  const previous = log.open.find((entry) => entry.period === period.id);
  if (previous === undefined && wasPublished(log, period)) return undefined;
  if (previous !== undefined && !mayBeRevised(previous, subscription.feed, period, now)) return undefined;
  const policy = policyOf(partner, subscription, period);
  if (policy === undefined) return undefined;
  const input = () => inputSet(lake, subscription.feed, policy, period);
  if (previous === undefined) return { period, policy, input: input() };
  const isUnchanged = previous.inputDigest === inputDigest(lake, subscription.feed, policy, period);
  return isUnchanged ? undefined : { period, policy, input: input(), previous };
}

function mayBeRevised(previous: PublishedPeriod, feed: Feed, period: Period, now: number): boolean {
  return (
    previous.state === "published" &&
    now - previous.publishedAt >= feed.reviseEvery &&
    now < period.end + feed.reviseFor
  );
}

/** Is the period one whose state the next manifests must carry: young enough to be revised? */
export function isOpen(feed: Pick<Feed, "reviseFor" | "lag">, period: Period, now: number): boolean {
  return now < period.end + Math.max(feed.reviseFor, feed.lag);
}

/**
 * When the next publication is there at the latest: the next period's end, lag, and a grace of a cadence but at most a
 * day. `undefined` where the MoU ends before that period begins.
 */
export function nextBy(
  partner: Pick<Partner, "mou">,
  subscription: Pick<Subscription, "every"> & { readonly feed: Pick<Feed, "lag"> },
  newest: Period,
): number | undefined {
  const next = periodAt(subscription.every, newest.end);
  if (partner.mou.to <= next.start) return undefined;
  return next.end + subscription.feed.lag + Math.min(next.end - next.start, dayMs);
}

/** What a query is for, to whoever looks at the engine. No partner is named: several may share a slice. */
export function purposeOf({ id }: Feed, { policy, period }: Pick<Due, "policy" | "period">): readonly string[] {
  return [`feed:${id}`, `period:${period.id}`, `policy:${policy.digest.slice(0, 16)}`];
}

/**
 * How each feed of each partner stands: what was published and taken, what comes next, and what is wrong. A function of
 * facts that somebody else gathered (`status-read.ts` from the store, `signals.ts` from a tick). Pure.
 */
import type { Due } from "../../feed/due.ts";
import type { Partner, Subscription } from "../../feed/partners.ts";
import { periodAt } from "../../feed/period.ts";
import { inForce, policyOf } from "../../feed/policy.ts";
import { dayMs, hourMs, type Period } from "../../model.ts";
import type { Manifest } from "../../publication/manifest.ts";

/** How far a destination is. */
export interface LaneFacts {
  /** Name of the destination. */
  readonly destination: string;
  /** Where it is, without secrets. */
  readonly to: string;
  /** Sequence of the newest publication that it took; 0 for none. */
  readonly delivered: number;
  /** When it took that one, in milliseconds; absent where nobody looked. */
  readonly deliveredAt?: number;
  /** When the oldest publication that it doesn't have was published, in milliseconds. */
  readonly waitingSince?: number;
  /** Why it didn't take that one so far. */
  readonly failing?: { readonly since: number; readonly code: string; readonly reason?: string };
}

/** What is known of one feed of one partner. Instants are milliseconds. */
export interface LogFacts {
  readonly partner: Partner;
  readonly subscription: Subscription;
  /** The newest publication. */
  readonly tip?: Manifest;
  /** The newest one of the newest period, where it was read: the tip, unless that corrects an earlier period. */
  readonly newest?: Manifest;
  /** Why nothing can be published in this log, or its newest publication can't be read. */
  readonly stopped?: { readonly code: string; readonly since?: number };
  /** What should have been published when that was asked last, oldest first. */
  readonly due: readonly Pick<Due, "period" | "previous">[];
  readonly lanes: readonly LaneFacts[];
  /** The newest publication that a receipt says the partner took, when it first did, and how. */
  readonly taken?: { readonly sequence: number; readonly at: number; readonly how: string };
  /** Batches that came when their periods could be revised no more. */
  readonly late: number;
}

/** Something that is wrong, or soon will be. Instants are milliseconds. */
export type Trouble =
  | { readonly kind: "mou-suspended" | "mou-not-in-force" }
  | { readonly kind: "mou-expires"; readonly days: number }
  | { readonly kind: "log-stopped"; readonly code: string; readonly since?: number }
  | { readonly kind: "overdue"; readonly since: number }
  | {
      readonly kind: "delivery-failing";
      readonly destination: string;
      readonly since: number;
      readonly code: string;
      readonly reason?: string;
      readonly behind: number;
    }
  | { readonly kind: "late-captures"; readonly batches: number };

/** How a destination stands. */
export interface LaneStatus extends LaneFacts {
  /** Publications that it doesn't have. */
  readonly behind: number;
  /** Milliseconds since the oldest of them was published; 0 where it has all. */
  readonly age: number;
}

/** How one feed of one partner stands. Instants are milliseconds. */
export interface LogStatus {
  readonly partner: string;
  readonly feed: string;
  /** The newest period that was published. */
  readonly period?: Period;
  readonly sequence: number;
  /** Rows of the newest period; absent where it was withdrawn, or not looked at. */
  readonly rows?: number;
  readonly lanes: readonly LaneStatus[];
  readonly taken?: NonNullable<LogFacts["taken"]>;
  /** When the next period is due; absent where none is expected. */
  readonly nextDue?: number;
  /** Since when the oldest period that isn't published has been due. */
  readonly dueSince?: number;
  readonly wrong: readonly Trouble[];
}

/** A publication that is due for as long as this is late, in milliseconds: runs by cron come once an hour. */
export const overdueGrace = hourMs;

/** Days before an MoU's end from which it shows. */
export const mouWarningDays = 60;

/** How a log stands at `now`. */
export function statusOf(facts: LogFacts, now: number): LogStatus {
  const { partner, subscription, tip, newest, taken } = facts;
  const period = newestPeriod(subscription, tip);
  const nextDue = nextDueOf(facts, period, now);
  const dueSince = dueSinceOf(facts, period === undefined ? undefined : nextDue, now);
  const lanes = facts.lanes.map((lane) => laneStatus(lane, tip, now));
  const rows = newest && rowsOf(newest);
  return {
    partner: partner.id,
    feed: subscription.feed.id,
    ...(period === undefined ? {} : { period }),
    sequence: tip?.sequence ?? 0,
    ...(rows === undefined ? {} : { rows }),
    lanes,
    ...(taken === undefined ? {} : { taken }),
    ...(nextDue === undefined ? {} : { nextDue }),
    ...(dueSince === undefined ? {} : { dueSince }),
    wrong: troublesOf(facts, { lanes, dueSince, now }),
  };
}

/** Whole days until the MoU ends, 0 on its last day; negative afterwards. */
export function mouDaysLeft({ mou }: Pick<Partner, "mou">, now: number): number {
  return Math.ceil((mou.to - now) / dayMs) - 1;
}

/** The newest period that a log holds, withdrawn or not. */
export function newestPeriod({ every }: Pick<Subscription, "every">, tip: Manifest | undefined): Period | undefined {
  const ends = (tip?.published_periods ?? []).map(([, end]) => Date.parse(end));
  return ends.length === 0 ? undefined : periodAt(every, Math.max(...ends) - 1);
}

/** Rows as a feed counts them; a summary has sources, a withdrawal none. */
export function rowsOf({ counts }: Manifest): number | undefined {
  return counts.rows ?? counts.sources;
}

function laneStatus(lane: LaneFacts, tip: Manifest | undefined, now: number): LaneStatus {
  const behind = Math.max(0, (tip?.sequence ?? 0) - lane.delivered);
  const age = behind === 0 || lane.waitingSince === undefined ? 0 : Math.max(0, now - lane.waitingSince);
  return { ...lane, behind, age };
}

/** Of the period after the newest, or the oldest one that is due; before the first, of the one that goes on. */
function nextDueOf({ partner, subscription, due }: LogFacts, newest: Period | undefined, now: number) {
  const { feed, every } = subscription;
  if (!inForce(partner, now)) return undefined;
  const first = due.find(({ previous }) => previous === undefined)?.period;
  if (newest === undefined && first !== undefined) return first.end + feed.lag;
  // What the feed wouldn't keep any more is not published any more.
  const next = periodAt(every, Math.max(newest?.end ?? now - feed.lag, now - feed.retain));
  return policyOf(partner, subscription, next) === undefined ? undefined : next.end + feed.lag;
}

function dueSinceOf({ partner, subscription, due }: LogFacts, next: number | undefined, now: number) {
  if (!inForce(partner, now)) return undefined;
  const missing = due.filter(({ previous }) => previous === undefined);
  const since = Math.min(...missing.map(({ period }) => period.end + subscription.feed.lag), next ?? now + 1);
  return since <= now ? since : undefined;
}

interface Found {
  readonly lanes: readonly LaneStatus[];
  readonly dueSince: number | undefined;
  readonly now: number;
}

/** What is wrong, worst first. */
function troublesOf({ partner, stopped, late }: LogFacts, { lanes, dueSince, now }: Found): Trouble[] {
  const days = mouDaysLeft(partner, now);
  const troubles: (Trouble | undefined)[] = [
    stopped && { kind: "log-stopped", ...stopped },
    dueSince !== undefined && now - dueSince > overdueGrace ? { kind: "overdue", since: dueSince } : undefined,
    ...lanes.map(deliveryTrouble),
    partner.mou.suspended ? { kind: "mou-suspended" } : undefined,
    now < partner.mou.from || days < 0 ? { kind: "mou-not-in-force" } : undefined,
    inForce(partner, now) && days <= mouWarningDays ? { kind: "mou-expires", days } : undefined,
    late > 0 ? { kind: "late-captures", batches: late } : undefined,
  ];
  return troubles.filter((trouble) => trouble !== undefined);
}

function deliveryTrouble({ destination, failing, behind }: LaneStatus): Trouble | undefined {
  return behind > 0 && failing !== undefined
    ? { kind: "delivery-failing", destination, ...failing, behind }
    : undefined;
}

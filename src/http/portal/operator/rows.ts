/**
 * How partners and feeds stand for the operator's page: what is in force now, and what the newest health object says of
 * it. Pure.
 */
import type { LogHealth } from "../../../delivery/watch/health.ts";
import { mouDaysLeft, mouWarningDays, overdueGrace } from "../../../delivery/watch/status.ts";
import type { Partner } from "../../../feed/partners.ts";
import { inForce } from "../../../feed/policy.ts";

/** How a feed of a partner stands. Instants are milliseconds. */
export interface FeedRow {
  readonly partner: string;
  readonly feed: string;
  /** What the runner saw of it; absent where it wasn't looked at yet. */
  readonly seen?: LogHealth;
  /** Since when its next publication has been overdue. */
  readonly overdueSince?: number;
  readonly failing: readonly LogHealth["lanes"][number][];
}

/** A partner, and how its agreement and its feeds stand. */
export interface PartnerRow {
  readonly id: string;
  readonly name: string;
  readonly agreement: "in-force" | "suspended" | "not-yet" | "ended";
  /** Whole days until the agreement ends; negative afterwards. */
  readonly daysLeft: number;
  readonly feeds: readonly FeedRow[];
}

/** Every partner in force or not, in the order of their ids. `now` in milliseconds. */
export function partnerRows(
  partners: Iterable<Partner>,
  logs: readonly LogHealth[],
  now: number,
): readonly PartnerRow[] {
  const seen = new Map(logs.map((log) => [`${log.partner}/${log.feed}`, log]));
  return [...partners]
    .map((partner) => ({
      id: partner.id,
      name: partner.name,
      agreement: agreementOf(partner, now),
      daysLeft: mouDaysLeft(partner, now),
      feeds: partner.subscriptions.map(({ feed }) =>
        feedRow(partner, feed.id, seen.get(`${partner.id}/${feed.id}`), now),
      ),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function agreementOf(partner: Partner, now: number): PartnerRow["agreement"] {
  if (inForce(partner, now)) return "in-force";
  if (partner.mou.suspended) return "suspended";
  return now < partner.mou.from ? "not-yet" : "ended";
}

function feedRow(partner: Partner, feed: string, seen: LogHealth | undefined, now: number): FeedRow {
  const due = seen?.next_due === undefined ? undefined : Date.parse(seen.next_due);
  const late = due !== undefined && inForce(partner, now) && now - due > overdueGrace;
  return {
    partner: partner.id,
    feed,
    ...(seen === undefined ? {} : { seen }),
    ...(late ? { overdueSince: due } : {}),
    failing: seen?.lanes.filter(({ failing }) => failing !== undefined) ?? [],
  };
}

/** True where a feed needs a person: it is stopped or overdue, or a destination doesn't take it. */
export const isWrong = ({ seen, overdueSince, failing }: FeedRow) =>
  seen?.stopped !== undefined || overdueSince !== undefined || failing.length > 0;

/** Partners whose agreement ends soon, the first one first. */
export function expiring(rows: readonly PartnerRow[]): readonly PartnerRow[] {
  return rows
    .filter(({ agreement, daysLeft }) => agreement === "in-force" && daysLeft <= mouWarningDays)
    .sort((a, b) => a.daysLeft - b.daysLeft);
}

/**
 * Policy: what of a partner's entry changes content, and the only place that decides it. Pure.
 */
import { createHash } from "node:crypto";
import { fields } from "../fields.ts";
import { type Period, type Tlp, tlpRank } from "../model.ts";
import type { Feed } from "./feeds.ts";
import type { Partner, PartnerEconomy, Subscription } from "./partners.ts";
import { previousPeriod } from "./period.ts";

/** A half-open interval of capture time. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** Partners with equal policies get the same bytes. */
export interface Policy {
  /** Sorted by code; `since` only where it lies inside what is covered. */
  readonly economies: "all" | readonly PartnerEconomy[];
  /** The part of the period in which the MoU was in force. */
  readonly covers: Interval;
  /** Summaries alone, which compare: the covered part of the period before, where there is one. */
  readonly before?: Interval;
  readonly tlp: Tlp;
  /** Sorted names of masked columns that the feed has. */
  readonly masks: readonly string[];
  /** Hex SHA-256 over the above; an unbroken period leaves `covers` out, so that it is the same for each period. */
  readonly digest: string;
}

/** True on a day on which the MoU is in force. */
export function inForce(partner: Partner, now: number): boolean {
  return !partner.mou.suspended && now >= partner.mou.from && now < partner.mou.to;
}

/** The policy of a subscription for a period, or `undefined` where nothing of the period is covered. */
export function policyOf(partner: Partner, subscription: Subscription, period: Period): Policy | undefined {
  const { feed, tlp } = subscription;
  const covers = coveredPart(partner, period);
  if (covers === undefined) return undefined;
  const last = previousPeriod(period);
  const before = feed.grain === "summary" ? coveredPart(partner, last) : undefined;
  const economies = economiesWithin(partner.economies, { from: before?.from ?? covers.from, to: covers.to });
  if (economies.length === 0) return undefined;
  const masks = partner.masks.filter((mask) => feed.columns.includes(mask));
  const parts = [
    isWhole(covers, period) ? null : covers,
    feed.grain === "summary" && !isWhole(before, last) ? (before ?? "none") : null,
  ];
  const digest = createHash("sha256").update(JSON.stringify({ economies, parts, tlp, masks })).digest("hex");
  return { economies, covers, ...(before === undefined ? {} : { before }), tlp, masks, digest };
}

function coveredPart(partner: Partner, period: Period): Interval | undefined {
  const part = { from: Math.max(period.start, partner.mou.from), to: Math.min(period.end, partner.mou.to) };
  return part.from < part.to ? part : undefined;
}

const isWhole = (part: Interval | undefined, period: Period) => part?.from === period.start && part.to === period.end;

function economiesWithin(economies: Partner["economies"], within: Interval): Policy["economies"] {
  if (economies === "all") return "all";
  return economies
    .filter((economy) => economy.since === undefined || economy.since < within.to)
    .map((economy) => (economy.since !== undefined && economy.since > within.from ? economy : { code: economy.code }))
    .sort((a, b) => (a.code < b.code ? -1 : 1));
}

/**
 * Columns of the feed that are empty in every row under this policy: masked, not released at its label, or exemplars of
 * a feed that allows none. They stay in the header and are named in `redacted`.
 */
export function withheldColumns(feed: Feed, policy: Policy): ReadonlySet<string> {
  return new Set(feed.columns.filter((name) => policy.masks.includes(name) || !isReleased(name, policy.tlp)));
}

function isReleased(name: string, tlp: Tlp): boolean {
  const release = fields.get(name)?.release ?? "never";
  if (release === "never") return false;
  return tlpRank(tlp) >= tlpRank(release === "green" ? "GREEN" : "AMBER");
}

/**
 * What publishing plans with: the selection, the logs in it, the lake as it stands, and which planned publications are
 * one slice.
 */
import type { Due, LakeState } from "../feed/due.ts";
import type { Partner, Subscription } from "../feed/partners.ts";
import type { Lake } from "../lake/lake.ts";
import { retainedFrom } from "../lake/records.ts";
import { dayMs } from "../model.ts";
import type { DueAgain } from "./again.ts";

/** Narrows what is published. */
export interface Selected {
  readonly partner?: string;
  readonly feed?: string;
  readonly period?: string;
  /** Also what is published under another feed definition, policy or renderer, or was withdrawn. */
  readonly again?: boolean;
  /** Render and compose everything, store nothing. */
  readonly dry?: boolean;
}

/** A log: one feed of one partner. */
export interface PartnerLog {
  readonly partner: Partner;
  readonly subscription: Subscription;
}

/** One publication that is due. */
export interface Planned extends PartnerLog {
  readonly due: Due;
  /** Where it is due again only because it was asked for. */
  readonly again?: DueAgain;
}

/** The logs of a selection, in the order of partners.yaml. */
export function selectedLogs(partners: readonly Partner[], { partner, feed }: Selected): PartnerLog[] {
  return partners
    .filter((entry) => partner === undefined || entry.id === partner)
    .flatMap((entry) => entry.subscriptions.map((subscription) => ({ partner: entry, subscription })))
    .filter(({ subscription }) => feed === undefined || subscription.feed.id === feed);
}

/** The lake as `due` sees it, back to the oldest instant that any subscription retains. */
export async function lakeState(
  world: { readonly lake: Lake; readonly partners: readonly Partner[]; readonly retainLakeDays?: number },
  now: number,
): Promise<LakeState> {
  const retains = world.partners.flatMap((partner) => partner.subscriptions.map(({ feed }) => feed.retain));
  const names = await world.lake.names();
  const days = names.map((name) => name.firstDay).sort();
  const batches = await world.lake.batches(now - Math.max(0, ...retains) - 14 * dayMs, now + dayMs);
  const excluded = await world.lake.exclusions();
  return {
    batches,
    excluded: new Set(excluded.keys()),
    earliest: days[0] === undefined ? undefined : Date.parse(days[0]),
    ...(world.retainLakeDays === undefined ? {} : { retainedFrom: retainedFrom(now, world.retainLakeDays) }),
  };
}

/** Planned publications that are one slice: same feed, policy, period and input. In the order of the plan. */
export function grouped(planned: readonly Planned[]): Planned[][] {
  const groups = new Map<string, Planned[]>();
  for (const entry of planned) {
    const { policy, period, input } = entry.due;
    const key = [entry.subscription.feed.id, policy.digest, period.id, input.digest].join(" ");
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return [...groups.values()];
}

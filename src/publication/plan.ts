/**
 * What publishing plans with: the selection, the logs in it, the lake as it stands, and which planned publications are
 * one slice.
 */
import { createHash } from "node:crypto";
import type { Due } from "../feed/due.ts";
import { type LakeState, takeOver } from "../feed/input-set.ts";
import type { Partner, Subscription } from "../feed/partners.ts";
import type { Lake } from "../lake/lake.ts";
import { retainedFrom } from "../lake/records.ts";
import { dayMs } from "../model.ts";
import type { DueAgain } from "./again.ts";
import type { Publication } from "./log.ts";

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

/** Whose log, and of which feed. */
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

/** `jpcert-cc/spam-sources`: a log for people, and as a key of maps. */
export const logName = (partner: string, feed: string) => `${partner}/${feed}`;

/** The logs of a selection, in the order of partners.yaml. */
export function selectedLogs(partners: readonly Partner[], { partner, feed }: Selected = {}): PartnerLog[] {
  return partners
    .filter((entry) => partner === undefined || entry.id === partner)
    .flatMap((entry) => entry.subscriptions.map((subscription) => ({ partner: entry, subscription })))
    .filter(({ subscription }) => feed === undefined || subscription.feed.id === feed);
}

/** What a state of the lake was made from: the same again, the same state. */
interface Seen {
  readonly names: Awaited<ReturnType<Lake["names"]>>;
  readonly exclusions: Awaited<ReturnType<Lake["exclusions"]>>;
  readonly span: string;
  readonly state: LakeState;
}

const seen = new WeakMap<Lake, Seen>();

/**
 * The lake as `due` sees it, back to the oldest instant that any subscription retains and the lake still has. The same object as the last time
 * where nothing changed: what was worked out for it (`input-set.ts`) still holds then. `all` as in {@link Lake.names}.
 */
export async function lakeState(
  world: { readonly lake: Lake; readonly partners: readonly Partner[]; readonly retainLakeDays?: number },
  now: number,
  { all = true }: { readonly all?: boolean } = {},
): Promise<LakeState> {
  const { lake, retainLakeDays } = world;
  const retains = world.partners.flatMap((partner) => partner.subscriptions.map(({ feed }) => feed.retain));
  // Whole days: a state is good for as long as what it shows is the same.
  const kept = retainLakeDays === undefined ? Number.NEGATIVE_INFINITY : retainedFrom(now, retainLakeDays);
  const from = Math.floor(Math.max(now - Math.max(0, ...retains), kept) / dayMs - 14) * dayMs;
  const to = Math.floor(now / dayMs + 2) * dayMs;
  const retained = retainLakeDays === undefined ? {} : { retainedFrom: kept };
  const span = JSON.stringify([from, to, retained]);
  const [names, exclusions] = [await lake.names({ all }), await lake.exclusions()];
  const before = seen.get(lake);
  if (before?.names === names && before.exclusions === exclusions && before.span === span) return before.state;
  const earliest = names.reduce((first, { firstDay }) => (firstDay < first ? firstDay : first), "~");
  const state: LakeState = {
    batches: await lake.batches(from, to),
    excluded: new Set(exclusions.keys()),
    earliest: earliest === "~" ? undefined : Date.parse(earliest),
    ...retained,
  };
  if (before !== undefined) takeOver(before.state, state);
  seen.set(lake, { names, exclusions, span, state });
  return state;
}

/** Planned publications that are one slice: same feed, policy, period and input. In the order of the plan. */
export function grouped(planned: readonly Planned[]): Planned[][] {
  const groups = new Map<string, Planned[]>();
  for (const entry of planned) {
    const key = sliceText(entry);
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return [...groups.values()];
}

const sliceText = ({ subscription, due: { policy, period, input } }: Planned) =>
  [subscription.feed.id, policy.digest, period.id, input.digest].join(" ");

/** Name of the lease of a slice: what it says of partners is a digest. */
export function sliceLease(planned: Planned): string {
  return `slices/${createHash("sha256").update(sliceText(planned)).digest("hex").slice(0, 32)}`;
}

/** Is this the publication that was planned to come after `tip`, as another runner with the same plan made it? */
export function isAsPlanned(
  { manifest }: Publication,
  { partner, subscription, due, again }: Planned,
  tip: Publication | undefined,
): boolean {
  return (
    again === undefined &&
    manifest.kind === "publication" &&
    manifest.partner === partner.id &&
    manifest.feed === subscription.feed.id &&
    manifest.previous_sha256 === (tip?.payloadSha256 ?? null) &&
    manifest.period.id === due.period.id &&
    manifest.policy.digest === due.policy.digest &&
    manifest.input.digest === due.input.digest
  );
}

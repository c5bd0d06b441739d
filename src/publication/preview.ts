/**
 * Previews: what a partner would get of a feed for the last complete period, made by what makes publications, and what a
 * change of its policy would add and take. Nothing is published or stored.
 *
 * @see `make-slice.ts`, `compose.ts`: the same for both
 */
import { rm } from "node:fs/promises";
import { type Due, periodsThatShouldExist, purposeOf } from "../feed/due.ts";
import { inputSet, type LakeState } from "../feed/input-set.ts";
import type { Partner, Subscription } from "../feed/partners.ts";
import { inForce, policyOf, withheldColumns } from "../feed/policy.ts";
import { buildSlice } from "../feed/slice.ts";
import { differenceSql } from "../feed/slice-difference.ts";
import { dayMs, type Format, type Period } from "../model.ts";
import { temporaryPath } from "../store/temporary.ts";
import { logStateOf, publicationManifest } from "./compose.ts";
import { type MakingWorld, makeSlice } from "./make-slice.ts";
import type { Manifest } from "./manifest.ts";
import { readSample, type Sample } from "./sample.ts";

/** What previewing works with. */
export interface PreviewWorld extends MakingWorld {
  /** Folder for half-made files. */
  readonly temporary: string;
}

/** One feed as it would be published. */
export interface FeedPreview {
  readonly due: Due;
  /** As it would be, but for number, instants and what came before: there is no log that it would be appended to. */
  readonly manifest: Manifest;
  readonly sample: Sample;
  /** Columns that are empty in every row. */
  readonly withheld: ReadonlySet<string>;
}

/** What a change of policy comes to. */
export interface PreviewDifference {
  /** Rows by their natural keys; absent for a summary, which has none. */
  readonly rows?: { readonly added: number; readonly removed: number; readonly changed: number };
  /** Columns that would no longer have values, and that would have some again. */
  readonly emptied: readonly string[];
  readonly filled: readonly string[];
}

/**
 * The partner as if its MoU, and each of its economies, had been in force all the time: for one that isn't yet, or no
 * longer, and one whose MoU has covered no complete period so far.
 */
export function asIfInForce(partner: Partner, now: number): Partner {
  const { economies, mou } = partner;
  return {
    ...partner,
    economies: economies === "all" ? "all" : economies.map(({ code }) => ({ code })),
    mou: { ...mou, suspended: false, from: 0, to: Math.max(mou.to, now + 400 * dayMs) },
  };
}

/** The last complete period that a subscription should have by now; `undefined` where it has none. */
export function lastPeriod(
  partner: Partner,
  subscription: Subscription,
  lake: LakeState,
  now: number,
): Period | undefined {
  if (!inForce(partner, now)) return undefined;
  const context = { partner, subscription, log: logStateOf(undefined), lake, now };
  return periodsThatShouldExist(context).findLast((period) => policyOf(partner, subscription, period) !== undefined);
}

/** What would be published of a period; `undefined` where nothing of it is covered. */
export async function previewFeed(
  world: PreviewWorld,
  lake: LakeState,
  { partner, subscription, period, now }: { partner: Partner; subscription: Subscription; period: Period; now: number },
): Promise<FeedPreview | undefined> {
  const { feed } = subscription;
  const policy = policyOf(partner, subscription, period);
  if (policy === undefined) return undefined;
  const due = { period, policy, input: inputSet(lake, feed, policy, period) };
  const folder = temporaryPath(world.temporary);
  try {
    // What is shown is read from a file, which is made for that alone where it isn't asked for.
    const shown: Format = feed.grain === "summary" ? "markdown" : "csv";
    const formats = new Set<Format>([...subscription.formats, shown]);
    const split = subscription.splitBy !== undefined;
    const slice = await makeSlice({ feed, due, formats, split }, folder, world, lake);
    const log = { issuer: world.issuer.name, partner, subscription, tip: undefined, now };
    const manifest = publicationManifest(log, { subscription, due, ...slice });
    const sample = await readSample(slice.rendered.artifacts, shown);
    return { due, manifest, sample, withheld: withheldColumns(feed, policy) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the second adds to the first and takes from it; both of one feed and period. */
export async function previewDifference(
  world: PreviewWorld,
  { feed }: Subscription,
  before: FeedPreview,
  after: FeedPreview,
): Promise<PreviewDifference> {
  const emptied = feed.columns.filter((name) => after.withheld.has(name) && !before.withheld.has(name));
  const filled = feed.columns.filter((name) => before.withheld.has(name) && !after.withheld.has(name));
  if (feed.grain === "summary") return { emptied, filled };
  const { period } = before.due;
  const slices = [before, after].map(({ due }) => buildSlice(feed, due.policy, period, world.benignHosts));
  const [old, fresh] = slices;
  if (old === undefined || fresh === undefined) return { emptied, filled };
  // That a column is empty now is told once, not of each row.
  const compared = old.columns.filter(
    (name) => name !== "redacted" && !before.withheld.has(name) && !after.withheld.has(name),
  );
  const batches = new Map(
    [before, after].flatMap(({ due }) => due.input.batches.map((record) => [record.batch, record])),
  );
  using captures = await world.lake.select("captures", [...batches.values()], period.start, period.end);
  const purpose = ["preview", ...purposeOf(feed, after.due)];
  for await (const { columns } of world.engine.rows({ captures }, differenceSql(old, fresh, compared), purpose)) {
    const [added = 0, removed = 0, changed = 0] = columns.map(([cell]) => Number(cell));
    return { rows: { added, removed, changed }, emptied, filled };
  }
  return { emptied, filled };
}

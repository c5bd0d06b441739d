/**
 * `publish --again`: which published periods were made by other means than today's (feed definition, policy, columns,
 * renderer) or were withdrawn, and are due once more for that, also where their time for revisions is over. Pure but for
 * reading the log.
 *
 * @see design §3 points 9, 12 and 13
 */
import { createHash } from "node:crypto";
import { type Due, type DueContext, type PublishedPeriod, periodsThatShouldExist } from "../feed/due.ts";
import { inputSet } from "../feed/input-set.ts";
import { type Policy, policyOf } from "../feed/policy.ts";
import { schemaVersion } from "../fields.ts";
import type { Store } from "../store/store.ts";
import { encodeExact, jsonSchema, recordOf } from "./exact-json.ts";
import { type Publication, readThere } from "./log.ts";
import { type Manifest, parseMicroseconds } from "./manifest.ts";
import { putSliceRecord, type SliceRecord } from "./records.ts";
import { rendererVersion } from "./renderer-version.ts";
import type { KeyFinder } from "./sign.ts";

/** A period that is due again. `purpose` names the `again` record, which is put before the slice is rendered. */
export interface DueAgain {
  readonly due: Due;
  readonly purpose: string;
}

/** A log as it is read: its store confined to the feed's prefix, and its newest publication. */
export interface ReadLog {
  readonly store: Store;
  readonly tip: Publication | undefined;
  readonly keyOf: KeyFinder;
}

/**
 * Published periods that are due again, oldest first, without those that are due anyway (`already`). Puts nothing.
 *
 * @throws SpampotsError as {@link readThere}.
 */
export async function dueAgain(context: DueContext, already: readonly Due[], log: ReadLog): Promise<DueAgain[]> {
  const { partner, subscription, lake } = context;
  const definition = definitionDigest(subscription.feed.definition);
  const periods = periodsThatShouldExist(context).filter(
    (period) => isPublished(context, period) && !already.some((entry) => entry.period.id === period.id),
  );
  const newest = await newestOfPeriods(new Set(periods.map((period) => period.id)), log);
  return periods.flatMap((period) => {
    const manifest = newest.get(period.id);
    const policy = policyOf(partner, subscription, period);
    if (manifest === undefined || policy === undefined || !isOutdated(manifest, definition, policy)) return [];
    const input = inputSet(lake, subscription.feed, policy, period);
    const due = { period, policy, input, previous: publishedPeriod(manifest) };
    return [{ due, purpose: purposeOf(manifest, definition) }];
  });
}

/** Puts the `again` record of a slice, so that its content's `modified` rises. Doing it twice counts once. */
export async function putAgainRecord(store: Store, feed: string, { due, purpose }: DueAgain): Promise<SliceRecord> {
  return putSliceRecord(store, "again", { feed, policyDigest: due.policy.digest, period: due.period.id }, purpose);
}

function isPublished({ log }: DueContext, { id, start, end }: Due["period"]): boolean {
  return log.open.some((entry) => entry.period === id) || log.closed.some(({ from, to }) => from <= start && end <= to);
}

/** The newest manifest of each period, by going back from the tip until all were met. */
async function newestOfPeriods(
  periods: ReadonlySet<string>,
  { store, tip, keyOf }: ReadLog,
): Promise<Map<string, Manifest>> {
  const found = new Map<string, Manifest>();
  let at = tip;
  while (at !== undefined && found.size < periods.size) {
    const { manifest } = at;
    if (periods.has(manifest.period.id) && !found.has(manifest.period.id)) found.set(manifest.period.id, manifest);
    at = manifest.sequence === 1 ? undefined : await readThere(store, manifest.sequence - 1, keyOf);
  }
  return found;
}

function isOutdated(manifest: Manifest, definition: string, policy: Policy): boolean {
  return (
    manifest.kind === "withdrawal" ||
    manifest.policy.digest !== policy.digest ||
    manifest.schema_version !== schemaVersion ||
    manifest.renderer_version !== rendererVersion ||
    definitionDigest(manifest.feed_definition) !== definition
  );
}

/**
 * What the record is for: these means, instead of a publication that counted so many records under that policy. So a run
 * that was killed finds its own record, partners with equal policies share one, and whoever changes a feed there and
 * back gets a new one each time: the count always rises above that of the publication that is replaced.
 */
function purposeOf(previous: Manifest, definition: string): string {
  const { policy, input } = previous;
  return `definition ${definition} schema ${schemaVersion} renderer ${rendererVersion} after ${policy.digest} ${input.again}`;
}

/** Hex SHA-256 of a feed's definition, whatever the order of its members. */
function definitionDigest(definition: Readonly<Record<string, unknown>>): string {
  const json: unknown = JSON.parse(JSON.stringify(definition));
  return createHash("sha256")
    .update(encodeExact(recordOf(jsonSchema), json))
    .digest("hex");
}

function publishedPeriod(manifest: Manifest): PublishedPeriod {
  return {
    period: manifest.period.id,
    sequence: manifest.sequence,
    revision: manifest.revision,
    inputDigest: manifest.input.digest,
    publishedAt: parseMicroseconds(manifest.published_at) / 1000,
    state: manifest.kind === "withdrawal" ? "withdrawn" : "published",
  };
}

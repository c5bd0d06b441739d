/**
 * The facts that a status is made of, from the store and the lake. Of each log the newest manifest is read (or two,
 * where that corrects an earlier period) and a few names of receipts, however long the log is.
 */
import { mapAtOnce } from "../../at-once.ts";
import { isError } from "../../errors.ts";
import { placeOf } from "../../feed/destinations.ts";
import { type DueContext, due } from "../../feed/due.ts";
import type { LakeState } from "../../feed/input-set.ts";
import type { Subscription } from "../../feed/partners.ts";
import { logStateOf } from "../../publication/compose.ts";
import { type Publication, readManifest, readTip, refuseForeign, sequenceName } from "../../publication/log.ts";
import { feedPrefix, type Manifest, parseMicroseconds } from "../../publication/manifest.ts";
import { checkMark, markedSequence, readMark } from "../../publication/marks.ts";
import type { PartnerLog } from "../../publication/plan.ts";
import type { KeyFinder } from "../../publication/sign.ts";
import type { Store } from "../../store/store.ts";
import { type ConfiguredLane, deliveredTo, failedAttempts, type Lane, lanesOf, receiptsOf } from "../push/progress.ts";
import { type LaneFacts, type LogFacts, newestPeriod } from "./status.ts";

/** What a status is read from. */
export interface StatusWorld {
  /** The whole store. */
  readonly store: Store;
  /** How far each log is known to go, beside the lake. */
  readonly marks: Store;
  readonly keyOf: KeyFinder;
  readonly lake: LakeState;
  /** Batches that concern a log, begun at that instant, and came when their periods could be revised no more. */
  late?(log: DueContext, begunAt?: number): number;
  /** Milliseconds. */
  readonly now: number;
}

/** A lake that nothing is known of: nothing of it is due. */
export const noLake: LakeState = { batches: [], excluded: new Set(), earliest: undefined };

/** Logs that are read at the same time. */
export const readAtOnce = 16;

/** Facts of each log, in the order given. @throws what the store throws; what is wrong with one log is in its facts. */
export async function readFacts(world: StatusWorld, logs: readonly PartnerLog[]): Promise<LogFacts[]> {
  return mapAtOnce(logs, readAtOnce, (log) => readLog(world, log));
}

async function readLog(world: StatusWorld, { partner, subscription }: PartnerLog): Promise<LogFacts> {
  const { store, keyOf, lake, now } = world;
  const feed = subscription.feed.id;
  const none = { partner, subscription, due: [], lanes: [], late: 0 };
  try {
    const tip = await readNewest(world, partner.id, feed);
    const newest =
      tip && (await newestOf(store.under(feedPrefix(partner.id, feed)), subscription, tip.manifest, keyOf));
    const lanes: LaneFacts[] = [];
    for (const lane of lanesOf({ partner, subscription })) lanes.push(await laneFacts(world, lane, tip?.manifest));
    const context: DueContext = { partner, subscription, log: logStateOf(tip), lake, now };
    const taken = tip && (await newestTaken(store, partner.id, feed, tip.manifest.sequence));
    return {
      ...none,
      ...(tip === undefined ? {} : { tip: tip.manifest }),
      ...(newest === undefined ? {} : { newest }),
      due: due(context),
      lanes,
      late: await lateIn(world, context),
      ...(taken === undefined ? {} : { taken }),
    };
  } catch (error) {
    // A store that is away is away for all logs.
    if (!isError(error) || error.code.startsWith("store-") || error.code === "disk-failed") throw error;
    return { ...none, stopped: { code: error.code } };
  }
}

/** Only where some seem late is it asked when the log began: what came before that isn't. */
async function lateIn({ store, keyOf, late }: StatusWorld, context: DueContext): Promise<number> {
  if (late === undefined || late(context) === 0) return 0;
  const { partner, subscription } = context;
  const first = await readManifest(store.under(feedPrefix(partner.id, subscription.feed.id)), 1, keyOf);
  return late(context, first && parseMicroseconds(first.manifest.published_at) / 1000);
}

/**
 * The newest publication, found from where the log is known to go: its mark, or the sequence given.
 *
 * @throws SpampotsError `log-behind`, `verify-failed`, `bad-manifest`.
 */
export async function readNewest(
  { store, marks, keyOf }: Pick<StatusWorld, "store" | "marks" | "keyOf">,
  partner: string,
  feed: string,
  known?: number,
): Promise<Publication | undefined> {
  const place = store.under(feedPrefix(partner, feed));
  const mark = await readMark(marks, partner, feed);
  const tip = await readTip(place, keyOf, known ?? markedSequence(mark));
  checkMark(mark, tip, place);
  if (tip !== undefined) refuseForeign(tip, partner, feed, place);
  return tip;
}

/** The newest publication of the newest period: the tip, or the one that it names. */
async function newestOf(place: Store, subscription: Subscription, tip: Manifest, keyOf: KeyFinder) {
  const period = newestPeriod(subscription, tip)?.id;
  if (tip.period.id === period) return tip;
  const sequence = tip.open_periods.find((entry) => entry.period === period)?.sequence;
  return sequence === undefined ? undefined : (await readManifest(place, sequence, keyOf))?.manifest;
}

/** How far a destination is, and why not further. `tip` is the log's newest publication. */
export async function laneFacts(
  { store, keyOf }: Pick<StatusWorld, "store" | "keyOf">,
  { lane, destination }: ConfiguredLane,
  tip: Manifest | undefined,
): Promise<LaneFacts> {
  const sequence = tip?.sequence ?? 0;
  const delivered = await deliveredTo(store, lane, sequence);
  const last = delivered === 0 ? undefined : (await receiptsOf(store, lane, delivered))?.at(-1);
  const common = {
    destination: destination.name,
    to: placeOf(destination),
    delivered,
    ...(last === undefined ? {} : { deliveredAt: Date.parse(last.at) }),
  };
  if (delivered >= sequence || tip === undefined) return common;
  const place = store.under(feedPrefix(lane.partner, lane.feed));
  const first = delivered + 1 === sequence ? tip : (await readManifest(place, delivered + 1, keyOf))?.manifest;
  const failing = await failingOf(store, lane, delivered);
  return {
    ...common,
    ...(first === undefined ? {} : { waitingSince: parseMicroseconds(first.published_at) / 1000 }),
    ...(failing === undefined ? {} : { failing }),
  };
}

/** Since when, and why last, the publication after `delivered` isn't taken. */
async function failingOf(store: Store, lane: Lane, delivered: number): Promise<LaneFacts["failing"]> {
  // What a runner that was killed didn't take away is of earlier ones.
  const attempts = (await failedAttempts(store, lane)).filter(({ sequence }) => sequence > delivered);
  const [first, last] = [attempts[0], attempts.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const { code, reason } = last;
  return { since: Date.parse(first.at), code, ...(reason === undefined ? {} : { reason }) };
}

/**
 * The newest publication that a receipt says the partner took. Names alone are read: they begin with the greatest
 * sequence that the receipts in them tell of, so that a listing from a sequence on tells whether there is any such one.
 */
export async function newestTaken(
  store: Store,
  partner: string,
  feed: string,
  tip: number,
): Promise<LogFacts["taken"]> {
  const receipts = store.under(`receipts/${partner}/${feed}`);
  /** The first receipt of this sequence or a later one. "~" comes after whatever stands behind a sequence. */
  const from = async (sequence: number): Promise<string | undefined> => {
    for await (const { key } of receipts.list("", { after: `${sequenceName(sequence - 1)}~` })) return key;
    return undefined;
  };
  let [found, not] = [await from(tip), tip];
  for (let step = 1; found === undefined && not > 1; step *= 2) {
    const sequence = Math.max(1, not - step);
    found = await from(sequence);
    if (found === undefined) not = sequence;
  }
  if (found === undefined) return undefined;
  while (not - sequenceIn(found) > 1) {
    const middle = Math.floor((sequenceIn(found) + not) / 2);
    const later = await from(middle);
    if (later === undefined) not = middle;
    else found = later;
  }
  return takenBy(store, { partner, feed }, found);
}

const sequenceIn = (name: string) => Number(name.slice(0, 8));

/** When, by the name of the receipts; those of a delivery say it themselves. */
async function takenBy(store: Store, log: Pick<Lane, "partner" | "feed">, name: string): Promise<LogFacts["taken"]> {
  const sequence = sequenceIn(name);
  const [, date, hour, minute, second] = /^\d{8}-(\d{8})T(\d\d)(\d\d)(\d\d)Z-/.exec(name) ?? [];
  if (date !== undefined) {
    const day = `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`;
    return { sequence, at: Date.parse(`${day}T${hour}:${minute}:${second}Z`), how: "pull" };
  }
  const [, destination] = /^\d{8}-to-(.+)\.jsonl$/.exec(name) ?? [];
  if (destination === undefined) return undefined;
  const last = (await receiptsOf(store, { ...log, destination }, sequence))?.at(-1);
  return last && { sequence, at: Date.parse(last.at), how: destination };
}

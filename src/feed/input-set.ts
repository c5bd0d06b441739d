/**
 * Input sets: which batches a slice is made of. Thousands of logs ask for the same few again and again, so what was
 * worked out for a lake stays with it, for as long as anybody holds that very state of the lake. Pure.
 *
 * @see design §3 point 9
 */
import { createHash } from "node:crypto";
import { type BatchRecord, touches } from "../lake/records.ts";
import { hourMs, type Period } from "../model.ts";
import type { Feed } from "./feeds.ts";
import { previousPeriod } from "./period.ts";
import type { Policy } from "./policy.ts";

/** The lake as `due` sees it. `earliest` is the start of the first hour any batch knows of. Never changed once made. */
export interface LakeState {
  readonly batches: readonly BatchRecord[];
  readonly excluded: ReadonlySet<string>;
  readonly earliest: number | undefined;
  /** Captures before it may have been deleted: no slice reads there. */
  readonly retainedFrom?: number;
}

/** The batches a slice is made of: sorted by id, excluded ones left out. */
export interface InputSet {
  readonly batches: readonly BatchRecord[];
  /** Hex SHA-256 over the sorted `id generation` lines. */
  readonly digest: string;
  /**
   * Generations of all batches that concern the slice, excluded ones too, plus exclusions: the part of `modified` that
   * comes from input.
   */
  readonly steps: number;
  readonly exclusions: number;
  readonly simulated: boolean;
}

/** Batches with anything in an interval, and the digests of input sets that were worked out from them. */
class Near {
  readonly digests = new WeakMap<Feed, Map<string, string>>();
  readonly from: number;
  readonly to: number;
  readonly batches: readonly BatchRecord[];
  /** Was it asked for since it was made or taken over? */
  isUsed = true;

  constructor(lake: LakeState, from: number, to: number) {
    this.from = from;
    this.to = to;
    this.batches = lake.batches.filter((record) => {
      const [first, last] = kept(extents, record, () => extentOf(record));
      return first * hourMs < to && last * hourMs > from;
    });
  }
}

/** What was worked out for one state of the lake. */
class Worked {
  readonly near = new Map<string, Near>();
  readonly sets = new WeakMap<Feed, Map<string, InputSet>>();
}

const worked = new WeakMap<LakeState, Worked>();

/** The entry of a map under `key`, made where it isn't there. */
function kept<K, V>(map: { get(key: K): V | undefined; set(key: K, value: V): unknown }, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

const workedOf = (lake: LakeState) => kept(worked, lake, () => new Worked());

const sliceName = (policy: Policy, period: Period) => `${policy.digest} ${period.id}`;

/** The input set of a slice: filters are ignored, so that a changed filter doesn't change what is due. */
export function inputSet(lake: LakeState, feed: Feed, policy: Policy, period: Period): InputSet {
  const sets = kept(workedOf(lake).sets, feed, () => new Map());
  return kept(sets, sliceName(policy, period), () => workOut(lake, feed, policy, period));
}

/** The digest of {@link inputSet} alone, for whom that is enough: it is remembered at a fraction of the room. */
export function inputDigest(lake: LakeState, feed: Feed, policy: Policy, period: Period): string {
  const digests = kept(batchesNear(lake, feed, period).digests, feed, () => new Map());
  return kept(digests, sliceName(policy, period), () => workOut(lake, feed, policy, period).digest);
}

/**
 * Takes over to a later state of the lake what still holds: digests of periods that no batch was added to. What nobody
 * asked for since it was taken over last is left behind.
 */
export function takeOver(before: LakeState, after: LakeState): void {
  const isSame =
    before.excluded.size === after.excluded.size && [...after.excluded].every((id) => before.excluded.has(id));
  if (!isSame) return;
  const { near: known } = workedOf(after);
  for (const [key, near] of workedOf(before).near) {
    if (!near.isUsed) continue;
    const { batches } = new Near(after, near.from, near.to);
    if (batches.length !== near.batches.length || batches.some((record, at) => record !== near.batches[at])) continue;
    near.isUsed = false;
    known.set(key, near);
  }
}

function workOut(lake: LakeState, feed: Feed, policy: Policy, period: Period): InputSet {
  const concerned = batchesNear(lake, feed, period).batches.filter((record) =>
    isConcerned(record, feed, policy, period),
  );
  const batches = concerned.filter((record) => !lake.excluded.has(record.batch));
  const lines = batches.map((record) => `${record.batch} ${record.generation}\n`).sort();
  const exclusions = concerned.length - batches.length;
  return {
    batches,
    digest: createHash("sha256").update(lines.join("")).digest("hex"),
    steps: concerned.reduce((sum, record) => sum + record.generation, 0) + exclusions,
    exclusions,
    simulated: batches.some((record) => record.simulated),
  };
}

/** What a slice of the period reads, whomever it concerns: a few of all batches that the lake holds. */
function batchesNear(lake: LakeState, feed: Feed, period: Period): Near {
  const from = readsFrom(feed, period);
  const near = kept(workedOf(lake).near, `${from} ${period.end}`, () => new Near(lake, from, period.end));
  near.isUsed = true;
  return near;
}

const extents = new WeakMap<BatchRecord, readonly [number, number]>();

/** The hours [first, last) outside of which a record says nothing. */
function extentOf({ hours, captures, requests, concerns }: BatchRecord): readonly [number, number] {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const sides = Object.values(concerns).flatMap((economies) => Object.values(economies));
  for (const ranges of [hours, captures, requests, ...sides]) {
    first = Math.min(first, ranges[0]?.[0] ?? first);
    last = Math.max(last, ranges.at(-1)?.[1] ?? last);
  }
  return [first, last];
}

/**
 * Does any of the batch's hours of this kind lie in the covered part of the period (or, for a summary, the one before)?
 */
function isConcerned(record: BatchRecord, feed: Feed, policy: Policy, period: Period): boolean {
  if (feed.grain === "summary") {
    const from = readsFrom(feed, period);
    return [record.captures, record.requests, record.hours].some((ranges) => touches(ranges, from, period.end));
  }
  const { from, to } = policy.covers;
  if (policy.economies === "all") return touches(record.captures, from, to);
  return policy.economies.some((economy) =>
    feed.sides.some((side) => touches(record.concerns[side][economy.code], Math.max(from, economy.since ?? from), to)),
  );
}

/** The earliest instant whose captures a slice reads. */
export function readsFrom(feed: Feed, period: Period): number {
  return feed.grain === "summary" ? previousPeriod(period).start : period.start;
}

/**
 * Put-once records of a slice: `slices/<feed>/<policy>/<period>/again-<name>.json` and `revoke-<name>.json`. They count
 * into `modified` and ids of STIX objects, so that these rise with what an operator did. No partner can read them.
 */
import { createHash } from "node:crypto";
import { SpampotsError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import type { SliceRecords } from "./compose.ts";
import type { Manifest } from "./manifest.ts";

type Kind = "again" | "revoke";

/** Whose records: a feed's, under a policy, of a period. */
export interface RecordedSlice {
  readonly feed: string;
  readonly policyDigest: string;
  readonly period: string;
}

/** A record as it was put; `isNew` where it wasn't there before. */
export interface SliceRecord {
  readonly key: string;
  readonly isNew: boolean;
}

/** What is known of a slice's records beside what a listing shows. */
export interface KnownRecords {
  /** Those just put: they count though a listing may lag behind. */
  readonly own?: readonly SliceRecord[];
  /** Publications of the period: what they counted under this policy must be there. */
  readonly stated?: readonly Manifest[];
}

const prefix = ({ feed, policyDigest, period }: RecordedSlice) =>
  `slices/${feed}/${policyDigest.slice(0, 32)}/${period}/`;

/**
 * How many records of each kind there are. A listing that lacks some that a publication counted is asked for once more:
 * with fewer, `modified` would go back.
 *
 * @throws SpampotsError `log-behind` where some are missing.
 */
export async function readSliceRecords(
  store: Store,
  slice: RecordedSlice,
  known: KnownRecords = {},
): Promise<SliceRecords> {
  const records = (await countRecords(store, slice, known)) ?? (await countRecords(store, slice, known));
  if (records !== undefined) return records;
  throw new SpampotsError("log-behind", "Records of a slice that were counted before aren't there.", {
    hint: "Run it again. If that stays, bring back what is below this prefix from a copy of the store.",
    prefix: prefix(slice),
    store: store.url,
  });
}

/** `undefined` where there are fewer than were counted before. */
async function countRecords(
  store: Store,
  slice: RecordedSlice,
  { own = [], stated = [] }: KnownRecords,
): Promise<SliceRecords | undefined> {
  const under = prefix(slice);
  const mine = own.filter(({ key }) => key.startsWith(under));
  const keys = new Set(mine.map(({ key }) => key));
  for await (const { key } of store.list(under)) keys.add(key);
  const count = (kind: Kind) => [...keys].filter((key) => key.startsWith(`${under}${kind}-`)).length;
  const records = { again: count("again"), revokes: count("revoke") };
  // Nobody can have counted what is new.
  const newOnes = (kind: Kind) => mine.filter(({ key, isNew }) => isNew && key.startsWith(`${under}${kind}-`)).length;
  const isWhole = stated
    .filter(({ policy }) => policy.digest === slice.policyDigest)
    .every(
      ({ input }) =>
        records.again - newOnes("again") >= input.again && records.revokes - newOnes("revoke") >= input.revokes,
    );
  return isWhole ? records : undefined;
}

/** Puts a record named by what it is for, so that doing it twice counts once. */
export async function putSliceRecord(
  store: Store,
  kind: Kind,
  slice: RecordedSlice,
  purpose: string,
): Promise<SliceRecord> {
  const name = createHash("sha256").update(purpose).digest("hex").slice(0, 16);
  const body = new TextEncoder().encode(`${JSON.stringify({ v: 1, purpose })}\n`);
  const key = `${prefix(slice)}${kind}-${name}.json`;
  return { key, isNew: (await store.putOnce(key, body)) === "created" };
}

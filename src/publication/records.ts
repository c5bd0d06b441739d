/**
 * Put-once records of a slice: `slices/<feed>/<policy>/<period>/again-<name>.json` and `revoke-<name>.json`. They count
 * into `modified` and ids of STIX objects, so that these rise with what an operator did. No partner can read them.
 */
import { createHash } from "node:crypto";
import type { Store } from "../store/store.ts";
import type { SliceRecords } from "./compose.ts";

const prefix = (feed: string, policyDigest: string, period: string) =>
  `slices/${feed}/${policyDigest.slice(0, 32)}/${period}/`;

/** How many records of each kind there are; `own`, the keys of those just put, count though a listing may lag behind. */
export async function readSliceRecords(
  store: Store,
  feed: string,
  policyDigest: string,
  period: string,
  own: readonly string[] = [],
): Promise<SliceRecords> {
  const under = prefix(feed, policyDigest, period);
  const keys = new Set(own.filter((key) => key.startsWith(under)));
  for await (const { key } of store.list(under)) keys.add(key);
  const count = (kind: string) => [...keys].filter((key) => key.startsWith(`${under}${kind}-`)).length;
  return { again: count("again"), revokes: count("revoke") };
}

/** Puts a record named by what it is for, so that doing it twice counts once. Returns its key. */
export async function putSliceRecord(
  store: Store,
  kind: "again" | "revoke",
  slice: { readonly feed: string; readonly policyDigest: string; readonly period: string },
  purpose: string,
): Promise<string> {
  const name = createHash("sha256").update(purpose).digest("hex").slice(0, 16);
  const body = new TextEncoder().encode(`${JSON.stringify({ v: 1, purpose })}\n`);
  const key = `${prefix(slice.feed, slice.policyDigest, slice.period)}${kind}-${name}.json`;
  await store.putOnce(key, body);
  return key;
}

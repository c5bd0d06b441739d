/**
 * Put-once records of a slice: `slices/<feed>/<policy>/<period>/again-<name>.json` and `revoke-<name>.json`. They count
 * into `modified` and ids of STIX objects, so that these rise with what an operator did. No partner can read them.
 */
import { createHash } from "node:crypto";
import type { Store } from "../store/store.ts";
import type { SliceRecords } from "./compose.ts";

const prefix = (feed: string, policyDigest: string, period: string) =>
  `slices/${feed}/${policyDigest.slice(0, 32)}/${period}/`;

/** How many records of each kind there are. */
export async function readSliceRecords(
  store: Store,
  feed: string,
  policyDigest: string,
  period: string,
): Promise<SliceRecords> {
  let again = 0;
  let revokes = 0;
  const under = prefix(feed, policyDigest, period);
  for await (const { key } of store.list(under)) {
    if (key.startsWith(`${under}again-`)) again += 1;
    else if (key.startsWith(`${under}revoke-`)) revokes += 1;
  }
  return { again, revokes };
}

/** Puts a record named by what it is for, so that doing it twice counts once. */
export async function putSliceRecord(
  store: Store,
  kind: "again" | "revoke",
  slice: { readonly feed: string; readonly policyDigest: string; readonly period: string },
  purpose: string,
): Promise<void> {
  const name = createHash("sha256").update(purpose).digest("hex").slice(0, 16);
  const body = new TextEncoder().encode(`${JSON.stringify({ v: 1, purpose })}\n`);
  await store.putOnce(`${prefix(slice.feed, slice.policyDigest, slice.period)}${kind}-${name}.json`, body);
}

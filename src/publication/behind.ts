/**
 * What a publisher asks of a log before it adds to it: that it isn't behind what partners have seen (a store restored
 * from an old copy), and that its newest publication is the issuer's own (not put there by whoever holds a retired key).
 *
 * @see design §3 points 11 and 14
 */
import { isError, SpampotsError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { type Chain, readChain, states } from "./chain.ts";
import type { Keyring } from "./keys.ts";
import { type Publication, readTip, refuseForeign, sequenceName, tipSequence } from "./log.ts";
import { feedPrefix } from "./manifest.ts";
import { checkMark, isMarked, markedSequence, readMark } from "./marks.ts";
import { keyFinder } from "./sign.ts";

/** The error for a tip that nobody should build on. */
export function refuseTip({ kid, manifest }: Publication, place: Store): SpampotsError {
  return new SpampotsError("verify-failed", "A publication is signed by a key that was retired before.", {
    hint: "Somebody who holds the retired key may have put it there: compare it with a copy of the store.",
    kid,
    sequence: manifest.sequence,
    store: place.url,
  });
}

/** What is known of a log before it is read. */
export interface Beforehand {
  /** Those of this site. */
  readonly marks?: Store;
  /** A sequence that was there: only what came after is listed. */
  readonly known?: number;
  /** The partner's announcements, where they were read already. */
  readonly chain?: Chain;
}

/**
 * The newest publication of a feed, safe to publish after: signed by the live key (or, during a rotation, the one
 * before), stated by an announcement of the partner's chain, or marked as published from here (a publisher may be
 * overtaken by a rotation between its signature and its commit). `undefined` for an empty log.
 *
 * @param store the whole store.
 * @throws SpampotsError `log-behind`, `verify-failed`, `bad-manifest`; `bad-key` where the keys were rotated since the
 *   keyring was opened.
 */
export async function readOwnTip(
  store: Store,
  partner: string,
  feed: string,
  keyring: Keyring,
  { marks, known = 0, chain: read }: Beforehand = {},
): Promise<Publication | undefined> {
  const place = store.under(feedPrefix(partner, feed));
  const mark = marks === undefined ? undefined : await readMark(marks, partner, feed);
  try {
    const chain = read ?? (await readChain(store.under(`partners/${partner}`)));
    refuseForeignChain(chain, keyring, place);
    const found = await readTipAfter(place, Math.max(known, markedSequence(mark)), keyring);
    if (found !== undefined) refuseForeign(found, partner, feed, place);
    checkMark(mark, found, place);
    if (found === undefined || found.kid === keyring.live || found.kid === keyring.rotatingFrom) return found;
    const tip = { feed, sequence: found.manifest.sequence, payload_sha256: found.payloadSha256 };
    if (states(chain, tip) || isMarked(mark, found)) return found;
    throw refuseTip(found, place);
  } catch (error) {
    // A key that this process doesn't know may be that of a rotation since it began.
    if (isError(error, "verify-failed")) await keyring.stillLive();
    throw error;
  }
}

/** The newest publication, by a look at what came after one that was there: however long the log, it costs the same. */
async function readTipAfter(place: Store, known: number, { keys }: Keyring): Promise<Publication | undefined> {
  const keyOf = keyFinder(keys);
  const found = await readTip(place, keyOf, known);
  // A log that ends before it is read as a whole, to say where.
  return found === undefined && known > 0 ? readTip(place, keyOf) : found;
}

/** The store isn't trusted: a chain that our keys didn't sign vouches for nothing. @throws SpampotsError `verify-failed` */
function refuseForeignChain({ announcements, broken }: Chain, keyring: Keyring, place: Store): void {
  const ours = announcements.every(({ signedBy }) => keyring.keys.some((key) => key.kid === signedBy));
  if (ours && broken === undefined) return;
  throw new SpampotsError("verify-failed", "The announcements of keys in the store aren't ours, or are damaged.", {
    hint: "Somebody else writes to the store, or the key folder is an old copy. Restore what is wrong; nothing is published meanwhile.",
    store: place.url,
    ...(broken === undefined ? {} : { broken }),
  });
}

/**
 * Refuses where the log of a feed is behind its traces: a gap in its numbers, a tip in the partner's announcements of
 * keys, or a receipt below `receipts/<partner>/<feed>/<8-digit sequence>`, of a publication that it doesn't have.
 *
 * @param store the whole store.
 * @throws SpampotsError `log-behind`
 */
export async function checkNotBehind(store: Store, partner: string, feed: string): Promise<void> {
  const tip = await tipSequence(store.under(feedPrefix(partner, feed)));
  const seen = Math.max(await announcedTip(store, partner, feed), await receiptAbove(store, partner, feed, tip));
  // Others may have gone on between the two looks.
  if (seen <= tip || seen <= (await tipSequence(store.under(feedPrefix(partner, feed)), tip))) return;
  throw new SpampotsError("log-behind", "The log is behind what a partner has seen.", {
    hint: "The store was restored from an old copy: bring back the publications up to the one named here, then publish again.",
    partner,
    feed,
    log: tip,
    seen,
  });
}

async function announcedTip(store: Store, partner: string, feed: string): Promise<number> {
  const { announcements } = await readChain(store.under(`partners/${partner}`));
  const tips = announcements.flatMap(({ said }) => said.tips ?? []).filter((tip) => tip.feed === feed);
  return Math.max(0, ...tips.map((tip) => tip.sequence));
}

/** A receipt of a later publication, by listing from there on. */
async function receiptAbove(store: Store, partner: string, feed: string, tip: number): Promise<number> {
  const prefix = `receipts/${partner}/${feed}/`;
  // "~" comes after whatever a receipt's name can have behind its sequence.
  for await (const { key } of store.list(prefix, { after: `${prefix}${sequenceName(tip)}~` })) {
    const sequence = /^\d{8}/.exec(key.slice(prefix.length))?.[0];
    if (sequence !== undefined) return Number(sequence);
  }
  return 0;
}

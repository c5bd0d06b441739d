/**
 * Announces keys: one chain for the whole store, and a copy of its own in each partner's prefix, so that a partner never
 * learns of another and proves its own prefix offline with one pinned thumbprint.
 *
 * A rotation writes two announcements: the old key announces the new one, then the new key takes over: it states the
 * tips of the partner's feeds, so that what retired keys signed counts by a signature of the live one.
 *
 * @see design §3 point 14, RFC 7517
 */
import { SpampotsError } from "../errors.ts";
import { secondsInstant } from "../feed/period.ts";
import type { Store } from "../store/store.ts";
import { refuseTip } from "./behind.ts";
import { type Announcement, announcementSchema, type Chain, readChain, states, type Tip } from "./chain.ts";
import { encodeExact } from "./exact-json.ts";
import { jwks, type PublicKey } from "./jwk.ts";
import type { Keyring } from "./keys.ts";
import { readTip, sequenceName } from "./log.ts";
import { feedPrefix } from "./manifest.ts";
import { isMarked, readMark } from "./marks.ts";
import { jwsMediaType, keyFinder, type Signer } from "./sign.ts";

/** Who announces, and when. */
export interface Announcing {
  readonly issuer: string;
  readonly keyring: Keyring;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  /** Marks of what was published from here: such a tip is stated whatever key signed it. */
  readonly marks?: Store;
}

/**
 * Sees to it that the live key is announced in a partner's chain (`undefined`: the whole store's), before the first
 * manifest under it. Cheap where it is. Returns the number of announcements written.
 *
 * @param store the whole store.
 * @throws SpampotsError `verify-failed` where the chain or a tip doesn't hold, `bad-key` where the key before is needed
 *   and isn't at hand, or the live key was retired (an old copy of the key folder).
 */
export async function ensureAnnounced(
  store: Store,
  partner: string | undefined,
  announcing: Announcing,
): Promise<number> {
  return announce(store, partner, announcing, false);
}

/**
 * Announces a rotation everywhere: the store's chain, then each partner's, where tips that a retired key signed are
 * stated anew if need be. To be called again after a failure; what is announced already stays as it is.
 *
 * @throws SpampotsError as {@link ensureAnnounced}.
 */
export async function announceRotation(
  store: Store,
  announcing: Announcing,
  onPartner?: (partner: string) => void,
): Promise<number> {
  let written = await announce(store, undefined, announcing, true);
  for await (const partner of store.children("partners/")) {
    written += await announce(store, partner, announcing, true);
    onPartner?.(partner);
  }
  return written;
}

/**
 * States a partner's tips that a retired key signed, where no announcement does: what a publisher committed while its key
 * was being retired. Cheap where there are none.
 *
 * @throws SpampotsError as {@link ensureAnnounced}.
 */
export async function announceTips(store: Store, partner: string, announcing: Announcing): Promise<number> {
  return announce(store, partner, announcing, true);
}

/** More than the announcements that one call can need, other processes announcing at the same time included. */
const attempts = 20;

async function announce(
  store: Store,
  partner: string | undefined,
  announcing: Announcing,
  settle: boolean,
): Promise<number> {
  const place = partner === undefined ? store : store.under(`partners/${partner}`);
  for (let written = 0, attempt = 0; attempt < attempts; attempt += 1) {
    const chain = await readChain(place);
    if (chain.broken !== undefined) throw refuseChain(chain.broken, place);
    const last = chain.announcements.at(-1);
    checkStands(last, partner, announcing.issuer);
    const settled =
      last !== undefined && last.said.live === announcing.keyring.live && last.signedBy === last.said.live;
    if (settled && !settle) return written;
    await announcing.keyring.stillLive();
    const signer = await announcerOf(last, announcing.keyring);
    const tips = partner === undefined ? undefined : await feedTips(store, partner, chain, announcing);
    if (settled && !(tips ?? []).some((tip) => tip.retired && !states(chain, tip))) return written;
    if ((await putNext(place, last, partner, tips, signer, announcing)) === "created") written += 1;
  }
  throw new SpampotsError("store-unavailable", "Other processes keep announcing keys at the same time.", {
    store: place.url,
  });
}

function refuseChain(broken: string, place: Store): SpampotsError {
  return new SpampotsError("verify-failed", "The announcements of keys in the store don't hold.", {
    hint: "Somebody changed them, or the store was restored in part. Nothing is signed on top of them.",
    broken,
    store: place.url,
  });
}

/** What is announced under one name must go on under it: partners compare. */
function checkStands(last: Announcement | undefined, partner: string | undefined, issuer: string): void {
  if (last === undefined || (last.said.issuer === issuer && last.said.partner === partner)) return;
  throw new SpampotsError("bad-argument", "The store's announcements of keys are of another issuer or partner.", {
    hint: "Set SPAMPOTS_ISSUER as it was, or use another store.",
    issuer: last.said.issuer,
    partner: last.said.partner,
  });
}

/** Who signs the next announcement: the key that was live before, or the first one itself. */
async function announcerOf(last: Announcement | undefined, keyring: Keyring): Promise<Signer> {
  const by = last?.said.live ?? keyring.live;
  const signer = by === keyring.live ? keyring.signer : await keyring.signerOf(by);
  if (signer === undefined) {
    throw new SpampotsError(
      "bad-key",
      "The key that was announced before is needed to announce the new one, and isn't at hand.",
      {
        hint: "Run `spampots keys rotate` where the private key named here is.",
        kid: by,
      },
    );
  }
  return signer;
}

async function putNext(
  place: Store,
  last: Announcement | undefined,
  partner: string | undefined,
  tips: readonly FeedTip[] | undefined,
  signer: Signer,
  { issuer, keyring, now }: Announcing,
): Promise<"created" | "exists"> {
  const n = (last?.said.n ?? 0) + 1;
  const announcedAt = secondsInstant(now);
  const payload = encodeExact(announcementSchema, {
    v: 1,
    type: "spampots-keys",
    issuer,
    ...(partner === undefined ? {} : { partner }),
    n,
    previous_sha256: last?.payloadSha256 ?? null,
    announced_at: announcedAt,
    live: keyring.live,
    keys: allKeys(last?.said.keys ?? [], keyring, announcedAt),
    ...(tips === undefined ? {} : { tips: tips.map(({ retired: _, ...tip }) => tip) }),
  });
  return place.putOnce(`keys/${sequenceName(n)}.jws`, await signer.sign(payload, "spampots-keys+jws"), {
    contentType: jwsMediaType,
  });
}

/** Every key announced before, as it was, and every key of the folder; all but the live one retired. */
function allKeys(before: readonly PublicKey[], { keys, live }: Keyring, announcedAt: string): PublicKey[] {
  if (before.some((key) => key.kid === live && key.retired_at !== undefined)) {
    throw new SpampotsError("bad-key", "The live key of the key folder was retired by an announcement in the store.", {
      hint: "The key folder was restored from an old copy: bring the newer one back.",
      kid: live,
    });
  }
  const added = keys.filter((key) => !before.some((old) => old.kid === key.kid));
  return [...before, ...added].map((key) => {
    if (key.kid === live) return key;
    const retired = keys.find((known) => known.kid === key.kid)?.retired_at;
    return { ...key, retired_at: key.retired_at ?? retired ?? announcedAt };
  });
}

type FeedTip = Tip & { readonly retired: boolean };

/**
 * The newest publication of each feed. One by a key that was retired before, and that no announcement states, isn't
 * vouched for: whoever holds such a key could have put it there.
 */
async function feedTips(
  store: Store,
  partner: string,
  chain: Chain,
  { keyring, marks }: Announcing,
): Promise<FeedTip[]> {
  const last = chain.announcements.at(-1)?.said;
  const keys = [...keyring.keys, ...(last?.keys ?? [])];
  const current = [keyring.live, keyring.rotatingFrom, last?.live];
  const tips: FeedTip[] = [];
  for await (const feed of store.children(`partners/${partner}/`)) {
    if (feed === "keys") continue;
    const place = store.under(feedPrefix(partner, feed));
    const mark = marks === undefined ? undefined : await readMark(marks, partner, feed);
    const found = await readTip(place, keyFinder(keys));
    if (found === undefined) continue;
    const tip = { feed, sequence: found.manifest.sequence, payload_sha256: found.payloadSha256 };
    const known = current.includes(found.kid) || states(chain, tip) || isMarked(mark, found);
    if (!known) throw refuseTip(found, place);
    tips.push({ ...tip, retired: found.kid !== keyring.live });
  }
  return tips;
}

/** Every key announced in the chain of this store or prefix, as far as the chain holds; none where there is no chain. */
export async function announcedKeys(store: Store): Promise<readonly PublicKey[]> {
  return (await readChain(store)).announcements.at(-1)?.said.keys ?? [];
}

/** The JWK set of every key ever announced in the store, as text; `undefined` where none is. */
export async function publishedJwks(store: Store): Promise<string | undefined> {
  const keys = await announcedKeys(store);
  return keys.length === 0 ? undefined : jwks(keys);
}

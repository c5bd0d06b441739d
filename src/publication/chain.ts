/**
 * The chain of announcements of keys, read and checked: at `keys/<8-digit n>.jws` of the store, and of each partner's
 * prefix. The first is signed by the key it announces; each later one is signed by the key that was live before it and
 * names the SHA-256 of the payload before it. Pure.
 *
 * @see design §3 point 14, RFC 7517
 */
import { z } from "zod";
import { isError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { decodeExact, type Frozen, secondSchema, sha256Schema } from "./exact-json.ts";
import { type PublicKey, publicKeySchema } from "./jwk.ts";
import { maxJwsBytes, readBounded, sequenceOf } from "./log.ts";
import { payloadDigest } from "./manifest.ts";
import { holds, readJws } from "./sign.ts";

const tipSchema = z.strictObject({ feed: z.string().max(40), sequence: z.int().min(1), payload_sha256: sha256Schema });

/** Schema of an announcement's payload; `partner` and `tips` stand only in a partner's own chain. */
export const announcementSchema = z
  .strictObject({
    v: z.literal(1),
    type: z.literal("spampots-keys"),
    issuer: z.string().min(1).max(1000),
    partner: z.string().max(40).exactOptional(),
    n: z.int().min(1).max(99_999_999),
    previous_sha256: sha256Schema.nullable(),
    announced_at: secondSchema,
    live: z.string(),
    keys: z.array(publicKeySchema).nonempty().max(1000),
    tips: z.array(tipSchema).max(10_000).exactOptional(),
  })
  .refine(
    (said) => said.keys.every((key) => (key.kid === said.live) === (key.retired_at === undefined)),
    "Exactly the live key isn't retired.",
  )
  .refine(
    (said) => said.keys.filter((key) => key.kid === said.live).length === 1,
    "The live key is not among the keys.",
  )
  .refine(
    (said) => (said.partner === undefined) === (said.tips === undefined),
    "Tips stand in a partner's chain, and only there.",
  );

/** What an announcement says, members as signed. */
export type AnnouncementPayload = Frozen<z.infer<typeof announcementSchema>>;
/** The newest publication of a feed at the time of an announcement. */
export type Tip = Frozen<z.infer<typeof tipSchema>>;

/** One announcement of a chain that holds up to here. */
export interface Announcement {
  readonly said: AnnouncementPayload;
  readonly payloadSha256: string;
  /** Thumbprint of the key that signed it. */
  readonly signedBy: string;
}

/** A chain as far as it holds; `broken` says in a sentence what is wrong with the next one. */
export interface Chain {
  readonly announcements: readonly Announcement[];
  readonly broken?: string;
}

/**
 * Reads the chain below `keys/` of a store confined to a partner's prefix (or of the whole store) and checks it: numbers
 * without gap, hashes, signatures, one issuer and partner, no key ever removed or changed. Whether any of its keys is to
 * be trusted is another question.
 *
 * What doesn't hold is read once more: a listing may lag, and a body be damaged on its way, and neither is an attack.
 */
export async function readChain(store: Store): Promise<Chain> {
  const chain = await readOnce(store);
  return chain.broken === undefined ? chain : readOnce(store);
}

async function readOnce(store: Store): Promise<Chain> {
  const announcements: Announcement[] = [];
  for await (const { key } of store.list("keys/")) {
    const n = sequenceOf(key);
    if (n === undefined) continue;
    const previous = announcements.at(-1);
    const next =
      n === announcements.length + 1
        ? await readNext(store, key, previous)
        : `Announcement ${announcements.length + 1} of keys is missing.`;
    if (typeof next === "string") return { announcements, broken: next };
    announcements.push(next);
  }
  return { announcements };
}

async function readNext(store: Store, key: string, previous: Announcement | undefined): Promise<Announcement | string> {
  try {
    const file = await readBounded(store, key, maxJwsBytes);
    return await (file === undefined ? `${nameAfter(previous)} is missing.` : nextAnnouncement(file, previous));
  } catch (error) {
    if (isError(error, "verify-failed")) return `${nameAfter(previous)} can't be read. ${error.message}`;
    throw error;
  }
}

const nameAfter = (previous: Announcement | undefined) => `Announcement ${(previous?.said.n ?? 0) + 1} of keys`;

/** The announcement after `previous` (none for the first), from the bytes of its file; or a sentence with what is wrong with it. */
export async function nextAnnouncement(
  file: Uint8Array,
  previous: Announcement | undefined,
): Promise<Announcement | string> {
  const name = nameAfter(previous);
  try {
    const jws = readJws(file, "spampots-keys+jws");
    const said = decodeExact(announcementSchema, jws.payload, name).value;
    if (said === undefined) return `${name} isn't of the published schema.`;
    const fault = faultAfter(previous, said);
    if (fault !== undefined) return `${name} ${fault}.`;
    const signer = (previous?.said ?? said).keys.find((entry) => entry.kid === (previous?.said ?? said).live);
    if (signer === undefined || signer.kid !== jws.kid || signer.alg !== jws.alg || !(await holds(jws.parts, signer))) {
      return `${name} isn't signed by the key that was live before it.`;
    }
    return { said, payloadSha256: payloadDigest(jws.payload), signedBy: jws.kid };
  } catch (error) {
    if (isError(error, "verify-failed")) return `${name} can't be read. ${error.message}`;
    throw error;
  }
}

function faultAfter(previous: Announcement | undefined, said: AnnouncementPayload): string | undefined {
  if (said.n !== (previous?.said.n ?? 0) + 1) return "stands under another number than its own";
  if (said.previous_sha256 !== (previous?.payloadSha256 ?? null)) return "doesn't follow the one before it";
  if (previous === undefined) return undefined;
  if (said.issuer !== previous.said.issuer || said.partner !== previous.said.partner)
    return "is of another issuer or partner";
  const kept = previous.said.keys.every((old) => said.keys.some((key) => sameKey(old, key)));
  return kept ? undefined : "leaves out or changes a key that was announced before";
}

/** True where the later statement is of the same key, at most newly retired. */
function sameKey(old: PublicKey, later: PublicKey): boolean {
  return (
    old.kid === later.kid &&
    old.from === later.from &&
    (old.retired_at === undefined || old.retired_at === later.retired_at)
  );
}

/** True where an announcement of the chain states this publication as a tip. */
export function states(chain: Chain, tip: Tip): boolean {
  return chain.announcements.some(({ said }) =>
    said.tips?.some((other) => other.feed === tip.feed && other.payload_sha256 === tip.payload_sha256),
  );
}

/**
 * The log of one feed for one partner: `log/<8-digit sequence>.jws`, from 1 without gaps. Putting the next one is the
 * commit of a publication, so that there are never two of one number. Works over a store confined to the feed's prefix.
 *
 * @see design §3 points 10 and 11
 */
import { isError, SpampotsError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { decodeManifest, encodeManifest, type Manifest, maxManifestBytes, payloadDigest } from "./manifest.ts";
import { jwsMediaType, type KeyFinder, openJws, readJws, type Signer } from "./sign.ts";

/** Largest stored JWS that is read: a manifest of the largest size in base64url, and its signature. */
export const maxJwsBytes = Math.ceil((maxManifestBytes * 4) / 3) + 4096;

/** A manifest of the log, its signature checked. */
export interface Publication {
  readonly manifest: Manifest;
  /** Hex SHA-256 of the signed payload: the next one's `previous_sha256`. */
  readonly payloadSha256: string;
  /** Thumbprint of the key that signed. */
  readonly kid: string;
}

const digits = 8;

/** `00000042` */
export function sequenceName(sequence: number): string {
  return String(sequence).padStart(digits, "0");
}

/** Key of a manifest below its feed's prefix. */
export function logKey(sequence: number): string {
  return `log/${sequenceName(sequence)}.jws`;
}

/** The sequence that a key of the log stands for, or `undefined` for any other key. */
export function sequenceOf(key: string): number | undefined {
  const digit = /^(?:log|keys)\/(\d{8})\.jws$/.exec(key)?.[1];
  return digit === undefined || Number(digit) === 0 ? undefined : Number(digit);
}

/**
 * The greatest sequence in the log; 0 for an empty one. From a sequence known to be there, only what came after is
 * listed. A listing may lag behind what was put (some services list what they hold some time later), so the last word has
 * a look at the next number itself.
 *
 * @throws SpampotsError `log-behind` where a number is missing.
 */
export async function tipSequence(store: Store, known = 0): Promise<number> {
  let tip = known;
  const options = known === 0 ? {} : { after: logKey(known) };
  for await (const { key } of store.list("log/", options)) {
    const sequence = sequenceOf(key);
    if (sequence === undefined) continue;
    if (sequence !== tip + 1) {
      throw new SpampotsError("log-behind", "The log has a gap: a publication is missing.", {
        hint: "The store was damaged or restored in part. Restore what is missing from a copy; nothing is published meanwhile.",
        missing: tip + 1,
        found: sequence,
        store: store.url,
      });
    }
    tip = sequence;
  }
  while ((await store.stat(logKey(tip + 1))) !== undefined) tip += 1;
  return tip;
}

/**
 * The newest publication, or `undefined` for an empty log. `known` as in {@link tipSequence}.
 *
 * @throws SpampotsError `log-behind`, `verify-failed`, `bad-manifest`.
 */
export async function readTip(store: Store, keyOf: KeyFinder, known = 0): Promise<Publication | undefined> {
  const sequence = await tipSequence(store, known);
  if (sequence === 0) return undefined;
  // One that was only known from before may be gone with the log; what was just seen can't be.
  return sequence === known ? readManifest(store, sequence, keyOf) : readThere(store, sequence, keyOf);
}

/**
 * One publication, its signature and number checked; what it says of others isn't. `undefined` where it isn't there.
 *
 * @throws SpampotsError `verify-failed`, `bad-manifest`.
 */
export async function readManifest(store: Store, sequence: number, keyOf: KeyFinder): Promise<Publication | undefined> {
  return (await readSigned(store, sequence, keyOf))?.publication;
}

/**
 * As {@link readManifest}, of a sequence that is known to be in the log: what isn't there at one look is looked for again,
 * since a service that answers wrongly once would otherwise make a history shorter than it is.
 *
 * @throws SpampotsError `log-behind` where it isn't there, and as {@link readManifest}.
 */
export async function readThere(store: Store, sequence: number, keyOf: KeyFinder): Promise<Publication> {
  const found = (await readManifest(store, sequence, keyOf)) ?? (await readManifest(store, sequence, keyOf));
  if (found !== undefined) return found;
  throw new SpampotsError("log-behind", "A publication that is in the log isn't there.", {
    hint: "Run it again. If that stays, `spampots verify` names what is missing: bring it back from a copy.",
    key: logKey(sequence),
    store: store.url,
  });
}

/** As {@link readManifest}, with the file itself, a flattened JWS, for those who pass it on. @throws as that */
export async function readSigned(
  store: Store,
  sequence: number,
  keyOf: KeyFinder,
): Promise<{ readonly publication: Publication; readonly signed: Uint8Array } | undefined> {
  const signed = await readBounded(store, logKey(sequence), maxJwsBytes);
  if (signed === undefined) return undefined;
  try {
    const { kid, payload } = await openJws(signed, "spampots-manifest+jws", keyOf);
    const manifest = decodeManifest(payload);
    if (manifest.sequence === sequence) {
      return { publication: { manifest, payloadSha256: payloadDigest(payload), kid }, signed };
    }
    throw new SpampotsError("verify-failed", "A manifest stands under another number than its own.", {
      sequence,
      states: manifest.sequence,
    });
  } catch (error) {
    throw placed(error, store, sequence);
  }
}

/** The same error, with the place and the next step. */
function placed(error: unknown, store: Store, sequence: number): unknown {
  if (!isError(error) || error.hint !== undefined) return error;
  return new SpampotsError(error.code, error.message, {
    ...error.facts,
    cause: error,
    hint: "Run it again; if that stays, a manifest in the store was changed. `spampots verify` names all that was; bring it back from a copy.",
    key: logKey(sequence),
    store: store.url,
  });
}

/** A manifest of another log, copied here under a good signature. @throws SpampotsError `verify-failed` */
export function refuseForeign({ manifest }: Publication, partner: string, feed: string, place: Store): void {
  if (manifest.partner === partner && manifest.feed === feed) return;
  throw new SpampotsError("verify-failed", "A publication stands in a log that isn't its own.", {
    hint: "Somebody copied it there: restore this log from a copy of the store. Nothing is published in it meanwhile.",
    sequence: manifest.sequence,
    store: place.url,
  });
}

/** "appended", or "already" where this very payload stands there, or "lost" where another publisher was first. */
export type Appended = "appended" | "already" | "lost";

/**
 * Signs and commits a manifest under its sequence, by one put-once. After "lost" the caller computes due again from the
 * new tip.
 *
 * @throws SpampotsError `bad-manifest`, and the store's own: the outcome is then unknown, and calling again is safe.
 */
export async function append(store: Store, manifest: Manifest, signer: Signer): Promise<Appended> {
  const payload = encodeManifest(manifest);
  const key = logKey(manifest.sequence);
  const file = await signer.sign(payload, "spampots-manifest+jws");
  if ((await store.putOnce(key, file, { contentType: jwsMediaType })) === "created") return "appended";
  const there = await readBounded(store, key, maxJwsBytes);
  if (there === undefined) {
    throw new SpampotsError("store-unfit", "A key is taken, and nothing is stored under it.", {
      hint: "Run it again: nothing was published under a number that is taken. If that stays, something else answers for the store.",
      key,
      store: store.url,
    });
  }
  try {
    return Buffer.compare(payload, readJws(there, "spampots-manifest+jws").payload) === 0 ? "already" : "lost";
  } catch (error) {
    throw placed(error, store, manifest.sequence);
  }
}

/**
 * The whole of an object that isn't larger than `limit` bytes.
 *
 * @throws SpampotsError `verify-failed` for a larger one: what isn't trusted isn't read into memory without bound.
 */
export async function readBounded(store: Store, key: string, limit: number): Promise<Uint8Array | undefined> {
  const object = await store.open(key);
  if (object === undefined) return undefined;
  if (object.bytes > limit) {
    throw new SpampotsError("verify-failed", "A signed file is larger than any of ours.", { key, bytes: object.bytes });
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of object.body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

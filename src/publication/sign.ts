/**
 * Signatures: the exact bytes of a payload in one flattened JWS, and back. Used for manifests and announcements of keys.
 *
 * A file has one spelling: `{"payload":…,"protected":…,"signature":…}` without white space, and a protected header of
 * `{"alg":…,"kid":…,"typ":…}`. Everything else is refused before a key is looked at: other members (`header`, `crit`,
 * `jwk`, `jku`, `x5u`, `b64`), several signatures, padding, stray bits in base64url, repeated members.
 *
 * @see RFC 7515 §7.2.2 (flattened JWS), RFC 8037 (EdDSA), RFC 8725 §3 (algorithm pinned by key, explicit typ)
 */
import { CompactSign } from "jose/jws/compact/sign";
import { FlattenedSign } from "jose/jws/flattened/sign";
import { flattenedVerify } from "jose/jws/flattened/verify";
import { importJWK } from "jose/key/import";
import { z } from "zod";
import { SpampotsError } from "../errors.ts";
import { decodeExact } from "./exact-json.ts";
import { type PublicKey, publicKeyOf, type SigningAlgorithm, signingAlgorithms } from "./jwk.ts";

/** What a signature is for: stands in the protected header, so that one can't be taken for the other. */
export type SignedType = "spampots-manifest+jws" | "spampots-keys+jws";

/** Media type of a stored JWS in JSON serialization (RFC 7515 §9.2.2). */
export const jwsMediaType = "application/jose+json";

/** A private key, ready to sign. */
export interface Signer {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly key: PublicKey;
  /** The bytes of a flattened JWS over exactly these bytes. Ed25519: the same for the same payload. */
  sign(payload: Uint8Array, typ: SignedType): Promise<Uint8Array>;
  /** A compact JWS over these bytes (RFC 7515 §3.1): a token. */
  signCompact(payload: Uint8Array, typ: string): Promise<string>;
}

/** The three texts of a flattened JWS. */
export interface JwsParts {
  readonly payload: string;
  readonly protected: string;
  readonly signature: string;
}

/** A JWS whose form is right and whose signature nobody has checked yet. */
export interface UncheckedJws {
  readonly parts: JwsParts;
  readonly alg: SigningAlgorithm;
  readonly kid: string;
  readonly payload: Uint8Array;
}

/** Finds a public key by its thumbprint. */
export type KeyFinder = (kid: string) => PublicKey | undefined;

/** A finder among these keys. */
export const keyFinder =
  (keys: readonly PublicKey[]): KeyFinder =>
  (kid) =>
    keys.find((key) => key.kid === kid);

/**
 * A signer from a private JWK.
 *
 * @throws SpampotsError `bad-key` where the JWK isn't a private Ed25519 or P-256 key, or its halves don't belong together.
 */
export async function openSigner(jwk: Readonly<Record<string, unknown>>): Promise<Signer> {
  const { d, ...rest } = jwk;
  const key = publicKeyOf(rest);
  const refuse = () => new SpampotsError("bad-key", "This JWK is no usable private key.", { kid: key.kid });
  if (typeof d !== "string") throw refuse();
  const material = { kty: key.kty, crv: key.crv, x: key.x, ...(key.kty === "EC" ? { y: key.y } : {}), d };
  // The runtime refuses halves that don't belong together. No cause: what it says may quote the key.
  const secret = await importJWK(material, key.alg).catch(() => Promise.reject(refuse()));
  return {
    kid: key.kid,
    alg: key.alg,
    key,
    async sign(payload, typ) {
      const jws = await new FlattenedSign(payload).setProtectedHeader({ alg: key.alg, kid: key.kid, typ }).sign(secret);
      return new TextEncoder().encode(encodeParts({ protected: "", ...jws }));
    },
    signCompact: (payload, typ) =>
      new CompactSign(payload).setProtectedHeader({ alg: key.alg, kid: key.kid, typ }).sign(secret),
  };
}

function encodeParts({ payload, protected: header, signature }: JwsParts): string {
  return JSON.stringify({ payload, protected: header, signature });
}

const partsSchema = z.strictObject({
  payload: z.string(),
  protected: z.string().max(1000),
  signature: z.string().max(200),
});

const headerSchema = z.strictObject({
  alg: z.enum(signingAlgorithms),
  kid: z.string().max(100),
  typ: z.enum(["spampots-manifest+jws", "spampots-keys+jws"]),
});

/**
 * Reads a stored JWS without checking its signature.
 *
 * @throws SpampotsError `verify-failed` where its form isn't exactly ours or its `typ` isn't the one wanted.
 */
export function readJws(file: Uint8Array, typ: SignedType): UncheckedJws {
  const refuse = (message: string) => new SpampotsError("verify-failed", message);
  const parts = decodeExact(partsSchema, file, "jws").value;
  if (parts === undefined) throw refuse("It is not a flattened JWS as we write it.");
  const headerBytes = decodeBase64url(parts.protected);
  const header = headerBytes && decodeExact(headerSchema, headerBytes, "header").value;
  if (header === undefined) throw refuse("Its protected header isn't as we write it.");
  if (header.typ !== typ) throw refuse("It was signed for another use.");
  const payload = decodeBase64url(parts.payload);
  if (payload === undefined || decodeBase64url(parts.signature) === undefined)
    throw refuse("It is not strict base64url.");
  return { parts, alg: header.alg, kid: header.kid, payload };
}

/** The bytes of strict base64url (RFC 4648 §5: no padding, no white space, unused bits zero), or `undefined`. */
export function decodeBase64url(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}

const imported = new WeakMap<PublicKey, ReturnType<typeof importJWK>>();

/** True where the signature over these parts holds under the key, by the key's own algorithm and no other. */
export async function holds(parts: JwsParts, key: PublicKey): Promise<boolean> {
  if ([parts.protected, parts.payload, parts.signature].some((part) => decodeBase64url(part) === undefined))
    return false;
  const material = { kty: key.kty, crv: key.crv, x: key.x, ...(key.kty === "EC" ? { y: key.y } : {}) };
  const ready = imported.get(key) ?? importJWK(material, key.alg);
  imported.set(key, ready);
  try {
    await flattenedVerify({ ...parts }, await ready, { algorithms: [key.alg] });
    return true;
  } catch {
    return false;
  }
}

/**
 * The payload of a stored JWS whose signature holds under a key that `keyOf` knows.
 *
 * @throws SpampotsError `verify-failed` with `kid`, where one is stated.
 */
export async function openJws(
  file: Uint8Array,
  typ: SignedType,
  keyOf: KeyFinder,
): Promise<{ readonly kid: string; readonly payload: Uint8Array }> {
  const jws = readJws(file, typ);
  const key = keyOf(jws.kid);
  if (key === undefined)
    throw new SpampotsError("verify-failed", "It is signed by a key that isn't known.", { kid: jws.kid });
  if (key.alg !== jws.alg || !(await holds(jws.parts, key))) {
    throw new SpampotsError("verify-failed", "Its signature doesn't hold.", { kid: jws.kid });
  }
  return { kid: jws.kid, payload: jws.payload };
}

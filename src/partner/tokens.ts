/**
 * Tokens: what a partner shows to fetch its publications. Two kinds, each with a `typ` and a longest life of its own, so
 * that one can't be taken for the other:
 *
 * - an access token, which a partner's machine gets for a few minutes against a proof of its own key;
 * - a partner token, which the operator makes for clients that know no OAuth.
 *
 * Checked strictly: issuer, audience, algorithm and `typ` are pinned, `exp` and `iat` required and their distance
 * bounded, nothing of the future. Whether the partner may come in today is asked elsewhere, at each request.
 *
 * @see RFC 9068 (JWT access tokens), RFC 8725 §3 (JWT best practices)
 */
import { compactVerify } from "jose/jws/compact/verify";
import { importJWK } from "jose/key/import";
import { z } from "zod";
import type { PublicKey } from "../publication/jwk.ts";
import type { Signer } from "../publication/sign.ts";
import { readCompactJwt } from "./compact-jwt.ts";

/** Longest life of an access token, in seconds. */
export const accessTokenSeconds = 600;

/** Longest life of a token that the operator makes, in seconds: 400 days, so that a yearly change has a month's leave. */
export const partnerTokenSeconds = 400 * 86_400;

const second = z.int().min(0).max(4_102_444_800);
const identity = z.string().min(1).max(100);
const common = { iss: z.string(), aud: z.string(), sub: identity, iat: second, exp: second, jti: identity };

/** Claims of an access token: RFC 9068 §2.2, and the thumbprint of the key that the partner proved. */
const accessClaims = z.strictObject({ ...common, client_id: identity, scope: z.string(), client_key: identity });
const partnerClaims = z.strictObject(common);

/** What a token says that holds. */
export interface TokenFacts {
  readonly kind: "access" | "partner";
  /** Its `jti`. */
  readonly id: string;
  readonly partner: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Feeds it is good for; absent for all that the partner subscribes. */
  readonly feeds?: readonly string[];
  /** Access tokens: thumbprint of the partner's key that it was given for. */
  readonly clientKey?: string;
}

const kinds = {
  "at+jwt": { kind: "access", schema: accessClaims, longest: accessTokenSeconds },
  "spampots-token+jwt": { kind: "partner", schema: partnerClaims, longest: partnerTokenSeconds },
} as const;

/** `typ` of a token: which kind it is. */
export type TokenType = keyof typeof kinds;

/** Who makes tokens, for whom: the base URL of the service is both issuer and audience. */
export interface TokenRealm {
  readonly url: string;
}

const encoder = new TextEncoder();

async function mint(signer: Signer, typ: TokenType, claims: object): Promise<string> {
  return signer.signCompact(encoder.encode(JSON.stringify(claims)), typ);
}

/** An access token for `feeds`. `now` in milliseconds. */
export async function mintAccessToken(
  { url }: TokenRealm,
  signer: Signer,
  given: { partner: string; clientKey: string; feeds: readonly string[]; id: string; now: number },
): Promise<string> {
  const iat = Math.floor(given.now / 1000);
  return mint(signer, "at+jwt", {
    iss: url,
    aud: url,
    sub: given.partner,
    iat,
    exp: iat + accessTokenSeconds,
    jti: given.id,
    client_id: given.partner,
    scope: given.feeds.join(" "),
    client_key: given.clientKey,
  });
}

/** A partner token that holds for `seconds`. `now` in milliseconds. */
export async function mintPartnerToken(
  { url }: TokenRealm,
  signer: Signer,
  given: { partner: string; seconds: number; id: string; now: number },
): Promise<string> {
  const iat = Math.floor(given.now / 1000);
  const exp = iat + Math.min(given.seconds, partnerTokenSeconds);
  return mint(signer, "spampots-token+jwt", { iss: url, aud: url, sub: given.partner, iat, exp, jti: given.id });
}

/**
 * What a token says, if it holds at `now` (milliseconds) under one of these keys; `undefined` for every other text, for
 * whatever reason. A retired key's tokens hold where they were made before it was retired, so that a rotation breaks none.
 */
export async function checkToken(
  { url }: TokenRealm,
  keys: readonly PublicKey[],
  token: string,
  now: number,
): Promise<TokenFacts | undefined> {
  const unchecked = readCompactJwt(token);
  const typ = unchecked?.header.typ;
  if (unchecked === undefined || (typ !== "at+jwt" && typ !== "spampots-token+jwt")) return undefined;
  const { kind, schema, longest } = kinds[typ];
  const claims = schema.safeParse(unchecked.claims);
  const key = keys.find(({ kid, alg }) => kid === unchecked.header.kid && alg === unchecked.header.alg);
  if (!claims.success || key === undefined) return undefined;
  const { iss, aud, sub, iat, exp, jti } = claims.data;
  if (iss !== url || aud !== url || !isTimely({ iat, exp }, longest, now)) return undefined;
  if (key.retired_at !== undefined && iat * 1000 > Date.parse(key.retired_at)) return undefined;
  if (!(await signatureHolds(token, key))) return undefined;
  const facts = { kind, id: jti, partner: sub, issuedAt: iat, expiresAt: exp };
  const access = accessClaims.safeParse(claims.data);
  if (!access.success) return facts;
  const { scope, client_key } = access.data;
  return { ...facts, feeds: scope.split(" ").filter((feed) => feed !== ""), clientKey: client_key };
}

/** True where a token has begun, hasn't ended, and lives no longer than `longest` seconds. */
export function isTimely(claims: { iat: number; exp: number }, longest: number, now: number): boolean {
  const { iat, exp } = claims;
  return iat * 1000 <= now && now < exp * 1000 && exp > iat && exp - iat <= longest;
}

const imported = new WeakMap<object, ReturnType<typeof importJWK>>();

/** True where a compact JWS holds under this key, by the key's own algorithm and no other. */
export async function signatureHolds(
  token: string,
  key: { readonly kty: string; readonly crv: string; readonly x: string; readonly y?: string; readonly alg: string },
): Promise<boolean> {
  const { kty, crv, x, y, alg } = key;
  try {
    const ready = imported.get(key) ?? importJWK({ kty, crv, x, ...(y === undefined ? {} : { y }) }, alg);
    imported.set(key, ready);
    // RFC 9864 names Ed25519 what RFC 8037 names EdDSA.
    await compactVerify(token, await ready, { algorithms: alg === "EdDSA" ? ["EdDSA", "Ed25519"] : [alg] });
    return true;
  } catch {
    return false;
  }
}

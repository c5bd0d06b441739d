/**
 * Tokens: what the service signs for a partner to show again. Each kind has a `typ` and a longest life of its own, so that
 * none can be taken for another:
 *
 * - an access token, which a partner's machine gets for a few minutes against a proof of its own key;
 * - a partner token, which the operator makes for clients that know no OAuth;
 * - a sign-in link, which the operator makes for a person, and a portal session, which a browser then holds;
 * - an invitation, by which a partner hands in the public half of a key that it makes itself;
 * - a challenge, which a browser answers with a key, and an operator's session, which is none of a partner.
 *
 * Checked strictly: issuer, audience, algorithm and `typ` are pinned, `exp` and `iat` required and their distance
 * bounded, nothing of the future. Whether the partner may come in today is asked elsewhere, at each request.
 *
 * @see RFC 9068 (JWT access tokens), RFC 8725 §3 (JWT best practices)
 */
import { compactVerify } from "jose/jws/compact/verify";
import { importJWK } from "jose/key/import";
import { z } from "zod";
import type { PublicKey } from "../../publication/jwk.ts";
import type { Signer } from "../../publication/sign.ts";
import { readCompactJwt } from "./compact-jwt.ts";

/** Longest life of an access token, in seconds. */
export const accessTokenSeconds = 600;

/** Longest life of a token that the operator makes, in seconds: 400 days, so that a yearly change has a month's leave. */
export const partnerTokenSeconds = 400 * 86_400;

/** Longest life of a one-time link that opens the portal, in seconds. */
export const signInLinkSeconds = 86_400;

/** Longest life of an invitation, in seconds: a week. */
export const invitationSeconds = 7 * 86_400;

/** Life of a challenge, in seconds. */
export const challengeSeconds = 300;

/** Life of a session of the portal, in seconds. */
export const portalSessionSeconds = 3600;

const second = z.int().min(0).max(4_102_444_800);
const identity = z.string().min(1).max(100);
const common = { iss: z.string(), aud: z.string(), sub: identity, iat: second, exp: second, jti: identity };

/** Claims of an access token: RFC 9068 §2.2, and the thumbprint of the key that the partner proved. */
const accessClaims = z.strictObject({ ...common, client_id: identity, scope: z.string(), client_key: identity });
const partnerClaims = z.strictObject(common);

/** Whoever signed in by a link proved no key. */
const sessionClaims = z.strictObject({ ...common, client_key: identity.exactOptional() });

/** `sub` is the door that the challenge is for, `browser` the digest of what that browser alone holds. */
const challengeClaims = z.strictObject({ ...common, browser: identity });

const kinds = {
  "at+jwt": { schema: accessClaims, longest: accessTokenSeconds },
  "spampots-token+jwt": { schema: partnerClaims, longest: partnerTokenSeconds },
  "spampots-sign-in+jwt": { schema: partnerClaims, longest: signInLinkSeconds },
  "spampots-session+jwt": { schema: sessionClaims, longest: portalSessionSeconds },
  "spampots-invitation+jwt": { schema: partnerClaims, longest: invitationSeconds },
  "spampots-challenge+jwt": { schema: challengeClaims, longest: challengeSeconds },
  // Of an operator: `sub` is the thumbprint of the key that was proven.
  "spampots-operator+jwt": { schema: partnerClaims, longest: portalSessionSeconds },
} as const;

/** `typ` of a token: which kind it is. */
export type TokenType = keyof typeof kinds;

/** What a token of a kind says. */
export type Claims<Type extends TokenType> = Readonly<z.infer<(typeof kinds)[Type]["schema"]>>;

/** What a token says that lets a caller in. */
export interface TokenFacts {
  readonly kind: "access" | "partner" | "session";
  /** Its `jti`. */
  readonly id: string;
  readonly partner: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Feeds it is good for; absent for all that the partner subscribes. */
  readonly feeds?: readonly string[];
  /** Where it was given for a key: that one's thumbprint. */
  readonly clientKey?: string;
}

/** Who makes tokens, for whom: the base URL of the service is both issuer and audience. */
export interface TokenRealm {
  readonly url: string;
}

const encoder = new TextEncoder();

/**
 * A token of a kind, which holds for `seconds`, or as long as its kind may. `now` in milliseconds.
 *
 * @param claims beside those that every token has.
 */
export async function mint<Type extends TokenType>(
  { url }: TokenRealm,
  signer: Signer,
  typ: Type,
  claims: Omit<Claims<Type>, "iss" | "aud" | "iat" | "exp">,
  { seconds, now }: { readonly seconds?: number; readonly now: number },
): Promise<string> {
  const { longest } = kinds[typ];
  const iat = Math.floor(now / 1000);
  const exp = iat + Math.min(seconds ?? longest, longest);
  return signer.signCompact(encoder.encode(JSON.stringify({ iss: url, aud: url, iat, exp, ...claims })), typ);
}

/** An access token for `feeds`. `now` in milliseconds. */
export async function mintAccessToken(
  realm: TokenRealm,
  signer: Signer,
  {
    partner,
    clientKey,
    feeds,
    id,
    now,
  }: { partner: string; clientKey: string; feeds: readonly string[]; id: string; now: number },
): Promise<string> {
  const claims = { sub: partner, jti: id, client_id: partner, scope: feeds.join(" "), client_key: clientKey };
  return mint(realm, signer, "at+jwt", claims, { now });
}

/** A partner token that holds for `seconds`. `now` in milliseconds. */
export async function mintPartnerToken(
  realm: TokenRealm,
  signer: Signer,
  { partner, seconds, id, now }: { partner: string; seconds: number; id: string; now: number },
): Promise<string> {
  return mint(realm, signer, "spampots-token+jwt", { sub: partner, jti: id }, { seconds, now });
}

/**
 * What a token of this kind says, if it holds at `now` (milliseconds) under one of these keys; `undefined` for every other
 * text, for whatever reason. A retired key's tokens hold where they were made before it was retired, so that a rotation
 * breaks none.
 */
export async function readToken<Type extends TokenType>(
  { url }: TokenRealm,
  keys: readonly PublicKey[],
  typ: Type,
  token: string,
  now: number,
): Promise<Claims<Type> | undefined> {
  const unchecked = readCompactJwt(token);
  if (unchecked?.header.typ !== typ) return undefined;
  const { schema, longest } = kinds[typ];
  const claims = schema.safeParse(unchecked.claims);
  const key = keys.find(({ kid, alg }) => kid === unchecked.header.kid && alg === unchecked.header.alg);
  if (!claims.success || key === undefined) return undefined;
  const { iss, aud, iat, exp } = claims.data;
  if (iss !== url || aud !== url || !isTimely({ iat, exp }, longest, now)) return undefined;
  if (key.retired_at !== undefined && iat * 1000 > Date.parse(key.retired_at)) return undefined;
  return (await signatureHolds(token, key)) ? (claims.data as Claims<Type>) : undefined; // of the schema of its kind
}

/** What a token says that lets a machine in, of either kind; `undefined` as {@link readToken}. */
export async function checkToken(
  realm: TokenRealm,
  keys: readonly PublicKey[],
  token: string,
  now: number,
): Promise<TokenFacts | undefined> {
  const access = await readToken(realm, keys, "at+jwt", token, now);
  if (access) {
    const feeds = access.scope.split(" ").filter((feed) => feed !== "");
    return { kind: "access", ...factsOf(access), feeds, clientKey: access.client_key };
  }
  const partner = await readToken(realm, keys, "spampots-token+jwt", token, now);
  return partner && { kind: "partner", ...factsOf(partner) };
}

/** What a session of the portal says. */
export function sessionFacts(claims: Claims<"spampots-session+jwt">): TokenFacts {
  const { client_key } = claims;
  return { kind: "session", ...factsOf(claims), ...(client_key === undefined ? {} : { clientKey: client_key }) };
}

function factsOf({ jti, sub, iat, exp }: Claims<TokenType>): Omit<TokenFacts, "kind"> {
  return { id: jti, partner: sub, issuedAt: iat, expiresAt: exp };
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

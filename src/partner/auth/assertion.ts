/**
 * Client assertions: a partner's machine proves that it holds the private half of a key in `partners.yaml`, by a JWT it
 * signs itself and that counts once. Pure.
 *
 * @see RFC 7523 §2.2 and §3 (JWT client authentication), RFC 7521 §4.2, OpenID Connect Core §9 (`private_key_jwt`)
 */
import { z } from "zod";
import { isError } from "../../errors.ts";
import type { Partner } from "../../feed/partners.ts";
import { type PublicKey, publicKeyOf } from "../../publication/jwk.ts";
import { readCompactJwt } from "./compact-jwt.ts";
import { isTimely, signatureHolds } from "./tokens.ts";
import { nobodys } from "./weak-key.ts";

/** Longest life of an assertion, in seconds. */
export const assertionSeconds = 300;

/** The type of assertion that is taken (RFC 7523 §2.2). */
export const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const instant = z.number().min(0).max(4_102_444_800);

const assertionClaims = z.looseObject({
  iss: z.string().max(100),
  sub: z.string().max(100),
  aud: z.union([z.string(), z.array(z.string()).nonempty().max(5)]),
  exp: instant,
  iat: instant,
  nbf: instant.optional(),
  jti: z.string().min(1).max(200),
});

/** `typ` that an assertion may state, or none. */
const assertionTypes = [undefined, "JWT", "jwt", "client-authentication+jwt"];

/** A partner's key, with the name that `partners.yaml` gives it. */
export type ClientKey = PublicKey & { readonly stated: string };

const read = new WeakMap<Pick<Partner, "keys">, readonly ClientKey[]>();

/** A partner's own keys as they stand in `partners.yaml`. Entries that are no usable key are left out. */
export function keysOf(partner: Pick<Partner, "keys">): readonly ClientKey[] {
  const keys = read.get(partner) ?? readKeys(partner);
  read.set(partner, keys);
  return keys;
}

function readKeys(partner: Pick<Partner, "keys">): readonly ClientKey[] {
  return partner.keys.flatMap((jwk) => {
    try {
      // A name that a partner gave its key is nothing to rely on: what counts is the thumbprint.
      const { kid, ...rest } = jwk;
      const key = publicKeyOf(rest);
      return [{ ...key, stated: typeof kid === "string" ? kid : key.kid }];
    } catch (error) {
      if (isError(error, "bad-key")) return [];
      throw error;
    }
  });
}

/** Whose assertion it is, by which key, and what must not be seen again. */
export interface Asserted {
  readonly partner: Partner;
  /** Thumbprint of the key. */
  readonly clientKey: string;
  readonly jti: string;
}

/** What an assertion is held against. */
export interface AssertionContext {
  readonly partners: readonly Partner[];
  /** What `aud` may be: the issuer's identifier, or the URL of the token endpoint. */
  readonly audiences: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Assertions made before are refused: this process may have seen them in an earlier life. Milliseconds. */
  readonly since: number;
}

/**
 * Reads and checks a client assertion but for its single use; `undefined` where anything isn't right.
 *
 * @param clientId the request's `client_id`, where it has one: it must be the partner's.
 */
export async function checkAssertion(
  assertion: string,
  clientId: string | undefined,
  { partners, audiences, now, since }: AssertionContext,
): Promise<Asserted | undefined> {
  const unchecked = readCompactJwt(assertion);
  const parsed = assertionClaims.safeParse(unchecked?.claims);
  if (unchecked === undefined || !parsed.success || !assertionTypes.includes(unchecked.header.typ)) return undefined;
  const { iss, sub, aud, iat, exp, nbf, jti } = parsed.data;
  if (iss !== sub || (clientId !== undefined && clientId !== sub)) return undefined;
  if (![aud].flat().every((audience) => audiences.includes(audience))) return undefined;
  if (!isTimely({ iat, exp }, assertionSeconds, now) || (nbf !== undefined && nbf * 1000 > now)) return undefined;
  // The claim is in whole seconds.
  if (iat * 1000 < Math.floor(since / 1000) * 1000) return undefined;
  const { kid } = unchecked.header;
  const alg = unchecked.header.alg === "ES256" ? "ES256" : "EdDSA";
  const named = (key: { kid: string; stated: string }) => kid === undefined || kid === key.kid || kid === key.stated;
  const partner = partners.find(({ id }) => id === sub);
  const keys = partner === undefined ? [] : keysOf(partner).filter((key) => named(key) && key.alg === alg);
  if (partner === undefined || keys.length === 0) {
    // Who measures the time must not learn which partners there are, and what keys they have.
    await signatureHolds(assertion, nobodys[alg]);
    return undefined;
  }
  for (const key of keys) {
    if (await signatureHolds(assertion, key)) return { partner, clientKey: key.kid, jti };
  }
  return undefined;
}

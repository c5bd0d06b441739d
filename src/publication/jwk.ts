/**
 * Public keys of the issuer: what a JSON Web Key says, its thumbprint, and sets of keys (JWKS). Nothing private passes
 * through here. Pure.
 *
 * @see RFC 7517 (JWK, JWKS), RFC 7638 (thumbprint), RFC 8037 (Ed25519), RFC 7518 §6.2 (P-256)
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { SpampotsError } from "../errors.ts";
import { secondSchema } from "./exact-json.ts";

export const signingAlgorithms = ["EdDSA", "ES256"] as const;
/** Names of RFC 8037 and RFC 7518. With "EdDSA" the curve is always Ed25519. */
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

/** 32 bytes in base64url: the last character carries four bits, so that only these sixteen are possible there. */
const thirtyTwoBytes = z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "Write 32 bytes in base64url.");

const dates = { from: secondSchema, retired_at: secondSchema.exactOptional() };
const okp = { kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: thirtyTwoBytes };
const ec = { kty: z.literal("EC"), crv: z.literal("P-256"), x: thirtyTwoBytes, y: thirtyTwoBytes };
const stated = { use: z.literal("sig"), kid: thirtyTwoBytes };

/** A public key as it stands in announcements and in a JWKS: a JWK with two members of ours, `from` and `retired_at`. */
export const publicKeySchema = z
  .union([
    z.strictObject({ ...okp, ...stated, alg: z.literal("EdDSA"), ...dates }),
    z.strictObject({ ...ec, ...stated, alg: z.literal("ES256"), ...dates }),
  ])
  .refine((key) => thumbprint(key) === key.kid, "The kid isn't the key's RFC 7638 thumbprint.");

/** A public key. `kid` is the RFC 7638 thumbprint, `from` the first instant it signed from, `retired_at` the end of that. */
export type PublicKey = Readonly<z.infer<typeof publicKeySchema>>;

/** Members that make a JWK private or symmetric (RFC 7518 §6, RFC 8037 §2). */
const secretMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** A JWK as others write it: what we need of it, the rest left alone. */
const foreignKey = z.union([
  z.object({ ...okp, alg: z.enum(["EdDSA", "Ed25519"]).optional() }),
  z.object({ ...ec, alg: z.literal("ES256").optional() }),
]);
const foreignFacts = z.object({
  kid: z.string().optional(),
  use: z.literal("sig").optional(),
  key_ops: z
    .array(z.string())
    .refine((operations) => operations.includes("verify"))
    .optional(),
  from: secondSchema.optional(),
  retired_at: secondSchema.optional(),
});

/** Base64url SHA-256 of a key's required members, in RFC 7638's order. */
export function thumbprint(key: {
  readonly crv: string;
  readonly kty: string;
  readonly x: string;
  readonly y?: string;
}): string {
  const { crv, kty, x, y } = key;
  return createHash("sha256")
    .update(JSON.stringify(y === undefined ? { crv, kty, x } : { crv, kty, x, y }))
    .digest("base64url");
}

const earliest = "1970-01-01T00:00:00Z";

/**
 * A public key from a JWK of whatever origin. `from` is 1970 where the JWK doesn't say.
 *
 * @throws SpampotsError `bad-key` where it is private, not for signatures, of another kind, or has a `kid` that isn't
 *   its thumbprint.
 */
export function publicKeyOf(jwk: unknown): PublicKey {
  if (typeof jwk === "object" && jwk !== null && secretMembers.some((name) => name in jwk)) {
    throw new SpampotsError("bad-key", "This JWK is private, where a public one is wanted.", {
      hint: "Treat the key as known to others: replace it, and hand on only the set that `spampots keys list --jwks` prints.",
    });
  }
  const material = foreignKey.safeParse(jwk);
  const facts = foreignFacts.safeParse(jwk);
  if (!material.success || !facts.success) {
    throw new SpampotsError("bad-key", "This JWK is no public key for signatures by Ed25519 or ES256.");
  }
  const key = material.data;
  const kid = thumbprint(key);
  if (facts.data.kid !== undefined && facts.data.kid !== kid) {
    throw new SpampotsError("bad-key", "The kid of this JWK isn't its RFC 7638 thumbprint.", {
      kid: facts.data.kid,
      thumbprint: kid,
    });
  }
  const { retired_at } = facts.data;
  const tail = { use: "sig", kid } as const;
  const times = { from: facts.data.from ?? earliest, ...(retired_at === undefined ? {} : { retired_at }) };
  return key.kty === "OKP"
    ? { kty: key.kty, crv: key.crv, x: key.x, ...tail, alg: "EdDSA", ...times }
    : { kty: key.kty, crv: key.crv, x: key.x, y: key.y, ...tail, alg: "ES256", ...times };
}

/** A JWK set as text, for partners and for `serve`: every key ever used, the retired ones with `retired_at`. */
export function jwks(keys: readonly PublicKey[]): string {
  return `${JSON.stringify({ keys }, undefined, 2)}\n`;
}

const setSchema = z.object({ keys: z.array(z.unknown()).max(1000) });

/**
 * The keys of a JWK set, or of a single JWK.
 *
 * @throws SpampotsError `bad-key` where the text is no JWKS, holds a private key, or holds no key.
 */
export function parseJwks(text: string): readonly PublicKey[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be private: it isn't passed on.
    throw new SpampotsError("bad-key", "This is no JWK set: it isn't JSON.");
  }
  const set = setSchema.safeParse(content);
  const keys = (set.success ? set.data.keys : [content]).map(publicKeyOf);
  if (keys.length === 0) throw new SpampotsError("bad-key", "This JWK set holds no key.");
  return keys;
}

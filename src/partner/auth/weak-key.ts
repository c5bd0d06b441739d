/**
 * Keys that are no good: those of examples in documents, whose private half is printed there; points of Ed25519 under which a
 * signature can hold that needs no private half at all, where a library checks no more than the equation; and what is no
 * point of its curve. Pure.
 *
 * @see RFC 8032 §5.1.7 (verification), RFC 7748 §7 and libsodium's `ge25519_has_small_order` (points of small order)
 */
import { createPublicKey } from "node:crypto";
import type { PublicKey } from "../../publication/jwk.ts";

/** Keys of nobody (RFC 8037 A.1, RFC 7515 A.3): what holds under them counts for nothing. */
export const nobodys = {
  EdDSA: { alg: "EdDSA", kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
  ES256: {
    alg: "ES256",
    kty: "EC",
    crv: "P-256",
    x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
  },
} as const;

/** `x` of keys whose private half is printed: RFC 8037 A.1, RFC 7515 A.3, RFC 7517 A.2, RFC 8032 §7.1 (tests 2, 3, 1024, SHA(abc)). */
const printed: readonly string[] = [
  nobodys.EdDSA.x,
  nobodys.ES256.x,
  "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
  "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw",
  "_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU",
  "J4EX_BRMcjQPZ9DyMW6Dhs7_vyskKMnFH-98WX8dQm4",
  "7Bcrk61eVjv0kyxw4SRQNMNUZ-8u_U1k6_gZaDRn4r8",
];

const field = 2n ** 255n - 19n;

/** The y of points of order 8; those of order 1, 2 and 4 are 1, -1 and 0. */
const eighth = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const smallOrder = new Set([0n, 1n, field - 1n, eighth, field - eighth]);

/** Why nobody may have this key, as the end of a sentence; `undefined` for a key that nothing is known against. */
export function keyFault(key: KeyMaterial): string | undefined {
  if (printed.includes(key.x)) return "its private half is printed in a document that everybody can read";
  if (key.kty === "OKP" && isSmallOrder(key.x)) return "anybody can make signatures that hold under it";
  return isOnCurve(key) ? undefined : "it is no point of its curve, so that nothing holds under it";
}

/** What of a key is looked at. */
type KeyMaterial = Pick<PublicKey, "kty" | "crv" | "x"> & { readonly y?: string };

function isOnCurve({ kty, crv, x, y }: KeyMaterial): boolean {
  try {
    createPublicKey({ format: "jwk", key: { kty, crv, x, ...(y === undefined ? {} : { y }) } });
    return true;
  } catch {
    return false;
  }
}

/** True for an encoded point that is of order 8 or less, in any of its encodings: the sign is the topmost bit. */
function isSmallOrder(x: string): boolean {
  const bytes = Buffer.from(x, "base64url").reverse();
  return smallOrder.has((BigInt(`0x${bytes.toString("hex")}`) & (2n ** 255n - 1n)) % field);
}

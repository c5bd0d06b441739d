/**
 * Keys in the browser, by WebCrypto: made, read from a file, signed with. Nothing here sends anything.
 *
 * @see Web Cryptography Level 2, RFC 7517 (JWK), RFC 7638 (thumbprint), RFC 8037 (Ed25519), RFC 7515 §3.1 (compact form)
 */
import type { webcrypto } from "node:crypto";

/** A private key that can sign. */
export interface BrowserKey {
  /** Its public half: what RFC 7638 takes a thumbprint of. */
  readonly jwk: { readonly crv: string; readonly kty: string; readonly x: string; readonly y?: string };
  readonly thumbprint: string;
  readonly signing: webcrypto.CryptoKey;
  /** Whose key it is, where the file says so. */
  readonly partner?: string;
}

/** Bytes, or the UTF-8 of a text, in base64url. */
export function base64url(content: ArrayBuffer | string): string {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** A new key pair as a private JWK: Ed25519, or P-256 where the browser doesn't know that. */
export async function newJwk(): Promise<webcrypto.JsonWebKey> {
  const make = (algorithm: { name: string; namedCurve?: string }) =>
    // Algorithms of two keys give a pair.
    crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;
  // What kinds a browser has, only the attempt tells.
  const pair = await make({ name: "Ed25519" }).catch(() => make({ name: "ECDSA", namedCurve: "P-256" }));
  return crypto.subtle.exportKey("jwk", pair.privateKey);
}

/** The key in the text of a file; `undefined` where that is no private key of ours, or the browser doesn't know the kind. */
export async function readKey(text: string): Promise<BrowserKey | undefined> {
  try {
    const { kty, crv, x, y, d, partner } = JSON.parse(text);
    const isEd25519 = kty === "OKP" && crv === "Ed25519";
    if (!isEd25519 && !(kty === "EC" && crv === "P-256")) return undefined;
    const jwk = isEd25519 ? { crv, kty, x } : { crv, kty, x, y };
    const algorithm = isEd25519 ? { name: "Ed25519" } : { name: "ECDSA", namedCurve: "P-256" };
    const signing = await crypto.subtle.importKey("jwk", { ...jwk, d }, algorithm, false, ["sign"]);
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(jwk)));
    return { jwk, thumbprint: base64url(digest), signing, ...(typeof partner === "string" ? { partner } : {}) };
  } catch {
    return undefined;
  }
}

/** A compact JWT of this type over these claims. */
export async function signJwt({ jwk, thumbprint, signing }: BrowserKey, typ: string, claims: unknown): Promise<string> {
  const isEd25519 = jwk.kty === "OKP";
  const header = { alg: isEd25519 ? "EdDSA" : "ES256", kid: thumbprint, typ };
  const signed = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`;
  const algorithm = isEd25519 ? { name: "Ed25519" } : { name: "ECDSA", hash: "SHA-256" };
  const signature = await crypto.subtle.sign(algorithm, signing, new TextEncoder().encode(signed));
  return `${signed}.${base64url(signature)}`;
}

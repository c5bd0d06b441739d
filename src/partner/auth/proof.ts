/**
 * Proofs: what somebody signs with a key of their own to show that they hold its private half, over something that the
 * service gave them for this once. Two kinds, each with a `typ` of its own, so that none can be taken for the other or
 * for an assertion: of a new key, over an invitation; and of a known one, over a challenge. Pure.
 *
 * @see RFC 7519 (JWT), RFC 8725 §3.11 (explicit typing)
 */
import { z } from "zod";
import type { PublicKey } from "../../publication/jwk.ts";
import type { Signer } from "../../publication/sign.ts";
import { readCompactJwt } from "./compact-jwt.ts";
import { signatureHolds } from "./tokens.ts";
import { nobodys } from "./weak-key.ts";

/** `typ` of a proof: of a new key, or the answer to a challenge. */
export type ProofType = "spampots-proof+jwt" | "spampots-answer+jwt";

const claimsSchema = z.strictObject({
  /** Who proves: a partner's id, or `operator`. */
  iss: z.string().min(1).max(100),
  /** The page that asked. */
  aud: z.string().max(300),
  /** `jti` of what the service gave. */
  nonce: z.string().min(1).max(100),
});

/** What a proof says. */
export type ProofClaims = Readonly<z.infer<typeof claimsSchema>>;

/** The pages that take proofs, below the service's URL; with it, the audience of a proof. */
export const proofPages = {
  join: "/portal/join",
  signIn: "/portal/sign-in",
  operator: "/portal/operator/sign-in",
} as const;

/** The link to a page of the portal that takes a token. @param url of the service */
export const linkTo = (url: string, page: keyof typeof proofPages, token: string): string =>
  `${url}${proofPages[page]}?link=${token}`;

/** Who proves as an operator. It is the page, hence `aud`, that tells an operator from a partner of that id. */
export const operatorName = "operator";

/** What a proof is held against. */
export interface Wanted {
  readonly typ: ProofType;
  readonly aud: string;
  readonly nonce: string;
  /** Keys that `iss` may have signed with. */
  keysOf(iss: string): readonly PublicKey[];
}

const encoder = new TextEncoder();

/** A proof, signed. */
export function makeProof(signer: Signer, typ: ProofType, claims: ProofClaims): Promise<string> {
  return signer.signCompact(encoder.encode(JSON.stringify(claims)), typ);
}

/**
 * Who proved which key; `undefined` where anything isn't right. For a proof of the right form it takes one verification,
 * whoever it names: how long it takes tells nobody who exists.
 */
export async function checkProof(
  proof: string,
  { typ, aud, nonce, keysOf }: Wanted,
): Promise<{ readonly iss: string; readonly key: PublicKey } | undefined> {
  const unchecked = readCompactJwt(proof);
  const claims = claimsSchema.safeParse(unchecked?.claims);
  if (unchecked?.header.typ !== typ || !claims.success) return undefined;
  if (claims.data.aud !== aud || claims.data.nonce !== nonce) return undefined;
  const { iss } = claims.data;
  const alg = unchecked.header.alg === "ES256" ? "ES256" : "EdDSA";
  const key = keysOf(iss).find((each) => each.kid === unchecked.header.kid && each.alg === alg);
  const holds = await signatureHolds(proof, key ?? nobodys[alg]);
  return key !== undefined && holds ? { iss, key } : undefined;
}

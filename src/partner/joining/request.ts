/**
 * Requests: what partners hand in by an invitation. One is an object of the store, put once under a name that follows from
 * the invitation, so that an invitation counts once; a second one beside it says what the operator decided.
 *
 *     requests/<id>/request.json   the public key, and everything that proves where it came from
 *     requests/<id>/decided.json   approved or rejected, and when
 *
 * The store isn't trusted: whoever decides checks the proofs again.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { secondsInstant } from "../../feed/period.ts";
import { dayMs } from "../../model.ts";
import { decodeExact, encodeExact, secondSchema } from "../../publication/exact-json.ts";
import { type PublicKey, publicKeyOf } from "../../publication/jwk.ts";
import type { Store } from "../../store/store.ts";
import { checkProof, proofPages } from "../auth/proof.ts";
import { readToken, type TokenRealm } from "../auth/tokens.ts";
import { keyFault } from "../auth/weak-key.ts";
import type { Invitation } from "./invitation.ts";

/** Days that a request is kept, decided or not: longer than any invitation lives. */
const requestDays = 30;

const token = z.string().max(4096);

const recordSchema = z.strictObject({
  v: z.literal(1),
  partner: z.string().max(100),
  key: z.strictObject({ kty: z.enum(["OKP", "EC"]), crv: z.string(), x: z.string(), y: z.string().exactOptional() }),
  invitation: token,
  proof: token,
  requested_at: secondSchema,
  address: z.string().max(100),
});

const decisionSchema = z.strictObject({
  v: z.literal(1),
  decision: z.enum(["approved", "rejected"]),
  decided_at: secondSchema,
});

/** What the operator decided. */
export type Decision = Readonly<z.infer<typeof decisionSchema>>;

/** A request as it stands in the store; nothing of it is checked but its form. */
export interface JoinRequest {
  readonly id: string;
  readonly partner: string;
  readonly key: PublicKey;
  readonly invitation: string;
  readonly proof: string;
  /** RFC 3339, seconds. */
  readonly requestedAt: string;
  /** Of the client that handed it in, as far as it is known. */
  readonly address: string;
  readonly decision?: Decision;
}

/** Name of the request that an invitation is good for: 16 hex digits. */
export function requestId({ jti }: Pick<Invitation, "jti">): string {
  return createHash("sha256").update(jti).digest("hex").slice(0, 16);
}

const requestKey = (id: string) => `requests/${id}/request.json`;
const decisionKey = (id: string) => `requests/${id}/decided.json`;

/** What a partner sends. */
export interface Handed {
  /** The invitation. */
  readonly invitation: string;
  /** A public JWK, as JSON. */
  readonly key: string;
  readonly proof: string;
}

/**
 * The key that was handed in, where it may be a partner's and the proof holds; `undefined` else.
 *
 * @param url of the service
 */
export async function provenKey(
  { key: text, proof }: Pick<Handed, "key" | "proof">,
  { sub, jti }: Pick<Invitation, "sub" | "jti">,
  url: string,
): Promise<PublicKey | undefined> {
  const key = readKey(text);
  if (key === undefined || keyFault(key) !== undefined) return undefined;
  const wanted = { typ: "spampots-proof+jwt", aud: `${url}${proofPages.join}`, nonce: jti } as const;
  const proven = await checkProof(proof, { ...wanted, keysOf: (iss) => (iss === sub ? [key] : []) });
  return proven?.key;
}

/** Longest public key that is read, in characters. */
const maxKey = 1000;

function readKey(text: string): PublicKey | undefined {
  if (text.length > maxKey) return undefined;
  try {
    const { kid: _kid, ...jwk } = z.looseObject({}).parse(JSON.parse(text));
    return publicKeyOf(jwk);
  } catch {
    return undefined;
  }
}

/** Puts a request; afterwards there is one for this invitation, though it may be another's. `now` in milliseconds. */
export async function putRequest(
  store: Store,
  invitation: Invitation,
  given: { readonly key: PublicKey; readonly handed: Handed; readonly address: string; readonly now: number },
): Promise<void> {
  const { key, handed, address, now } = given;
  const { kty, crv, x } = key;
  const body = encodeExact(recordSchema, {
    v: 1,
    partner: invitation.sub,
    key: { kty, crv, x, ...(key.kty === "EC" ? { y: key.y } : {}) },
    invitation: handed.invitation,
    proof: handed.proof,
    requested_at: secondsInstant(now),
    address,
  });
  await store.putOnce(requestKey(requestId(invitation)), body, { contentType: "application/json" });
}

/** Largest object that is read, in bytes: ours have two tokens and a key. */
const maxBytes = 16 * 1024;

/** A small object; `undefined` where it isn't there, or is none of ours by its size. */
async function readSmall(store: Store, key: string): Promise<Uint8Array | undefined> {
  const stored = await store.open(key, { start: 0, end: maxBytes + 1 });
  if (stored === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of stored.body) chunks.push(chunk);
  return stored.bytes > maxBytes ? undefined : Buffer.concat(chunks);
}

/** The request of this name; `undefined` where there is none, or what is there isn't one. */
export async function readRequest(store: Store, id: string): Promise<JoinRequest | undefined> {
  const bytes = await readSmall(store, requestKey(id));
  const record = bytes && decodeExact(recordSchema, bytes, "request").value;
  const key = record && readKey(JSON.stringify(record.key));
  if (record === undefined || key === undefined) return undefined;
  const { partner, invitation, proof, requested_at, address } = record;
  const decided = await readSmall(store, decisionKey(id));
  const decision = decided && decodeExact(decisionSchema, decided, "decision").value;
  const facts = { id, partner, key, invitation, proof, requestedAt: requested_at, address };
  return { ...facts, ...(decision === undefined ? {} : { decision }) };
}

/** Every request, the oldest first. */
export async function listRequests(store: Store): Promise<readonly JoinRequest[]> {
  const requests: JoinRequest[] = [];
  for await (const id of store.children("requests/")) {
    const request = await readRequest(store, id);
    if (request) requests.push(request);
  }
  return requests.sort((a, b) => (a.requestedAt < b.requestedAt ? -1 : 1));
}

/**
 * The invitation by which a request came, where the request is what it says: the invitation was ours, was for this request
 * and this partner, and held when it was handed in; the key was proven. `undefined` else.
 */
export async function checkedInvitation(
  { id, partner, key, invitation, proof, requestedAt }: JoinRequest,
  realm: TokenRealm,
  tokenKeys: readonly PublicKey[],
): Promise<Invitation | undefined> {
  const claims = await readToken(realm, tokenKeys, "spampots-invitation+jwt", invitation, Date.parse(requestedAt));
  if (claims === undefined || claims.sub !== partner || requestId(claims) !== id) return undefined;
  const proven = await provenKey({ key: JSON.stringify(key), proof }, claims, realm.url);
  return proven?.kid === key.kid ? claims : undefined;
}

/** Notes a decision, for good; what stands afterwards may be another operator's, who was first. */
export async function decide(store: Store, id: string, decision: Decision["decision"], now: number): Promise<Decision> {
  const body = encodeExact(decisionSchema, { v: 1, decision, decided_at: secondsInstant(now) });
  await store.putOnce(decisionKey(id), body, { contentType: "application/json" });
  const stored = (await readSmall(store, decisionKey(id))) ?? body;
  return decodeExact(decisionSchema, stored, "decision").value ?? { v: 1, decision, decided_at: secondsInstant(now) };
}

/** Deletes requests that are older than any invitation, decided or not. `now` in milliseconds. */
export async function sweepRequests(store: Store, now: number): Promise<void> {
  const before = now - requestDays * dayMs;
  for await (const { key, modifiedAt } of store.list("requests/")) {
    if (modifiedAt < before) await store.delete(key);
  }
}

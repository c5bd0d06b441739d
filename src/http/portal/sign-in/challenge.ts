/**
 * Signing in with a key: the page gets a challenge, which holds for five minutes, once, and in the browser alone that it
 * was given to, and answers it with a proof. Bound to a browser by a cookie: neither can a challenge that was answered here
 * be used elsewhere, nor one that an attacker answered be put into this browser, which would then be in under another's name.
 *
 * @see OWASP Cross-Site Request Forgery Prevention ("login CSRF")
 */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { Context } from "hono";
import { checkProof, proofPages } from "../../../partner/auth/proof.ts";
import { challengeSeconds, mint, readToken } from "../../../partner/auth/tokens.ts";
import type { PublicKey } from "../../../publication/jwk.ts";
import type { HttpEnv } from "../../route.ts";
import { firstUse } from "../../used.ts";
import type { HttpWorld } from "../../world.ts";
import { cookieOf, dropCookie, keepCookie } from "./cookies.ts";

/** Whose pages somebody signs in to. */
export type Door = "signIn" | "operator";

const digestOf = (secret: string) => createHash("sha256").update(secret).digest("base64url");

const audienceOf = ({ realm }: HttpWorld, door: Door) => `${realm.url}${proofPages[door]}`;

/** A challenge for this browser; the one before it counts no more. */
export async function giveChallenge(context: Context<HttpEnv>, world: HttpWorld, door: Door): Promise<Response> {
  const { realm, registry, clock, limits } = world;
  await limits.stranger(context.get("address"));
  const [secret, nonce] = [randomBytes(32).toString("base64url"), randomUUID()];
  const claims = { sub: door, jti: nonce, browser: digestOf(secret) };
  const challenge = await mint(realm, registry.tokens.signer, "spampots-challenge+jwt", claims, { now: clock() });
  keepCookie(context, world, { name: "challenge", value: secret, seconds: challengeSeconds });
  context.header("Cache-Control", "no-store");
  return context.json({ challenge, aud: audienceOf(world, door), nonce });
}

/** A challenge as a form brings it back, with the answer. */
export interface Answered {
  readonly challenge: string;
  readonly answer: string;
}

/**
 * Who answered, with which key; `undefined` where anything isn't right. Doesn't use the challenge up: see {@link useUp}.
 *
 * @param keysOf keys of whoever the answer names
 */
export async function answeredBy(
  context: Context<HttpEnv>,
  world: HttpWorld,
  { challenge, answer }: Answered,
  { door, keysOf }: { readonly door: Door; keysOf(iss: string): readonly PublicKey[] },
) {
  const { realm, registry, clock } = world;
  const secret = cookieOf(context, world, "challenge");
  const claims = await readToken(realm, registry.tokens.keys, "spampots-challenge+jwt", challenge, clock());
  if (claims?.sub !== door || secret === undefined || claims.browser !== digestOf(secret)) return undefined;
  const wanted = { typ: "spampots-answer+jwt", aud: audienceOf(world, door), nonce: claims.jti } as const;
  const proven = await checkProof(answer, { ...wanted, keysOf });
  return proven && { ...proven, nonce: claims.jti };
}

/** Uses a challenge up; false where it was before. */
export async function useUp(context: Context<HttpEnv>, world: HttpWorld, nonce: string): Promise<boolean> {
  dropCookie(context, world, "challenge");
  return firstUse(world.store, "challenge", "", nonce);
}

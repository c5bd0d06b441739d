/**
 * Sessions of the portal: a signed token in a cookie that scripts can't read and other sites can't send. Always made anew
 * at signing in, so that nobody can be given one beforehand; ended for good at signing out, and when another begins.
 *
 * @see OWASP Session Management
 */
import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import { isError } from "../../../errors.ts";
import type { Partner } from "../../../feed/partners.ts";
import { mint, portalSessionSeconds, readToken, sessionFacts } from "../../../partner/auth/tokens.ts";
import type { Caller } from "../../access.ts";
import type { HttpEnv } from "../../route.ts";
import { firstUse, wasUsed } from "../../used.ts";
import type { HttpWorld } from "../../world.ts";
import { cookieOf, dropCookie, keepCookie } from "./cookies.ts";

/** Lets a partner's person in: by a proven key, whose thumbprint is given, or by a link. */
export async function openSession(
  context: Context<HttpEnv>,
  world: HttpWorld,
  { partner, clientKey }: { readonly partner: string; readonly clientKey?: string },
): Promise<void> {
  const { realm, registry, clock } = world;
  await endSession(context, world);
  const claims = { sub: partner, jti: randomUUID(), ...(clientKey === undefined ? {} : { client_key: clientKey }) };
  const value = await mint(realm, registry.tokens.signer, "spampots-session+jwt", claims, { now: clock() });
  keepCookie(context, world, { name: "session", value, seconds: portalSessionSeconds });
}

async function claimsOf(context: Context<HttpEnv>, world: HttpWorld) {
  const { realm, registry, clock, store } = world;
  const token = cookieOf(context, world, "session");
  if (token === undefined) return undefined;
  const claims = await readToken(realm, registry.tokens.keys, "spampots-session+jwt", token, clock());
  if (claims === undefined || (await wasUsed(store, "session", claims.sub, claims.jti))) return undefined;
  return claims;
}

/**
 * Who is signed in, or nobody.
 *
 * @throws SpampotsError `forbidden` where the partner may not come in now.
 */
export async function sessionCaller(context: Context<HttpEnv>, world: HttpWorld): Promise<Caller | undefined> {
  const claims = await claimsOf(context, world);
  try {
    return claims && world.access.callerOf(sessionFacts(claims), world.clock());
  } catch (error) {
    // The key that was proven is gone, or the operator revoked what was before: who was in is asked to sign in again.
    if (isError(error, "unauthenticated")) return undefined;
    throw error;
  }
}

/** Whose session it is, whether or not it may come in now. */
export async function sessionPartner(context: Context<HttpEnv>, world: HttpWorld): Promise<Partner | undefined> {
  const claims = await claimsOf(context, world);
  return claims && world.registry.partners.get(claims.sub);
}

/** Ends the session, wherever its token was copied to. */
export async function endSession(context: Context<HttpEnv>, world: HttpWorld): Promise<void> {
  const claims = await claimsOf(context, world);
  if (claims) await firstUse(world.store, "session", claims.sub, claims.jti);
  dropCookie(context, world, "session");
}

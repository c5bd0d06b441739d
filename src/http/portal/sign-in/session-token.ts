/**
 * Sessions of the portal: a signed token in a cookie that scripts can't read and other sites can't send. Always made anew
 * at signing in, so that nobody can be given one beforehand; ended for good at signing out, and when another begins. A
 * partner's and an operator's are of different kinds, in different cookies, so that neither opens what is the other's.
 *
 * @see OWASP Session Management
 */
import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import { type Claims, mint, portalSessionSeconds, readToken } from "../../../partner/auth/tokens.ts";
import type { HttpEnv } from "../../route.ts";
import { firstUse, wasUsed } from "../../used.ts";
import type { HttpWorld } from "../../world.ts";
import { cookieOf, dropCookie, keepCookie } from "./cookies.ts";

const types = { session: "spampots-session+jwt", operator: "spampots-operator+jwt" } as const;

/** Whose session: a partner's, or an operator's. */
export type SessionKind = keyof typeof types;

/** Begins one, always with a token of its own, and ends the one before for good. */
export async function beginSession(
  context: Context<HttpEnv>,
  world: HttpWorld,
  kind: SessionKind,
  who: { readonly sub: string; readonly client_key?: string },
): Promise<void> {
  const { realm, registry, clock } = world;
  await closeSession(context, world, kind);
  const claims = { ...who, jti: randomUUID() };
  const value = await mint(realm, registry.tokens.signer, types[kind], claims, { now: clock() });
  keepCookie(context, world, { name: kind, value, seconds: portalSessionSeconds });
}

/** What the session's token says; `undefined` where there is none that holds, or it was ended. */
export async function sessionClaims(
  context: Context<HttpEnv>,
  world: HttpWorld,
  kind: SessionKind,
): Promise<Claims<"spampots-session+jwt"> | undefined> {
  const { realm, registry, clock, store } = world;
  const token = cookieOf(context, world, kind);
  if (token === undefined) return undefined;
  const claims = await readToken(realm, registry.tokens.keys, types[kind], token, clock());
  if (claims === undefined || (await wasUsed(store, kind, claims.sub, claims.jti))) return undefined;
  return claims;
}

/** Ends the session, wherever its token was copied to. */
export async function closeSession(context: Context<HttpEnv>, world: HttpWorld, kind: SessionKind): Promise<void> {
  const claims = await sessionClaims(context, world, kind);
  if (claims) await firstUse(world.store, kind, claims.sub, claims.jti);
  dropCookie(context, world, kind);
}

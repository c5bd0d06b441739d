/**
 * Sessions of operators: of another kind than those of partners, in a cookie of their own, so that neither opens what is
 * the other's. One lasts as long as its key stands in the operators' key set.
 */
import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import { mint, portalSessionSeconds, readToken } from "../../../partner/auth/tokens.ts";
import type { HttpEnv } from "../../route.ts";
import { firstUse, wasUsed } from "../../used.ts";
import type { HttpWorld } from "../../world.ts";
import { cookieOf, dropCookie, keepCookie } from "./cookies.ts";

/** An operator who is signed in. */
export interface OperatorFacts {
  /** RFC 7638 thumbprint of the key that was proven. */
  readonly key: string;
  /** End of the session, in seconds since 1970. */
  readonly expiresAt: number;
}

/** Lets an operator in who proved this key. */
export async function openOperatorSession(context: Context<HttpEnv>, world: HttpWorld, key: string): Promise<void> {
  const { realm, registry, clock } = world;
  await endOperatorSession(context, world);
  const claims = { sub: key, jti: randomUUID() };
  const value = await mint(realm, registry.tokens.signer, "spampots-operator+jwt", claims, { now: clock() });
  keepCookie(context, world, { name: "operator", value, seconds: portalSessionSeconds });
}

async function claimsOf(context: Context<HttpEnv>, world: HttpWorld) {
  const { realm, registry, clock, store } = world;
  const token = cookieOf(context, world, "operator");
  if (token === undefined) return undefined;
  const claims = await readToken(realm, registry.tokens.keys, "spampots-operator+jwt", token, clock());
  if (claims === undefined || (await wasUsed(store, "operator", claims.sub, claims.jti))) return undefined;
  return claims;
}

/** The operator who is signed in; `undefined` for anybody else, and where the key isn't an operator's any more. */
export async function operatorSession(context: Context<HttpEnv>, world: HttpWorld): Promise<OperatorFacts | undefined> {
  const claims = await claimsOf(context, world);
  if (claims === undefined || !world.registry.operators.some(({ kid }) => kid === claims.sub)) return undefined;
  return { key: claims.sub, expiresAt: claims.exp };
}

/** Ends the session, wherever its token was copied to. */
export async function endOperatorSession(context: Context<HttpEnv>, world: HttpWorld): Promise<void> {
  const claims = await claimsOf(context, world);
  if (claims) await firstUse(world.store, "operator", claims.sub, claims.jti);
  dropCookie(context, world, "operator");
}

/**
 * Sessions of operators: of another kind than those of partners, in a cookie of their own, so that neither opens what is
 * the other's. One lasts as long as its key stands in the operators' key set.
 */
import type { Context } from "hono";
import type { HttpEnv } from "../../route.ts";
import type { HttpWorld } from "../../world.ts";
import { beginSession, closeSession, sessionClaims } from "./session-token.ts";

/** An operator who is signed in. */
export interface OperatorFacts {
  /** RFC 7638 thumbprint of the key that was proven. */
  readonly key: string;
  /** End of the session, in seconds since 1970. */
  readonly expiresAt: number;
}

/** Lets an operator in who proved this key. */
export const openOperatorSession = (context: Context<HttpEnv>, world: HttpWorld, key: string): Promise<void> =>
  beginSession(context, world, "operator", { sub: key });

/** The operator who is signed in; `undefined` for anybody else, and where the key isn't an operator's any more. */
export async function operatorSession(context: Context<HttpEnv>, world: HttpWorld): Promise<OperatorFacts | undefined> {
  const claims = await sessionClaims(context, world, "operator");
  if (claims === undefined || !world.registry.operators.some(({ kid }) => kid === claims.sub)) return undefined;
  return { key: claims.sub, expiresAt: claims.exp };
}

/** Ends the session, wherever its token was copied to. */
export const endOperatorSession = (context: Context<HttpEnv>, world: HttpWorld): Promise<void> =>
  closeSession(context, world, "operator");

/**
 * Sessions of partners: who is in is looked up anew at each request, so that one ends with its partner, key or agreement.
 */
import type { Context } from "hono";
import { isError } from "../../../errors.ts";
import type { Partner } from "../../../feed/partners.ts";
import { sessionFacts } from "../../../partner/auth/tokens.ts";
import type { Caller } from "../../access.ts";
import type { HttpEnv } from "../../route.ts";
import type { HttpWorld } from "../../world.ts";
import { beginSession, closeSession, sessionClaims } from "./session-token.ts";

/** Lets a partner's person in: by a proven key, whose thumbprint is given, or by a link. */
export async function openSession(
  context: Context<HttpEnv>,
  world: HttpWorld,
  { partner, clientKey }: { readonly partner: string; readonly clientKey?: string },
): Promise<void> {
  const key = clientKey === undefined ? {} : { client_key: clientKey };
  await beginSession(context, world, "session", { sub: partner, ...key });
}

/**
 * Who is signed in, or nobody.
 *
 * @throws SpampotsError `forbidden` where the partner may not come in now.
 */
export async function sessionCaller(context: Context<HttpEnv>, world: HttpWorld): Promise<Caller | undefined> {
  const claims = await sessionClaims(context, world, "session");
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
  const claims = await sessionClaims(context, world, "session");
  return claims && world.registry.partners.get(claims.sub);
}

/** Ends the session, wherever its token was copied to. */
export const endSession = (context: Context<HttpEnv>, world: HttpWorld): Promise<void> =>
  closeSession(context, world, "session");

/**
 * Cookies of the portal: each for this host alone, out of reach of scripts, and never sent along by another site.
 *
 * @see RFC 6265bis §4.1.3 (`__Host-`: over https, for this host, not set by a neighbour), §5.6.7 (SameSite)
 */
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { HttpEnv } from "../../route.ts";
import type { HttpWorld } from "../../world.ts";

/** What cookies are for: a session of a partner, one of an operator, and the browser that a challenge was given to. */
export type CookieName = "session" | "operator" | "challenge";

const isSecure = ({ realm }: HttpWorld) => realm.url.startsWith("https:");

/** Browsers take a cookie with this prefix over https alone. */
const nameOf = (world: HttpWorld, name: CookieName) => `${isSecure(world) ? "__Host-" : ""}spampots-${name}`;

const optionsOf = (world: HttpWorld) =>
  ({ path: "/", httpOnly: true, secure: isSecure(world), sameSite: "Strict" }) as const;

/** Gives the browser a cookie. */
export function keepCookie(
  context: Context<HttpEnv>,
  world: HttpWorld,
  { name, value, seconds }: { readonly name: CookieName; readonly value: string; readonly seconds: number },
): void {
  setCookie(context, nameOf(world, name), value, { ...optionsOf(world), maxAge: seconds });
}

/** What the browser sent of it, as it came: attacker-controlled until its signature is checked. */
export function cookieOf(context: Context<HttpEnv>, world: HttpWorld, name: CookieName): string | undefined {
  return getCookie(context, nameOf(world, name));
}

/** Has the browser forget a cookie. */
export function dropCookie(context: Context<HttpEnv>, world: HttpWorld, name: CookieName): void {
  deleteCookie(context, nameOf(world, name), optionsOf(world));
}

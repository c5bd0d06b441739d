/**
 * Signing in by a link that the operator made: looked at, it changes nothing (a program that previews links must not use
 * it up); the button on its page opens a session, once.
 */
import type { Context, Hono } from "hono";
import { html } from "hono/html";
import { readToken } from "../../partner/tokens.ts";
import type { HttpEnv } from "../route.ts";
import { firstUse } from "../used.ts";
import type { HttpWorld } from "../world.ts";
import { type Html, pageResponse } from "./layout.ts";
import { openSession } from "./session.ts";
import { texts } from "./texts.ts";

/** Longest form that is read, in bytes. */
export const maxFormBytes = 16 * 1024;

export function signInRoutes(portal: Hono<HttpEnv>, world: HttpWorld): void {
  portal.get("/portal/sign-in", (context) => {
    const link = context.req.query("link");
    return signInPage(world, link === undefined ? html`<p>${texts.signIn.needed}</p>` : linkForm(link));
  });
  portal.post("/portal/sign-in", async (context) => {
    await world.limits.stranger(context.get("address"));
    const { link } = await context.req.parseBody();
    if (typeof link === "string" && (await enter(context, world, link))) return context.redirect("/portal", 303);
    return signInPage(world, html`<p role="alert">${texts.signIn.refused}</p>`, 403);
  });
}

const signInPage = ({ issuer }: HttpWorld, main: Html, status = 200) =>
  pageResponse(issuer, { title: texts.signIn.title, main, status });

const linkForm = (link: string) => html`<p>${texts.signIn.withLink}</p>
<form method="post" action="/portal/sign-in"><input type="hidden" name="link" value="${link}"><button>${texts.signIn.go}</button></form>`;

/** Opens a session for whom the link is for; false where it doesn't count, or not any more. */
async function enter(context: Context<HttpEnv>, world: HttpWorld, link: string): Promise<boolean> {
  const { realm, registry, access, clock, store } = world;
  const claims = await readToken(realm, registry.tokens.keys, "spampots-sign-in+jwt", link, clock());
  if (claims === undefined) return false;
  const { sub, jti, iat, exp } = claims;
  // Whether the partner may come in is asked before the link is used up.
  access.callerOf({ kind: "session", id: jti, partner: sub, issuedAt: iat, expiresAt: exp }, clock());
  if (!(await firstUse(store, "sign-in", sub, jti))) return false;
  await openSession(context, world, { partner: sub });
  return true;
}

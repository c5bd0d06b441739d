/**
 * Signing in: with the partner's key, or by a link that the operator made. A link that is looked at changes nothing (a
 * program that previews links must not use it up); the button on its page opens a session, once.
 */
import type { Context, Hono } from "hono";
import { html } from "hono/html";
import { isError } from "../../../errors.ts";
import type { Partner } from "../../../feed/partners.ts";
import { plain } from "../../../log.ts";
import { keysOf } from "../../../partner/auth/assertion.ts";
import { readToken, type TokenFacts } from "../../../partner/auth/tokens.ts";
import type { HttpEnv } from "../../route.ts";
import { firstUse } from "../../used.ts";
import type { HttpWorld } from "../../world.ts";
import { fieldsOf } from "../forms.ts";
import { type Html, pageResponse } from "../layout.ts";
import { texts } from "../texts.ts";
import { type Answered, answeredBy, giveChallenge, useUp } from "./challenge.ts";
import { keyForm } from "./key-form.ts";
import { openSession } from "./session.ts";

/** Adds the routes to the portal; anybody may come to them. */
export function signInRoutes(portal: Hono<HttpEnv>, world: HttpWorld): void {
  portal.get("/portal/sign-in", async (context) => {
    const link = context.req.query("link");
    if (link === undefined) return signInPage(world);
    await world.limits.stranger(context.get("address"));
    const linked = await readLink(world, link);
    return linked === undefined ? refused(world, texts.signIn.refused) : linkPage(world, link, linked.partner);
  });
  portal.post("/portal/sign-in/challenge", (context) => giveChallenge(context, world, "signIn"));
  portal.post("/portal/sign-in", async (context) => {
    await world.limits.stranger(context.get("address"));
    const { link, challenge, answer } = await fieldsOf(context);
    if (link !== undefined && (await enterByLink(context, world, link))) return context.redirect("/portal", 303);
    if (link !== undefined) return refused(world, texts.signIn.refused);
    const isIn =
      challenge !== undefined && answer !== undefined && (await enterByKey(context, world, { challenge, answer }));
    return isIn ? context.redirect("/portal", 303) : refused(world, texts.withKey.refused);
  });
}

/** Every way in, below what is said first. */
const signInPage = ({ issuer }: HttpWorld, said: Html = html``, status = 200) =>
  pageResponse(issuer, {
    title: texts.signIn.title,
    main: html`${said}${openDoors()}`,
    status,
    scripts: ["sign-in.js"],
  });

const linkPage = ({ issuer }: HttpWorld, link: string, partner: Partner) =>
  pageResponse(issuer, { title: texts.signIn.title, main: linkForm(link, partner) });

const refused = (world: HttpWorld, why: string) => signInPage(world, html`<p role="alert">${why}</p>`, 403);

const openDoors = () => html`<h2>${texts.withKey.title}</h2>
${keyForm("signIn")}
<h2>${texts.signIn.byLink}</h2>
<p>${texts.signIn.needed}</p>`;

const linkForm = (link: string, { name }: Partner) => html`<p>${texts.signIn.withLink(plain(name))}</p>
<form method="post" action="/portal/sign-in"><input type="hidden" name="link" value="${link}"><button>${texts.signIn.go}</button></form>`;

/** What a link says, and for whom; `undefined` where it doesn't hold. Whether it was used, only its use tells. */
async function readLink({ realm, registry, clock }: HttpWorld, link: string) {
  const claims = await readToken(realm, registry.tokens.keys, "spampots-sign-in+jwt", link, clock());
  const partner = claims && registry.partners.get(claims.sub);
  return partner && claims && { claims, partner };
}

/** Opens a session for whom the link is for; false where it doesn't count, or not any more. */
async function enterByLink(context: Context<HttpEnv>, world: HttpWorld, link: string): Promise<boolean> {
  const linked = await readLink(world, link);
  if (linked === undefined) return false;
  const { sub, jti, iat } = linked.claims;
  // Whether the partner may come in is asked before the link is used up.
  if (!mayComeIn(world, { partner: sub, issuedAt: iat })) return false;
  if (!(await firstUse(world.store, "sign-in", sub, jti))) return false;
  await openSession(context, world, { partner: sub });
  return true;
}

/** Opens a session for whoever answered the challenge with a key of theirs; false where that doesn't hold. */
async function enterByKey(context: Context<HttpEnv>, world: HttpWorld, answered: Answered): Promise<boolean> {
  const { partners } = world.registry;
  const proven = await answeredBy(context, world, answered, {
    door: "signIn",
    keysOf: (iss) => {
      const partner = partners.get(iss);
      return partner === undefined ? [] : keysOf(partner);
    },
  });
  if (proven === undefined) return false;
  const { iss, key, nonce } = proven;
  // What is wrong with the partner's agreement is told to nobody but who holds its key.
  if (!mayComeIn(world, { partner: iss, issuedAt: Math.floor(world.clock() / 1000) })) return false;
  if (!(await useUp(context, world, nonce))) return false;
  await openSession(context, world, { partner: iss, clientKey: key.kid });
  return true;
}

/**
 * False where the operator revoked what was made by then.
 *
 * @throws SpampotsError `forbidden` where the partner's agreement is not in force.
 */
function mayComeIn({ access, clock }: HttpWorld, facts: Pick<TokenFacts, "partner" | "issuedAt">): boolean {
  try {
    access.callerOf({ kind: "session", id: "", expiresAt: facts.issuedAt, ...facts }, clock());
    return true;
  } catch (error) {
    if (isError(error, "unauthenticated")) return false;
    throw error;
  }
}

/**
 * The portal: pages where a partner's people look at what was published to them, over the same publications as the other
 * doors. Who isn't signed in is sent to sign in, whatever was asked for, so that nothing is told by what isn't there.
 *
 * @see design §3 points 1 and 15, CSP Level 3, Fetch Metadata Request Headers
 */
import { type Context, Hono } from "hono";
import { csrf } from "hono/csrf";
import { html } from "hono/html";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { isError, SpampotsError } from "../errors.ts";
import type { Caller } from "./access.ts";
import { limitBody } from "./body-limit.ts";
import { assetRoutes } from "./portal/assets.ts";
import { maxFormBytes } from "./portal/forms.ts";
import { joinRoutes } from "./portal/join.ts";
import { pageResponse } from "./portal/layout.ts";
import { operatorRoutes } from "./portal/operator/routes.ts";
import { notInForcePage } from "./portal/partner/agreement.ts";
import { unsoundCode } from "./portal/partner/checked.ts";
import { partnerRoutes } from "./portal/partner/routes.ts";
import { operatorSignInRoutes } from "./portal/sign-in/operator-sign-in.ts";
import { endSession, sessionCaller, sessionPartner } from "./portal/sign-in/session.ts";
import { signInRoutes } from "./portal/sign-in/sign-in.ts";
import { summaryRoutes } from "./portal/summary/routes.ts";
import { texts } from "./portal/texts.ts";
import { failureOf, logFailure } from "./problem.ts";
import type { HttpEnv } from "./route.ts";
import type { HttpWorld } from "./world.ts";

/** What a page may load: this site's style, scripts and pictures, and nothing else. */
export const portalHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    scriptSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
  },
});

/** Adds the portal to the service: what anybody may see, then signing in, then the pages of who is in. */
export function portalRoutes(app: Hono<HttpEnv>, world: HttpWorld): void {
  const portal = new Hono<HttpEnv>();
  const { issuer, log, limits, realm } = world;
  portal.onError((thrown) => {
    const error = thrown instanceof HTTPException ? refused() : thrown;
    logFailure(error, log);
    const { status, detail, headers } = failureOf(error);
    const unsound = unsoundCode(error);
    return failurePage(issuer, status, unsound === undefined ? detail : texts.feed.unsound(unsound), headers);
  });
  // Before the session is looked at: a form that another site sends is refused whatever it is.
  portal.use("/portal/*", csrf({ origin: new URL(realm.url).origin }));
  portal.use(
    "/portal/*",
    limitBody(maxFormBytes, () => new SpampotsError("too-large", "The form is longer than any of ours.")),
  );
  assetRoutes(portal);
  signInRoutes(portal, world);
  joinRoutes(portal, world);
  operatorSignInRoutes(portal, world);
  operatorRoutes(portal, world);
  portal.post("/portal/sign-out", async (context) => {
    await endSession(context, world);
    return context.redirect("/portal/sign-in", 303);
  });
  portal.use("/portal/*", async (context, next) => {
    const caller = await admitted(context, world);
    if (caller instanceof Response) return caller;
    await limits.request(caller.partner.id);
    context.set("caller", caller);
    return next();
  });
  partnerRoutes(portal, world);
  summaryRoutes(portal, world);
  portal.all("/portal/*", () => failurePage(issuer, 404, texts.nothing));
  app.route("/", portal);
}

/** Who is signed in and may come in; an answer for anybody else. */
async function admitted(context: Context<HttpEnv>, world: HttpWorld): Promise<Caller | Response> {
  try {
    const caller = await sessionCaller(context, world);
    if (caller) return caller;
  } catch (error) {
    // The session proves whose agreement it is, so that this is told to nobody else.
    const partner = isError(error, "forbidden") ? await sessionPartner(context, world) : undefined;
    if (partner === undefined) throw error;
    return pageResponse(world.issuer, notInForcePage(partner, world.clock()));
  }
  return context.redirect("/portal/sign-in", 303);
}

const refused = () =>
  new SpampotsError("forbidden", "The form came from another site.", { hint: "Open the portal, and do it there." });

/** What went wrong, for a person. */
function failurePage(issuer: string, status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
  const answer = pageResponse(issuer, { title: texts.failed, status, main: html`<p role="alert">${detail}</p>` });
  return answer.then((response) => {
    for (const [name, value] of Object.entries(headers))
      if (name !== "WWW-Authenticate") response.headers.set(name, value);
    return response;
  });
}

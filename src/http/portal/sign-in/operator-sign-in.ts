/**
 * The operators' door: with a key of the operators' key set, and by nothing else. Where there is no such set, nothing here
 * is there. Whoever isn't signed in is sent to sign in, whatever was asked for below `/portal/operator`.
 */
import type { Hono } from "hono";
import { html } from "hono/html";
import { operatorName } from "../../../partner/auth/proof.ts";
import type { HttpEnv } from "../../route.ts";
import type { HttpWorld } from "../../world.ts";
import { fieldsOf } from "../forms.ts";
import { pageResponse } from "../layout.ts";
import { texts } from "../texts.ts";
import { answeredBy, giveChallenge, useUp } from "./challenge.ts";
import { keyForm } from "./key-form.ts";
import { endOperatorSession, openOperatorSession, operatorSession } from "./operator-session.ts";

const door = "/portal/operator/sign-in";

/** Adds the routes to the portal, before those of partners. */
export function operatorSignInRoutes(portal: Hono<HttpEnv>, world: HttpWorld): void {
  const { registry, log } = world;
  const page = (status = 200, why?: string) =>
    pageResponse(world.issuer, {
      title: texts.operator.signIn,
      main: html`${why === undefined ? "" : html`<p role="alert">${why}</p>`}${keyForm("operator", operatorName)}`,
      status,
      scripts: ["sign-in.js"],
    });
  // Without keys of operators the routes below are as if they weren't: the partners' answer.
  const isOn = () => registry.operators.length > 0;
  portal.get(door, (_context, next) => (isOn() ? page() : next()));
  portal.post(`${door}/challenge`, (context, next) => (isOn() ? giveChallenge(context, world, "operator") : next()));
  portal.post(door, async (context, next) => {
    if (!isOn()) return next();
    await world.limits.stranger(context.get("address"));
    const { challenge, answer } = await fieldsOf(context);
    const proven =
      challenge !== undefined && answer !== undefined
        ? await answeredBy(
            context,
            world,
            { challenge, answer },
            { door: "operator", keysOf: () => registry.operators },
          )
        : undefined;
    if (proven?.iss !== operatorName || !(await useUp(context, world, proven.nonce)))
      return page(403, texts.withKey.refused);
    await openOperatorSession(context, world, proven.key.kid);
    log.info({ key: proven.key.kid }, "an operator signed in");
    return context.redirect("/portal/operator", 303);
  });
  portal.post("/portal/operator/sign-out", async (context, next) => {
    if (!isOn()) return next();
    await endOperatorSession(context, world);
    return context.redirect(door, 303);
  });
  const guard = async (context: Parameters<typeof operatorSession>[0], next: () => Promise<void>) => {
    if (!isOn() || (await operatorSession(context, world)) !== undefined) return next();
    return context.redirect(door, 303);
  };
  portal.use("/portal/operator", guard);
  portal.use("/portal/operator/*", guard);
}

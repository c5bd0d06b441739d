/**
 * The application: every door in one Hono app. Order of a request: its address is known, its caller is admitted, its
 * limit counted, its route found. One place turns errors into answers.
 *
 * @see design §3 point 15, RFC 6750, RFC 9457
 */
import { createHash } from "node:crypto";
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { z } from "zod";
import { admit } from "./access.ts";
import { sendBody } from "./body.ts";
import { healthRoutes } from "./health.ts";
import { oauthRoutes } from "./oauth.ts";
import { openApi, pageStyle, referencePage } from "./openapi.ts";
import { portalHeaders, portalRoutes } from "./portal.ts";
import { logFailure, problemResponse } from "./problem.ts";
import { pullRoutes } from "./pull.ts";
import { type HttpEnv, notFound, Routes } from "./route.ts";
import { taxiiRoutes } from "./taxii.ts";
import type { HttpWorld } from "./world.ts";

/** What an app needs to know of the connection that a request came over. */
export type AddressOf = (request: Request, env: unknown) => string;

const nothing = z.object({});
const styleDigest = createHash("sha256").update(pageStyle).digest("base64");

/** @param version of the program, for the OpenAPI document. */
export function createApp(world: HttpWorld, addressOf: AddressOf, version: string): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  const { log } = world;
  // Outermost: every header stands by then.
  app.use(async (context, next) => {
    await next();
    await sendBody(context);
  });
  // What a page may load is more than what an answer may: its headers are set last.
  app.use("/portal/*", portalHeaders);
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        styleSrc: [`'sha256-${styleDigest}'`],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
      },
    }),
  );
  app.use(async (context, next) => {
    context.set("address", addressOf(context.req.raw, context.env));
    await next();
    world.metrics.answered(context.req.method, context.res.status);
    log.info(
      {
        method: context.req.method,
        path: context.req.path,
        status: context.res.status,
        partner: context.get("caller")?.partner.id,
      },
      "answered",
    );
  });
  app.use("/v1/*", async (context, next) => {
    await admit(context, world);
    await next();
  });
  app.onError((error) => {
    logFailure(error, log);
    return problemResponse(error);
  });
  taxiiRoutes(app, world);
  portalRoutes(app, world);
  app.notFound(() => problemResponse(notFound()));

  const routes = new Routes(app);
  oauthRoutes(routes, world);
  pullRoutes(routes, world);
  healthRoutes(routes, world);
  // Made once, when somebody asks: it costs as much as hundreds of small answers, and anyone may ask.
  let made: { readonly document: string; readonly page: string } | undefined;
  const texts = () => {
    const { specs } = routes;
    made ??= { document: JSON.stringify(openApi(specs, world.realm.url, version)), page: referencePage(specs) };
    return made;
  };
  routes.open(
    {
      method: "GET",
      path: "/openapi.json",
      id: "openapi",
      summary: "This API for machines.",
      params: nothing,
      query: z.strictObject({}),
      secured: false,
      answers: { 200: { description: "OpenAPI 3.1.", content: { "application/json": z.looseObject({}) } } },
    },
    () => new Response(texts().document, { headers: { "Content-Type": "application/json" } }),
  );
  routes.open(
    {
      method: "GET",
      path: "/reference",
      id: "reference",
      summary: "This API for people.",
      params: nothing,
      query: z.strictObject({}),
      secured: false,
      answers: { 200: { description: "A page.", content: { "text/html": null } } },
    },
    () => new Response(texts().page, { headers: { "Content-Type": "text/html; charset=utf-8" } }),
  );
  return app;
}

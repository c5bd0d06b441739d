/** The route of the operator's page. It isn't a partner's: it has a key and sessions of its own. */
import type { Hono } from "hono";
import { whole } from "../../pull/shared.ts";
import { type HttpEnv, notFound } from "../../route.ts";
import type { HttpWorld } from "../../world.ts";
import { pageResponse } from "../layout.ts";
import { operatorSession } from "../sign-in/operator-session.ts";
import { Board } from "./board.ts";
import { operatorPage } from "./page.ts";

const first = whole(0, 999_999).optional();

/** Adds the route to the portal; for anybody but an operator it is as if it weren't there. */
export function operatorRoutes(portal: Hono<HttpEnv>, world: HttpWorld): void {
  const board = new Board(world);
  portal.get("/portal/operator", async (context, next) => {
    const operator = await operatorSession(context, world);
    if (operator === undefined) return next();
    const from = first.safeParse(context.req.query("from"));
    if (!from.success) throw notFound();
    const page = await operatorPage(board, { from: from.data ?? 0, key: operator.key, now: world.clock() });
    return pageResponse(world.issuer, page);
  });
}

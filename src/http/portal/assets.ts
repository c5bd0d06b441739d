/**
 * What every page loads and nobody's session is needed for: the style sheet, the icon and the scripts. Browsers keep them,
 * and ask by their digest whether they still hold; of the icon only once a day.
 *
 * @see RFC 9110 §13.1.2 (If-None-Match)
 */
import { createHash } from "node:crypto";
import type { Hono } from "hono";
import type { HttpEnv } from "../route.ts";
import { scripts } from "./scripts.ts";
import { portalStyle } from "./style.ts";

/** Three bars, seen on light and dark tabs. A browser that is told of no icon asks for one elsewhere. */
const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1f6aa5"/><path d="M4 12V8m4 4V4m4 8V6" stroke="#fff" stroke-width="2"/></svg>';

/** Adds the routes to the portal; anybody may come to them. */
export function assetRoutes(portal: Hono<HttpEnv>): void {
  asset(portal, "style.css", "text/css", portalStyle);
  asset(portal, "icon.svg", "image/svg+xml", icon, "public, max-age=86400");
  for (const [name, text] of Object.entries(scripts)) asset(portal, name, "text/javascript; charset=utf-8", text);
}

function asset(
  portal: Hono<HttpEnv>,
  name: string,
  mediaType: string,
  text: string,
  caching = "public, no-cache",
): void {
  const tag = `"${createHash("sha256").update(text).digest("base64url")}"`;
  const headers = { "Content-Type": mediaType, ETag: tag, "Cache-Control": caching };
  portal.get(`/portal/${name}`, (context) =>
    context.req.header("if-none-match") === tag
      ? new Response(null, { status: 304, headers: { ETag: tag } })
      : new Response(text, { headers }),
  );
}

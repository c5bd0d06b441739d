/**
 * Scripts of the portal: functions of ours, typed and checked like all others, whose text is what browsers get. No build
 * step, nothing that stands in a page itself, and the same from the sources as from the installed package, where types are
 * gone already.
 *
 * @see ECMAScript §20.2.3.5 (Function.prototype.toString gives the source text)
 */
import { createHash } from "node:crypto";
import type { Hono } from "hono";
import { fingerprintOf } from "../../partner/joining/fingerprint.ts";
import type { HttpEnv } from "../route.ts";
import { startJoining } from "./browser/join.ts";
import { base64url, newJwk, readKey, signJwt } from "./browser/keys.ts";
import { element, say } from "./browser/page.ts";
import { startSigningIn } from "./browser/sign-in.ts";

/** The text of functions, the last of which is called. */
function scriptOf(...functions: readonly { readonly name: string; toString(): string }[]): string {
  return `${functions.map(String).join("\n")}\n${functions.at(-1)?.name}();\n`;
}

const keys = [base64url, readKey, signJwt, element, say];

const scripts = {
  "join.js": scriptOf(...keys, newJwk, fingerprintOf, startJoining),
  "sign-in.js": scriptOf(...keys, startSigningIn),
} as const;

/** A script's name, below `/portal/`. */
export type ScriptName = keyof typeof scripts;

export function scriptRoutes(portal: Hono<HttpEnv>): void {
  for (const [name, text] of Object.entries(scripts)) {
    const tag = `"${createHash("sha256").update(text).digest("base64url")}"`;
    const headers = {
      "Content-Type": "text/javascript; charset=utf-8",
      ETag: tag,
      "Cache-Control": "public, no-cache",
    };
    portal.get(`/portal/${name}`, (context) =>
      context.req.header("if-none-match") === tag
        ? new Response(null, { status: 304, headers: { ETag: tag } })
        : new Response(text, { headers }),
    );
  }
}

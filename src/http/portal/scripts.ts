/**
 * Scripts of the portal: functions of ours, typed and checked like all others, whose text is what browsers get. No build
 * step, nothing that stands in a page itself, and the same from the sources as from the installed package, where types are
 * gone already.
 *
 * @see ECMAScript §20.2.3.5 (Function.prototype.toString gives the source text)
 */
import { fingerprintOf } from "../../partner/joining/fingerprint.ts";
import { startJoining } from "./browser/join.ts";
import { base64url, newJwk, readKey, signJwt } from "./browser/keys.ts";
import { element, say } from "./browser/page.ts";
import { startSigningIn } from "./browser/sign-in.ts";

/** The text of functions, the last of which is called. */
function scriptOf(...functions: readonly { readonly name: string; toString(): string }[]): string {
  return `${functions.map(String).join("\n")}\n${functions.at(-1)?.name}();\n`;
}

const keys = [base64url, readKey, signJwt, element, say];

/** The scripts by their names, below `/portal/`: the text of each. */
export const scripts = {
  "join.js": scriptOf(...keys, newJwk, fingerprintOf, startJoining),
  "sign-in.js": scriptOf(...keys, startSigningIn),
} as const;

/** A script's name, below `/portal/`. */
export type ScriptName = keyof typeof scripts;

/** What tests of the portal do again and again: links, key files, and a record of all that a browser sends. */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { openTokenKeys } from "../../src/partner/auth/token-keys.ts";
import { mint } from "../../src/partner/auth/tokens.ts";
import type { ClientKey, Served } from "../http/served.ts";

/** A service that links and sessions are made for. */
export type Site = Pick<Served, "url" | "tokenKeys" | "now">;

/** A link of a kind for a partner, made now. */
export async function linkFor(served: Site, partner: string, kind: "join" | "sign-in"): Promise<string> {
  const { signer } = await openTokenKeys(served.tokenKeys);
  const typ = kind === "join" ? "spampots-invitation+jwt" : "spampots-sign-in+jwt";
  const claims = { sub: partner, jti: randomUUID() };
  const token = await mint({ url: served.url }, signer, typ, claims, { now: served.now() });
  return `${served.url}/portal/${kind}?link=${token}`;
}

/** Writes the file of a partner's private key, as `spampots fetch --new-key` does. */
export async function keyFile(served: Served, { secret }: ClientKey, partner?: string): Promise<string> {
  const path = join(served.config, `${randomUUID()}.jwk`);
  await writeFile(
    path,
    JSON.stringify({ ...secret.export({ format: "jwk" }), ...(partner === undefined ? {} : { partner }) }),
  );
  return path;
}

/** Everything that a browser sends from now on: URLs, headers and bodies, as one text each. */
export function recordOf(context: BrowserContext): string[] {
  const sent: string[] = [];
  context.on("request", (request) => {
    sent.push(`${request.method()} ${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ""}`);
  });
  return sent;
}

/** Signs in with a key file, as a person does. */
export async function signInByKey(page: Page, served: Served, file: string, door = "/portal/sign-in"): Promise<void> {
  await page.goto(`${served.url}${door}`);
  await page.getByLabel("Your key file").setInputFiles(file);
  await page.getByRole("button", { name: "Sign in with the key" }).click();
}

/** What tests of the portal do again and again: links, key files, and a record of all that a browser sends. */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import type { ClientKey, Served } from "../http/served.ts";
import { minted, type Site } from "../http/visitor.ts";

/** A link of a kind for a partner, made now. */
export async function linkFor(served: Site, partner: string, kind: "join" | "sign-in"): Promise<string> {
  const typ = kind === "join" ? "spampots-invitation+jwt" : "spampots-sign-in+jwt";
  const token = await minted(served, typ, { sub: partner });
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

/** The portal over HTTPS, as partners have it: browsers take its cookies, and its forms are known to be its own. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { openServed } from "../http/served.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { openBrowser } from "./browser.ts";
import { keyFile, linkFor, signInByKey } from "./visit.ts";

const run = promisify(execFile);

test("over https a key and a link sign in, by cookies that only this host can have set", async (t) => {
  const folder = await temporaryFolder(t);
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=x"];
  await run("openssl", ["req", "-x509", ...kind, "-keyout", key, "-out", cert]);
  const readTls = async () => ({ cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") });
  const env = { SPAMPOTS_TLS_CERT: cert, SPAMPOTS_TLS_KEY: key };
  const served = await openServed(t, { env, parts: { readTls } });
  assert.match(served.url, /^https:/);
  const browser = await openBrowser(t);
  const context = await (await browser.window()).context.browser()?.newContext({ ignoreHTTPSErrors: true });
  assert.ok(context);
  const page = await context.newPage();
  await signInByKey(page, served, await keyFile(served, served.keysOf.twcert, "twcert"));
  await page.waitForURL(`${served.url}/portal`);
  const [cookie, ...others] = await context.cookies();
  assert.deepEqual(others, []);
  assert.deepEqual(
    [cookie?.name, cookie?.secure, cookie?.httpOnly, cookie?.sameSite, cookie?.path, cookie?.domain],
    ["__Host-spampots-session", true, true, "Strict", "/", "127.0.0.1"],
  );
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${served.url}/portal/sign-in`);
  assert.deepEqual(await context.cookies(), []);
  await page.goto(await linkFor(served, "ncc", "sign-in"));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${served.url}/portal`);
  assert.match((await page.getByRole("banner").textContent()) ?? "", /ncc/);
});

/** A partner makes its key in a real browser and hands in the public half. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { fingerprintOf } from "../../src/partner/joining/fingerprint.ts";
import { decide, listRequests } from "../../src/partner/joining/request.ts";
import { openServed, type Served } from "../http/served.ts";
import { openBrowser } from "./browser.ts";
import { keyFile, linkFor, recordOf } from "./visit.ts";

/** Makes and saves a key on the page of an invitation; gives its file. */
async function makeKey(page: Page, served: Served): Promise<string> {
  await page.getByRole("button", { name: "Make the key" }).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Save the key file" }).click(),
  ]);
  const file = join(served.config, download.suggestedFilename());
  await download.saveAs(file);
  return file;
}

const status = async (page: Page) => (await page.getByRole("status").textContent()) ?? "";

test("the key is made in the page and saved before its public half is sent; the private half is in no request", async (t) => {
  const served = await openServed(t);
  const browser = await openBrowser(t);
  const { page, context } = await browser.window();
  const sent = recordOf(context);
  const link = await linkFor(served, "twcert", "join");
  await page.goto(link);
  const file = await makeKey(page, served);
  assert.match(file, /twcert\.jwk$/);
  const send = page.getByRole("button", { name: "Send the public key" });
  assert.equal(await send.isVisible(), false);

  // A file with the right public half and another private one isn't the key.
  const jwk = JSON.parse(await readFile(file, "utf8"));
  const other = join(served.config, "other.jwk");
  await writeFile(other, JSON.stringify({ ...jwk, d: `A${jwk.d.slice(1)}` }));
  const older = await keyFile(served, served.keysOf.twcert, "twcert");
  for (const wrong of [other, join(served.config, "partners.yaml"), older]) {
    await page.getByLabel("Choose the file that you just saved").setInputFiles(wrong);
    await page.getByText("This is another file").first().waitFor();
    assert.match(await status(page), /another file/);
    assert.equal(await page.locator("#send").isEnabled(), false);
  }
  await page.getByLabel("Choose the file that you just saved").setInputFiles(file);
  const shown = await page.locator("#fingerprint").textContent();
  await send.click();
  assert.match((await page.getByRole("main").textContent()) ?? "", /is with the operator/);
  assert.equal(await page.locator("dd.fingerprint").textContent(), shown);

  const requests = await listRequests(served.store);
  assert.equal(requests.length, 1);
  const [request] = requests;
  assert.ok(request);
  assert.equal(request.partner, "twcert");
  assert.equal(fingerprintOf(request.key.kid), shown);
  // The client reads the file as one of its own.
  await writeFile(file, await readFile(file), { mode: 0o600 });
  assert.ok(sent.some((text) => text.startsWith("POST") && text.includes(jwk.x)));
  assert.deepEqual(
    sent.filter((text) => text.includes(jwk.d)),
    [],
  );
  assert.ok(request.key.kid);

  // Nothing is active before approval, and the link shows what became of the request.
  assert.equal(served.registry.partners.get("twcert")?.keys.length, 1);
  await decide(served.store, request.id, "rejected", served.now());
  await page.goto(link);
  assert.match((await page.getByRole("main").textContent()) ?? "", /rejected this key/);
});

test("a browser that doesn't know Ed25519 makes a P-256 key", async (t) => {
  const served = await openServed(t);
  const browser = await openBrowser(t);
  const { page, context } = await browser.window();
  await context.addInitScript(() => {
    const { subtle } = crypto;
    const make = subtle.generateKey.bind(subtle) as (...given: unknown[]) => Promise<unknown>; // of several forms
    const old = (algorithm: { name: string }, ...rest: unknown[]) =>
      algorithm.name === "Ed25519"
        ? Promise.reject(new DOMException("", "NotSupportedError"))
        : make(algorithm, ...rest);
    Object.defineProperty(subtle, "generateKey", { value: old });
  });
  await page.goto(await linkFor(served, "ncc", "join"));
  const file = await makeKey(page, served);
  await page.getByLabel("Choose the file that you just saved").setInputFiles(file);
  await page.getByRole("button", { name: "Send the public key" }).click();
  await page.getByText("is with the operator").waitFor();
  const [request] = await listRequests(served.store);
  assert.equal(request?.key.alg, "ES256");
});

test("all of it works by keyboard alone, each step beginning where the one before ended", async (t) => {
  const served = await openServed(t);
  const browser = await openBrowser(t);
  const { page } = await browser.window();
  await page.goto(await linkFor(served, "ncc", "join"));
  // Asked for early: the browser must know before the key is pressed.
  const choosing = page.waitForEvent("filechooser");
  // The form shows once its script has begun.
  await page.getByRole("button", { name: "Make the key" }).waitFor();
  // The skip link, the portal's name, then the button.
  for (let stop = 0; stop < 3; stop += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator("#save:focus").waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  const file = join(served.config, download.suggestedFilename());
  await download.saveAs(file);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await (await choosing).setFiles(file);
  await page.locator("#send:focus").waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("is with the operator").waitFor();
  assert.equal((await listRequests(served.store)).length, 1);
});

test("a browser that makes no keys is told so, and what to do", async (t) => {
  const served = await openServed(t);
  const browser = await openBrowser(t);
  const { page, context } = await browser.window();
  await context.addInitScript(() => {
    Object.defineProperty(crypto.subtle, "generateKey", { value: () => Promise.reject(new Error("no")) });
  });
  await page.goto(await linkFor(served, "ncc", "join"));
  await page.getByRole("button", { name: "Make the key" }).click();
  await page.locator("#status", { hasText: "spampots join" }).waitFor();
});

test("without JavaScript the page says what to do instead", async (t) => {
  const served = await openServed(t);
  const browser = await openBrowser(t);
  const { context } = await browser.window();
  const still = await context.browser()?.newContext({ javaScriptEnabled: false });
  assert.ok(still);
  const page = await still.newPage();
  await page.goto(await linkFor(served, "twcert", "join"));
  assert.match(await page.getByRole("main").innerText(), /spampots join/);
  await page.goto(`${served.url}/portal/sign-in`);
  assert.match(await page.getByRole("main").innerText(), /needs JavaScript/);
  assert.equal(await page.getByRole("button").count(), 0);
});

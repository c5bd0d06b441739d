/** Signing in with a key, in a real browser: by keyboard alone, and the key never leaves. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { newClientKey, openServed } from "../http/served.ts";
import { openBrowser } from "./browser.ts";
import { keyFile, recordOf, signInByKey } from "./visit.ts";

const status = (page: { locator(selector: string): { textContent(): Promise<string | null> } }) =>
  page.locator("#status").textContent();

test("a key signs in by keyboard alone, and no request holds it", async (t) => {
  const served = await openServed(t);
  const browser = await openBrowser(t);
  const { page, context } = await browser.window();
  const sent = recordOf(context);
  const { twcert, ncc } = served.keysOf;
  const file = await keyFile(served, twcert, "twcert");
  await page.goto(`${served.url}/portal/sign-in`);
  // Asked for early: the browser must know before the key is pressed.
  const choosing = page.waitForEvent("filechooser");
  // The form shows once its script has begun.
  await page.getByLabel("Your key file").waitFor();
  // The skip link, the portal's name, then the form: file, id, button.
  for (let stop = 0; stop < 3; stop += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await (await choosing).setFiles(file);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await Promise.all([page.waitForURL(`${served.url}/portal`), page.keyboard.press("Enter")]);
  assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Your feeds");
  const { d = "" } = twcert.secret.export({ format: "jwk" });
  assert.ok(d.length > 40);
  assert.ok(sent.some((text) => text.startsWith("POST") && text.includes("answer=")));
  assert.deepEqual(
    sent.filter((text) => text.includes(d)),
    [],
  );
  // Nor does anything of where we were go along.
  assert.deepEqual(
    sent.filter((text) => /"referer":"[^"]/i.test(text)),
    [],
  );

  // A file that doesn't say whose it is, and an id beside it; P-256.
  const other = await browser.window();
  await other.page.goto(`${served.url}/portal/sign-in`);
  await other.page.getByLabel("Your key file").setInputFiles(await keyFile(served, ncc));
  const go = other.page.getByRole("button", { name: "Sign in with the key" });
  await go.click();
  await other.page.getByText("write your id beside it").first().waitFor();
  assert.match((await status(other.page)) ?? "", /whose key/);
  await other.page.getByLabel("Your id").fill("ncc");
  await Promise.all([other.page.waitForURL(`${served.url}/portal`), go.click()]);
  assert.match((await other.page.getByRole("banner").textContent()) ?? "", /ncc/);
});

test("the page says what is wrong with a file, and refuses whoever isn't known", async (t) => {
  const served = await openServed(t);
  const browser = await openBrowser(t);
  const { page } = await browser.window();
  const broken = join(served.config, `${randomUUID()}.jwk`);
  await writeFile(broken, "{}");
  await signInByKey(page, served, broken);
  await page.getByText("holds no private key").first().waitFor();
  assert.match((await status(page)) ?? "", /holds no private key/);
  await signInByKey(page, served, await keyFile(served, await newClientKey("EdDSA"), "twcert"));
  assert.match((await page.getByRole("alert").textContent()) ?? "", /didn't sign you in/);
  // A page that stood open for long works still: the question is asked when it is needed.
  await page.goto(`${served.url}/portal/sign-in`);
  served.setNow(served.now() + 86_400_000);
  await page.getByLabel("Your key file").setInputFiles(await keyFile(served, served.keysOf.twcert, "twcert"));
  await page.getByRole("button", { name: "Sign in with the key" }).click();
  await page.waitForURL(`${served.url}/portal`);
});

test("an operator signs in at the operators' door, with nothing to say but the key", async (t) => {
  const operator = await newClientKey("EdDSA");
  const served = await openServed(t, { operators: [operator] });
  const browser = await openBrowser(t);
  const { page, context } = await browser.window();
  const file = await keyFile(served, operator);
  await page.goto(`${served.url}/portal/operator`);
  assert.equal(page.url(), `${served.url}/portal/operator/sign-in`);
  assert.equal(await page.getByLabel("Your id").count(), 0);
  await signInByKey(page, served, file, "/portal/operator/sign-in");
  await page.waitForURL((url) => url.pathname !== "/portal/operator/sign-in");
  assert.deepEqual(
    (await context.cookies()).map(({ name }) => name),
    ["spampots-operator"],
  );
  await signInByKey(page, served, await keyFile(served, served.keysOf.twcert, "twcert"), "/portal/operator/sign-in");
  assert.match((await page.getByRole("alert").textContent()) ?? "", /didn't sign you in/);
});

test("a form on another site signs nobody out", async (t) => {
  const served = await openServed(t);
  const other = await openServed(t);
  const browser = await openBrowser(t);
  const { page, complaints } = await browser.window();
  await signInByKey(page, served, await keyFile(served, served.keysOf.twcert, "twcert"));
  await page.waitForURL(`${served.url}/portal`);
  // The other site is another one of ours, by another name of this machine, with what it likes in its page.
  const elsewhere = other.url.replace("127.0.0.1", "localhost");
  await page.route(`${elsewhere}/hostile`, (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<form method="post" action="${served.url}/portal/sign-out"><button>Win</button></form>`,
    }),
  );
  await page.goto(`${elsewhere}/hostile`);
  await page.getByRole("button", { name: "Win" }).click();
  assert.match((await page.getByRole("alert").textContent()) ?? "", /came from another site/);
  await page.goto(`${served.url}/portal`);
  assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Your feeds");
  assert.deepEqual(complaints, []);
});

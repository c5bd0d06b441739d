/** Signing in to the portal by a link, in a real browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openServed } from "../http/served.ts";
import { openBrowser } from "./browser.ts";
import { linkFor } from "./visit.ts";

test("a link opens the portal once, shows the partner's own feeds, and signing out ends it", async (t) => {
  const served = await openServed(t);
  const browser = await openBrowser(t);
  const link = await linkFor(served, "twcert", "sign-in");
  const { page, context } = await browser.window();
  await page.goto(link);
  await page.reload();
  await page.getByRole("button", { name: "Sign in" }).click();
  assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Your feeds");
  assert.match((await page.getByRole("banner").textContent()) ?? "", /twcert/);
  assert.equal(await page.locator(".cards > section").count(), 2);

  const other = await browser.window();
  await other.page.goto(link);
  await other.page.getByRole("button", { name: "Sign in" }).click();
  assert.match((await other.page.getByRole("alert").textContent()) ?? "", /works once/);

  const cookies = await context.cookies();
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.match(page.url(), /sign-in$/);
  // A copy of the cookie opens nothing any more.
  await other.context.addCookies(cookies);
  await other.page.goto(`${served.url}/portal`);
  assert.match(other.page.url(), /sign-in$/);
});

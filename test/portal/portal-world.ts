/** A service with a portal for tests: publications of all kinds, and people of both partners who are signed in. */
import type { TestContext } from "node:test";
import { dayMs } from "../../src/model.ts";
import { publicKeyOf } from "../../src/publication/jwk.ts";
import { type Answer, ask, type ClientKey, openServed, type Served } from "../http/served.ts";
import { minted, type Site } from "../http/visitor.ts";
import { csvFile, publish, stixFile, testNow, withdrawal } from "../publication/issuer.ts";
import type { Window } from "./browser.ts";
import { linkFor } from "./visit.ts";

/** Signs a browser in, by a link and its button. */
export async function signIn({ page }: Pick<Window, "page">, served: Site, partner: string): Promise<void> {
  await page.goto(await linkFor(served, partner, "sign-in"));
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** A session's cookie, for requests without a browser. */
export async function sessionCookie(served: Served, partner: string): Promise<string> {
  const link = new URL(await linkFor(served, partner, "sign-in")).searchParams.get("link") ?? "";
  const body = new URLSearchParams({ link });
  const { headers } = await ask(`${served.url}/portal/sign-in`, {
    method: "POST",
    body,
    headers: { Origin: served.url, "Sec-Fetch-Site": "same-origin" },
  });
  const set = headers.getSetCookie().find((cookie) => cookie.startsWith("spampots-session=") && !/=;/.test(cookie));
  return set?.split(";")[0] ?? "";
}

/** The cookie of an operator's session, made now: `name=value`. */
export async function operatorCookie(served: Site, { jwk }: ClientKey): Promise<string> {
  const token = await minted(served, "spampots-operator+jwt", { sub: publicKeyOf(jwk).kid });
  return `spampots-operator=${token}`;
}

/** Gives a browser a cookie of the form `name=value`. */
export async function takeCookie(
  { context }: Pick<Window, "context">,
  served: Pick<Site, "url">,
  cookie: string,
): Promise<void> {
  const [name = "", value = ""] = cookie.split("=");
  await context.addCookies([{ name, value, url: served.url, httpOnly: true, sameSite: "Strict" }]);
}

/** One request with a session's cookie. */
export function askPortal(served: Served, path: string, cookie: string, init: RequestInit = {}): Promise<Answer> {
  return ask(`${served.url}${path}`, { ...init, headers: { Cookie: cookie, ...init.headers } });
}

/** What the partners of {@link openPortal} were given: twcert has each kind of publication, ncc a log of its own. */
export async function openPortal(
  t: Pick<TestContext, "after">,
  options: Parameters<typeof openServed>[1] = {},
): Promise<Served> {
  const served = await openServed(t, options);
  await publish(served, { weeksAgo: 3, files: [csvFile(4, "w")], more: { retain_until: "2026-11-01T00:00:00Z" } });
  await publish(served, { weeksAgo: 2, files: [csvFile(7, "x")] });
  await publish(served, { weeksAgo: 2, more: withdrawal([2]), files: [] });
  await publish(served, { weeksAgo: 1, files: [csvFile(5, "y"), stixFile(3)] });
  await publish(served, { weeksAgo: 1, files: [csvFile(6, "y"), stixFile(4)] });
  await publish(served, { weeksAgo: 0, files: [csvFile(3), stixFile(2)], more: { notes: ["A sensor was away."] } });
  await publish(served, { feed: "summary", weeksAgo: 0, files: [markdown] });
  await publish(served, { partner: "ncc", weeksAgo: 0, files: [csvFile(9, "ncc")] });
  served.setNow(testNow + dayMs);
  return served;
}

const markdown = { suffix: ".md", mediaType: "text/markdown; charset=utf-8", content: "# Summary\n" };

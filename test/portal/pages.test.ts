/** The partner's pages in a real browser: by keyboard alone, without JavaScript, in print, judged by axe, and attacked. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { putHealth } from "../../src/delivery/watch/health.ts";
import { publishSummary, summaryOf } from "../http/portal/weeks.ts";
import { newClientKey, type Served } from "../http/served.ts";
import { publish, sha256, withdrawal } from "../publication/issuer.ts";
import { openBrowser, type Window } from "./browser.ts";
import { openPortal, operatorCookie, signIn, takeCookie } from "./portal-world.ts";
import { linkFor } from "./visit.ts";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Rules of WCAG 2.2, levels A and AA, and axe's own good practice. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate(
    "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })",
  );
  const { violations: broken } = found as { violations: { id: string; nodes: { html: string }[] }[] }; // what axe.run gives
  return broken.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`);
}

const partnerPages = [
  "/portal",
  "/portal/receipts",
  "/portal/feeds/spam-sources",
  "/portal/feeds/spam-sources/6",
  "/portal/feeds/spam-sources/2",
  "/portal/feeds/spam-sources/3",
  "/portal/feeds/summary/1",
  "/portal/nothing",
];

/** An operator is in too, with something to see. */
async function openBoth(t: Parameters<typeof openPortal>[0], window: (served: Served) => Promise<Window>) {
  const key = await newClientKey("ES256");
  const served = await openPortal(t, { operators: [key] });
  const one = await window(served);
  await takeCookie(one, served, await operatorCookie(served, key));
  await putHealth(served.store, {
    v: 1,
    at: "2026-11-17T05:55:00Z",
    logs: [
      { partner: "twcert", feed: "spam-sources", sequence: 6, stopped: { code: "unknown-sensor" }, lanes: [] },
      { partner: "ncc", feed: "spam-sources", sequence: 1, lanes: [{ destination: "s3", delivered: 1, behind: 0 }] },
    ],
    ingest: {
      days: [{ day: "2026-11-17", captures: 5, requests: 6, sensors: 7 }],
      sensors: { known: 9, last_day: 7, last_days: 8 },
      coverage: { expected: 216, seen: 200 },
      quarantine: [{ code: "bad-line", last_day: 1, last_days: 2 }],
      newest_seal: "2026-11-17T05:00:00Z",
      excluded: 0,
    },
    tables: [{ kind: "asn", name: "routeviews", date: "2026-11-01", rows: 9 }],
  });
  return { served, window: one };
}

test("axe finds nothing wrong with any page, in the light, in the dark and on a telephone", async (t) => {
  const browser = await openBrowser(t);
  const { served, window } = await openBoth(t, () => browser.window());
  const { page } = window;
  await page.goto(`${served.url}/portal/sign-in`);
  assert.deepEqual(await violations(page), [], "sign-in");
  await publishSummary(served, summaryOf(2));
  await publishSummary(served, summaryOf(1));
  served.setNow(served.now() + 2000);
  const withFigures = ["/portal/feeds/summary/3", "/portal/trend"];
  await signIn(window, served, "twcert");
  for (const scheme of ["light", "dark"] as const) {
    for (const width of [1200, 320]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 800 });
      for (const path of [...partnerPages, ...withFigures, "/portal/operator"]) {
        const answer = await page.goto(served.url + path);
        assert.equal(answer?.status(), path === "/portal/nothing" ? 404 : 200, path);
        assert.deepEqual(await violations(page), [], `${path} ${scheme} ${width}`);
        const wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
        assert.ok(Number(wider) <= 0, `${path} is ${wider} px wider than ${width}`);
      }
    }
  }
});

test("each page has one main heading, headings in order, and tables with captions and scopes", async (t) => {
  const browser = await openBrowser(t);
  const { served, window } = await openBoth(t, () => browser.window());
  const { page } = window;
  await signIn(window, served, "twcert");
  for (const path of [...partnerPages, "/portal/operator"]) {
    await page.goto(served.url + path);
    const levels = (await page.locator("h1,h2,h3,h4").evaluateAll((all) => all.map(({ tagName }) => tagName))).map(
      (name) => Number(name.slice(1)),
    );
    assert.deepEqual(levels.filter((level) => level === 1).length, 1, path);
    for (const [index, level] of levels.entries())
      assert.ok(level <= (levels[index - 1] ?? 0) + 1, `${path} ${levels}`);
    const tables = await page.locator("table").count();
    assert.equal(await page.locator("table > caption").count(), tables, path);
    assert.equal(await page.locator("th:not([scope])").count(), 0, path);
    assert.equal(await page.locator("main").count(), 1, path);
  }
});

test("by keyboard alone: from the link to a file, with the focus in sight at each step", async (t) => {
  const served = await openPortal(t);
  const browser = await openBrowser(t);
  const { page } = await browser.window();
  const press = async (wanted: string, most = 60) => {
    for (let n = 0; n < most; n += 1) {
      await page.keyboard.press("Tab");
      const { text, outline } = (await page.evaluate(
        "({ text: document.activeElement.textContent.trim(), outline: getComputedStyle(document.activeElement).outlineStyle })",
      )) as { text: string; outline: string }; // what the expression gives
      assert.notEqual(outline, "none", `the focus isn't to be seen on ${text}`);
      if (text === wanted) return page.keyboard.press("Enter");
    }
    return assert.fail(`no way to ${wanted}`);
  };
  await page.goto(await linkFor(served, "twcert", "sign-in"));
  await press("To the content");
  assert.match(page.url(), /#main$/);
  await press("Sign in");
  await page.waitForURL(`${served.url}/portal`);
  await press("2026-W46");
  await page.waitForURL(/spam-sources\/6$/);
  const download = page.waitForEvent("download");
  await press("spam-sources_2026-W46_tlp-amber.csv.gz");
  const file = await download;
  assert.equal(file.suggestedFilename(), "spam-sources_2026-W46_tlp-amber.csv.gz");
  const text = (await page.locator("main").textContent()) ?? "";
  assert.ok(text.includes(sha256(await readFile(await file.path()))));
  await page.goto(`${served.url}/portal`);
  await press("Sign out");
  await page.waitForURL(/sign-in/);
});

test("without JavaScript everything is there that is with it, and pages load nothing from elsewhere", async (t) => {
  const served = await openPortal(t);
  const browser = await openBrowser(t);
  const window = await browser.window({ javaScriptEnabled: false });
  const { page, context } = window;
  const asked: string[] = [];
  context.on("request", (request) => asked.push(request.url()));
  await signIn(window, served, "twcert");
  for (const path of partnerPages) await page.goto(served.url + path);
  await page.goto(`${served.url}/portal/feeds/spam-sources/6`);
  assert.equal(
    await page.getByRole("heading", { level: 1 }).textContent(),
    "Hosts that inject spam from your networks, 2026-W46",
  );
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "The signed manifest (JWS)" }).click();
  const jws = JSON.parse(await readFile(await (await download).path(), "utf8"));
  const digest = sha256(Buffer.from(jws.payload, "base64url"));
  assert.ok(((await page.locator("main").textContent()) ?? "").includes(digest));
  assert.ok(asked.length > 10);
  assert.deepEqual(
    asked.filter((url) => !url.startsWith(`${served.url}/portal`)),
    [],
  );
});

/** What would be run, shown elsewhere, or turn the reader's eye. */
const hostile =
  '</title></caption><script>hit()</script><img src=//evil.example/x onerror=hit()>"onmouseover="hit() \u202egpj.exe javascript:hit() {{7*7}}';

test("others' words stay text wherever they come in", async (t) => {
  const browser = await openBrowser(t);
  const { served, window } = await openBoth(t, () => browser.window());
  const yaml = JSON.stringify(hostile.slice(0, 100));
  const feed = join(served.config, "feeds/spam-sources.yaml");
  await writeFile(feed, (await readFile(feed, "utf8")).replace(/^title: .*$/m, `title: ${yaml}`));
  const partners = join(served.config, "partners.yaml");
  const text = (await readFile(partners, "utf8"))
    .replaceAll(/name: twcert$/gm, `name: ${yaml}`)
    .replaceAll("reference: M-twcert", `reference: ${yaml}`)
    .replaceAll("purposes: [test]", `purposes: [${yaml}]`);
  await writeFile(partners, text);
  await served.registry.refresh();
  assert.equal(served.registry.partners.get("twcert")?.name, hostile.slice(0, 100));
  const table = { kind: hostile, name: hostile, date: "2026-11-01", rows: 1, sha256: "0".repeat(64) };
  await publish(served, {
    more: {
      notes: [hostile],
      issuer: hostile,
      mou: { reference: hostile, purposes: [hostile], onward: "none", retention_days: 1 },
      tables: [table],
      counts: { [hostile]: 1, rows: 2 },
    },
  });
  const { withdraws } = withdrawal([7]);
  assert.ok(withdraws);
  await publish(served, { files: [], more: { ...withdrawal([7]), withdraws: { ...withdraws, reason: hostile } } });
  await putHealth(served.store, {
    v: 1,
    at: "2026-11-17T06:20:00Z",
    logs: [
      {
        partner: "twcert",
        feed: "spam-sources",
        sequence: 8,
        stopped: { code: hostile.slice(0, 100) },
        lanes: [
          {
            destination: hostile.slice(0, 100),
            delivered: 1,
            behind: 7,
            failing: { since: "2026-11-17T05:00:00Z", code: "delivery-failed", reason: hostile.slice(0, 190) },
          },
        ],
      },
    ],
    tables: [{ kind: hostile.slice(0, 99), name: hostile.slice(0, 99), date: "2026-11-01", rows: 1 }],
  });
  served.setNow(served.now() + 30 * 60_000);
  const { page, context } = window;
  const asked: string[] = [];
  context.on("request", (request) => asked.push(request.url()));
  await context.addInitScript("globalThis.hits = 0; globalThis.hit = () => { globalThis.hits += 1; };");
  await signIn(window, served, "twcert");
  const places = ["/portal", "/portal/receipts", "/portal/feeds/spam-sources", "/portal/operator"];
  for (const path of [...places, ...[7, 8].map((n) => `/portal/feeds/spam-sources/${n}`)]) {
    const answer = await page.goto(served.url + path);
    assert.equal(answer?.status(), 200, path);
    const shown = (await page.locator("body").textContent()) ?? "";
    assert.ok(shown.includes("<script>hit()"), `${path} doesn't show it`);
    assert.doesNotMatch(shown, /\u202e/, path);
    assert.equal(await page.locator("script, img, [onerror], [onmouseover]").count(), 0, path);
    assert.equal(await page.evaluate("globalThis.hits"), 0, path);
    for (const href of await page.locator("a").evaluateAll((all) => all.map((one) => one.getAttribute("href") ?? "")))
      assert.match(href, /^(#|\/portal)/, path);
    assert.deepEqual(await violations(page), [], path);
  }
  assert.deepEqual(
    asked.filter((url) => !url.startsWith(`${served.url}/portal`)),
    [],
  );
});

test("printed, a page is the content alone, with its label on every sheet", async (t) => {
  const served = await openPortal(t);
  const browser = await openBrowser(t);
  const window = await browser.window();
  const { page } = window;
  await signIn(window, served, "twcert");
  await page.goto(`${served.url}/portal/feeds/spam-sources/6`);
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  for (const gone of [".skip", "header nav", ".who", ".path", "nav.ways"])
    assert.equal(await page.locator(gone).first().isVisible(), false, gone);
  assert.ok(await page.getByText("TLP:AMBER", { exact: true }).first().isVisible());
  const css = await (await page.request.get(`${served.url}/portal/style.css`)).text();
  assert.match(css, /\[data-tlp="AMBER\+STRICT"\]\{page:tlp-amber-strict\}/);
  assert.equal(await page.evaluate("getComputedStyle(document.body).page"), "tlp-amber");
  // Paper is white whatever the screen is.
  assert.equal(await page.evaluate("getComputedStyle(document.documentElement).backgroundColor"), "rgb(255, 255, 255)");
  assert.ok((await page.pdf({ format: "A4" })).length > 10_000);
});

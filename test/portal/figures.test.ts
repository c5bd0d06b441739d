/** Figures of a publication as people see them, in a real browser: the right numbers, nothing refused by the page's policy, no names that do anything. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import type { Page } from "playwright-core";
import { z } from "zod";
import { drawn } from "../../src/http/portal/charts/draw.ts";
import { summaryFigures } from "../../src/http/portal/charts/figures.ts";
import { artifactKey, feedPrefix } from "../../src/publication/manifest.ts";
import { anySummary, figure, largeSummary } from "../http/portal/summaries.ts";
import { publishSummary, summaryOf } from "../http/portal/weeks.ts";
import { openServed, type Served } from "../http/served.ts";
import { withdrawal } from "../publication/issuer.ts";
import { openBrowser } from "./browser.ts";
import { signIn } from "./portal-world.ts";

/** A window in which a partner is signed in. */
async function signedIn(t: TestContext, served: Served, partner = "twcert"): Promise<Page> {
  const window = await (await openBrowser(t)).window();
  await signIn(window, served, partner);
  return window.page;
}

const statusOf = async (page: Page, path: string) => (await page.goto(path))?.status();

test("charts, tables and CSV of a publication say what its signed summary says", async (t) => {
  const served = await openServed(t);
  await publishSummary(served, summaryOf(1));
  const { sequence } = await publishSummary(served, largeSummary);
  const page = await signedIn(t, served);
  await page.goto(`${served.url}/portal/feeds/summary/${sequence}`);

  const expected = summaryFigures(largeSummary);
  assert.deepEqual(
    await page.locator(".figure").getByRole("heading", { level: 3 }).allTextContents(),
    expected.map(({ finding }) => finding),
  );
  const charts = page.getByRole("img");
  assert.equal(await charts.count(), expected.filter(({ chart }) => chart).length, "one sheet of each chart");
  assert.equal(await charts.first().getAttribute("aria-labelledby"), "days-wide-title");
  const systems = page.getByRole("img", { name: "Messages by autonomous system of the source" });
  const texts = await systems.locator("text").allTextContents();
  for (const { now } of largeSummary.source_asns.slice(0, 10))
    assert.ok(texts.includes(now.toLocaleString("en")), String(now));
  assert.ok(texts.includes("TLP:GREEN · 2026-W46 · SIMULATED"));

  // By the keyboard alone: the table behind its summary, and the CSV after it.
  const section = page.locator("#source-asns");
  await section.locator("summary").focus();
  await page.keyboard.press("Enter");
  const cells = await section.getByRole("cell").allTextContents();
  const rows = largeSummary.source_asns.map((row) => row.now.toLocaleString("en"));
  assert.deepEqual(
    cells.filter((_, index) => index % 6 === 3),
    rows,
  );
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  assert.equal(download.suggestedFilename(), "summary_2026-W46_tlp-green_source-asns.csv");
  const records: Record<string, string>[] = parse(await readFile(await download.path(), "utf8"), { columns: true });
  assert.deepEqual(
    records.map(({ asn, now, before, tlp }) => [Number(asn), Number(now), Number(before), tlp]),
    largeSummary.source_asns.map(({ asn, now, before }) => [asn, now, before, "GREEN"]),
  );
});

const inkOfDays = `getComputedStyle(
  [...document.querySelectorAll("#days svg")].find((svg) => svg.getBoundingClientRect().width > 0).querySelector("text"),
).fill`;

test("one sheet of a chart is seen, in the colours of the light, the dark or the paper", async (t) => {
  const served = await openServed(t);
  await publishSummary(served, largeSummary);
  const page = await signedIn(t, served);
  await page.goto(`${served.url}/portal/feeds/summary/latest`);
  const ink = () => page.evaluate(inkOfDays);
  const seen = () => page.locator("#days svg:visible").getAttribute("class");
  assert.deepEqual([await seen(), await ink()], ["chart chart-wide", "rgb(27, 29, 33)"]);
  await page.emulateMedia({ colorScheme: "dark" });
  assert.equal(await ink(), "rgb(232, 234, 237)");
  await page.setViewportSize({ width: 360, height: 700 });
  assert.equal(await seen(), "chart chart-narrow");
  const overflow = Number(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"));
  assert.ok(overflow <= 0, "nothing stands beyond a telephone's edge");
  await page.emulateMedia({ colorScheme: "dark", media: "print" });
  assert.deepEqual([await seen(), await ink()], ["chart chart-wide", "rgb(27, 29, 33)"]);
});

/** What the page says of texts that stand beyond their chart, or on another text. */
const clashingTexts = `[...document.querySelectorAll("svg")]
  .filter((svg) => svg.getBoundingClientRect().width > 0)
  .flatMap((svg) => {
    const sheet = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll("text")]
      .map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }))
      .filter(({ text }) => text !== "");
    const beyond = boxes.filter(({ box }) => box.left < sheet.left - 2 || box.right > sheet.right + 2);
    const clash = (one, other) =>
      Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1 &&
      Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 4;
    const over = boxes.flatMap(({ text, box }, index) =>
      boxes.slice(index + 1).filter((other) => clash(box, other.box)).map((other) => text + " | " + other.text));
    return [...beyond.map(({ text }) => text), ...over];
  })`;

test("no text of a chart stands beyond its sheet, or on another one", async (t) => {
  const served = await openServed(t);
  for (let weeksAgo = 12; weeksAgo >= 0; weeksAgo -= 1) await publishSummary(served, summaryOf(weeksAgo));
  const page = await signedIn(t, served);
  for (const path of ["/portal/feeds/summary/latest", "/portal/trend"]) {
    for (const width of [900, 360]) {
      await page.setViewportSize({ width, height: 900 });
      await page.goto(served.url + path);
      const clashes = await page.evaluate(clashingTexts);
      assert.deepEqual(clashes, [], `${path} at ${width}`);
    }
  }
});

const payloads = [
  "<script>window.hit=1</script>",
  '"><img src=x onerror=window.hit=1>',
  "</title></desc></svg><svg onload=window.hit=1>",
  "</style><style>*{display:none}</style>",
  "\u202egro.live\u2066",
  "javascript:window.hit=1",
  "https://evil.example/",
  "<a href=https://evil.example>here</a>",
];

const whatIsThere = `({
  hit: "hit" in window,
  strange: document.querySelectorAll("main script, main img, main style, svg a, svg image, svg foreignObject, [onload], [onerror], main [style]").length,
  hosts: [...document.querySelectorAll("main a")].map((link) => new URL(link.href).host),
  text: document.body.textContent,
})`;

test("names that spammers and registries wrote stay names", async (t) => {
  const served = await openServed(t);
  const systems = payloads.map((as_name, index) => ({
    ...{ asn: 64_500 + index, as_name, economy: "TW" },
    ...{ sources: 3, new_sources: 1, gone_sources: 1, persistent_sources: 2 },
    ...figure(900 - index, 100),
  }));
  await publishSummary(served, {
    ...largeSummary,
    source_asns: systems,
    target_domains: payloads.map((domain) => ({ domain, captures: 5, recipients: 5, sources: 3 })),
    services: payloads.map((service) => ({ service, abused_port: 80, ...figure(5, 6) })),
    languages: payloads.map((language) => ({ language, ...figure(5, 6) })),
  });
  const page = await signedIn(t, served);
  await page.goto(`${served.url}/portal/feeds/summary/latest`);
  const found = z
    .object({ hit: z.boolean(), strange: z.int(), hosts: z.array(z.string()), text: z.string() })
    .parse(await page.evaluate(whatIsThere));
  assert.equal(found.hit, false);
  assert.equal(found.strange, 0);
  assert.deepEqual([...new Set(found.hosts)], [new URL(served.url).host, "db-ip.com"]);
  assert.doesNotMatch(found.text, /[\p{Cf}]/u);
  assert.match(found.text, /<script>window\.hit=1<\/script>/, "it is told as it is");
  assert.match(found.text, /https:\/\/evil\[\.\]example\//, "domains are defanged");
});

test("an XML parser takes every chart, whatever names hold", async (t) => {
  const { page } = await (await openBrowser(t)).window();
  const charts: string[] = [];
  for (const summary of fc.sample(anySummary, { numRuns: 25, seed: 7 })) {
    for (const { id, title, finding, chart } of summaryFigures(summary)) {
      if (chart)
        charts.push(...Object.values(await drawn(chart, { id, title, description: finding, foot: "TLP:RED" })));
    }
  }
  assert.ok(charts.length > 100);
  const broken = await page.evaluate(
    `(${JSON.stringify(charts)}).filter((text) => new DOMParser().parseFromString(text, "image/svg+xml").querySelector("parsererror"))`,
  );
  assert.deepEqual(broken, []);
});

test("periods side by side: the newest of each, those withdrawn and those missing said to be so", async (t) => {
  const served = await openServed(t);
  const page = await signedIn(t, served);
  await page.goto(`${served.url}/portal/trend`);
  assert.match((await page.locator("main").textContent()) ?? "", /Nothing was published yet/);

  await publishSummary(served, summaryOf(5));
  const wrong = await publishSummary(served, summaryOf(3));
  await publishSummary(served, summaryOf(2, { totals: { ...largeSummary.totals, captures: figure(1, 1) } }));
  await publishSummary(served, summaryOf(2));
  await publishSummary(served, summaryOf(0));
  await publishSummary(served, summaryOf(3), {
    more: { ...withdrawal([wrong.sequence]), revision: 1, supersedes: wrong.sequence, artifacts: [] },
  });
  served.setNow(served.now() + 5000);
  await page.goto(`${served.url}/portal/trend`);
  const rows = await Promise.all(
    (await page.locator("tbody tr").all()).map((row) => row.locator("td").allTextContents()),
  );
  assert.equal(await page.locator("body").getAttribute("data-tlp"), "GREEN", "the label stands on every sheet");
  assert.deepEqual(
    rows.map((row) => [row[0], row[1], row.at(-1)]),
    [
      ["2026-W41", summaryOf(5).totals.captures.now.toLocaleString("en"), "seen whole"],
      ["2026-W42", "", "none"],
      ["2026-W43", "", "withdrawn"],
      ["2026-W44", summaryOf(2).totals.captures.now.toLocaleString("en"), "seen whole"],
      ["2026-W45", "", "none"],
      ["2026-W46", "5,812,440", "seen whole"],
    ],
  );
  await page.goto(`${served.url}/portal/feeds/summary/${wrong.sequence}`);
  assert.equal(await page.locator(".figure").count(), 0, "what was withdrawn isn't drawn");
});

test("what isn't the caller's own isn't there, and what isn't as it was signed isn't shown", async (t) => {
  const served = await openServed(t);
  const { totals } = largeSummary;
  const own = { ...largeSummary, totals: { ...totals, captures: figure(7_654_321, 1) } };
  const manifest = await publishSummary(served, own);
  const stranger = await signedIn(t, served, "ncc");
  const base = `${served.url}/portal/feeds`;
  for (const path of ["summary/1", "summary/1/figures/days.csv", "none/1", "summary/9", "spam-sources/latest"])
    assert.equal(await statusOf(stranger, `${base}/${path}`), 404, path);
  assert.equal(await statusOf(stranger, `${served.url}/portal/trend/summary.csv`), 404);

  const page = await signedIn(t, served);
  const [artifact] = manifest.artifacts;
  assert.ok(artifact);
  const path = join(served.root, feedPrefix("twcert", "summary"), artifactKey(artifact));
  const whole = await readFile(path, "utf8");
  await writeFile(path, whole.replace("7654321", "7654322"));
  assert.equal(await statusOf(page, `${base}/summary/1`), 500);
  assert.doesNotMatch((await page.locator("body").textContent()) ?? "", /765432|7,654/);
  assert.equal(await statusOf(page, `${served.url}/portal/trend`), 500);
  await writeFile(path, whole);
  for (const path of ["summary/1/figures/nope.csv", "summary/0", "summary/1/figures/days.json"])
    assert.equal(await statusOf(page, `${base}/${path}`), 404, path);
});

/** The operator's page: what it says of partners, feeds and ingest, what it never says, and what it asks of the store. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Health, type LogHealth, putHealth } from "../../../src/delivery/watch/health.ts";
import { secondsInstant } from "../../../src/feed/period.ts";
import { dayMs } from "../../../src/model.ts";
import { counted } from "../../delivery/runner-world.ts";
import { askPortal, openPortal, operatorCookie } from "../../portal/portal-world.ts";
import { newClientKey, partnersText, type Served } from "../served.ts";
import { textOf } from "../visitor.ts";

const log = (more: Partial<LogHealth> = {}): LogHealth => ({
  partner: "twcert",
  feed: "spam-sources",
  sequence: 6,
  published_at: "2026-11-16T06:00:00Z",
  period: "2026-W46",
  next_due: "2026-11-23T06:00:00Z",
  lanes: [],
  ...more,
});

const ingest: NonNullable<Health["ingest"]> = {
  days: [
    { day: "2026-11-16", captures: 5_800_000, requests: 12, sensors: 10 },
    { day: "2026-11-17", captures: 1_234_567, requests: 8, sensors: 9 },
  ],
  sensors: { known: 12, last_day: 9, last_days: 10 },
  coverage: { expected: 240, seen: 231 },
  quarantine: [{ code: "bad-line", last_day: 3, last_days: 44 }],
  newest_seal: "2026-11-17T01:00:00Z",
  excluded: 2,
};

const tables = [
  { kind: "economy", name: "nro-delegated", date: "2026-11-01", rows: 251_234 },
  { kind: "asn", name: "routeviews", date: "2026-08-01", rows: 1 },
];

async function openPage(t: Parameters<typeof openPortal>[0], options: Parameters<typeof openPortal>[1] = {}) {
  const key = await newClientKey("ES256");
  const served = await openPortal(t, { ...options, operators: [key] });
  const cookie = await operatorCookie(served, key);
  // Sessions are short, and these tests are about days.
  const page = async () =>
    textOf((await askPortal(served, "/portal/operator", await operatorCookie(served, key))).text);
  const put = (more: Partial<Health>, at = served.now()) =>
    putHealth(served.store, { v: 1, at: secondsInstant(at), logs: [], tables: [], ...more });
  return { served, cookie, page, put };
}

/** Lets what is kept for seconds go. */
const later = (served: Served, ms = 6000) => served.setNow(served.now() + ms);

test("what needs somebody comes first; then each feed, requests, agreements that end, and ingest", async (t) => {
  const { served, page, put } = await openPage(t);
  const failing = { since: "2026-11-16T07:00:00Z", code: "delivery-refused", reason: "HTTP 403 <b>\u202eno" };
  await put({
    logs: [
      log({ lanes: [{ destination: "hook", delivered: 3, behind: 3, failing }] }),
      log({ feed: "summary", stopped: { code: "unknown-sensor" } }),
      log({ partner: "ncc", next_due: "2026-11-16T23:00:00Z" }),
      log({ partner: "gone", feed: "spam-sources" }),
    ],
    ingest,
    tables,
  });
  const { twcert, ncc } = served.keysOf;
  await served.change({ twcert: { keys: [twcert], expires: "2026-11-30" }, ncc: { keys: [ncc] } });
  const text = await page();
  for (const said of [
    "As the runner saw it at 2026-11-17 06:00 UTC",
    "something is wrong with 3",
    "hook has failed for 23 hours, 3 publications behind: delivery-refused (HTTP 403 &lt;b&gt;\ufffdno)",
    "stopped: unknown-sensor",
    "overdue for 7 hours",
    "2026-W46 (6)",
    "hook: 3 behind",
    "5,800,000",
    "1,234,567",
    "9 of 12 in the last 24 hours",
    "1 fell silent",
    "231 sensor hours of 240 (96 %)",
    "5 hours ago",
    "bad-line 3 44",
    "nro-delegated",
    "108 days",
    "not looked at yet",
  ])
    assert.ok(text.includes(said), said);
  assert.match(text, /Agreements that end soon .* twcert twcert 13 /);
  assert.ok(text.indexOf("What needs somebody") < text.indexOf("Every partner and feed"));
  // Who isn't in partners.yaml any more isn't shown.
  assert.doesNotMatch(text, /\bgone\b/);
});

test("a page on which nothing is wrong says so", async (t) => {
  const { page, put } = await openPage(t);
  await put({
    logs: ["twcert", "ncc"].flatMap((partner) => ["spam-sources", "summary"].map((feed) => log({ partner, feed }))),
    ingest,
    tables,
  });
  const text = await page();
  assert.ok(text.includes("nothing is wrong") && text.includes("Open requests none"));
  assert.doesNotMatch(text, /What needs somebody|Agreements that end soon/);
});

test("when a feed was fetched last is read from its receipts", async (t) => {
  const { served, page, put } = await openPage(t);
  const token = await served.token("twcert");
  await served.get("/v1/feeds/spam-sources/publications/5", token);
  await served.get("/v1/receipts", token);
  await put({ logs: [log()] });
  assert.match(await page(), /2026-11-17 06:00 \(5\)/);
});

test("no health object, an old one, and one that can't be read are problems of their own", async (t) => {
  const { served, page, put } = await openPage(t);
  assert.match(await page(), /No runner has told how things stand/);
  await put({ logs: [log()] });
  later(served);
  assert.match(await page(), /As the runner saw it/);
  later(served, 81 * 60_000);
  assert.match(await page(), /What follows is 81 minutes old/);
  assert.match(await page(), /2026-W46 \(6\)/);
  later(served, 30 * dayMs);
  assert.match(await page(), /What follows is 30 days old/);
  await served.store.putOnce("health/20261217T000000Z.json", Buffer.from("{"));
  later(served);
  assert.match(await page(), /can't be read.*20261217T000000Z/);
  // A feed's promise passes though nobody tells of it.
  assert.doesNotMatch(await page(), /nothing is wrong.*Ingest/);
});

test("an overdue feed shows though the runner stopped before it was due", async (t) => {
  const { served, page, put } = await openPage(t);
  await put({ logs: [log({ next_due: "2026-11-17T08:00:00Z" })] });
  assert.doesNotMatch(await page(), /overdue/);
  served.setNow(Date.parse("2026-11-17T12:00:00Z"));
  assert.match(await page(), /overdue for 4 hours/);
});

test("with 1,000 partners of 5 feeds the page asks the store for little, and for nothing again within seconds", async (t) => {
  const requests: string[] = [];
  const { served, cookie, put } = await openPage(t, { wrap: (store) => counted(store, requests) });
  const feeds = ["spam-sources", "spam-targets", "spam-urls", "spam-events", "summary"];
  const ids = Array.from({ length: 1000 }, (_, index) => `partner${String(index).padStart(4, "0")}`);
  await writeFile(
    join(served.config, "partners.yaml"),
    partnersText(Object.fromEntries(ids.map((id) => [id, { keys: [], feeds }]))),
  );
  await served.registry.refresh();
  assert.equal(served.registry.partners.size, 1000);
  const failing = { since: "2026-11-16T07:00:00Z", code: "delivery-failed" };
  const logs = ids.flatMap((partner) =>
    feeds.map((feed) => log({ partner, feed, lanes: [{ destination: "s3", delivered: 5, behind: 1, failing }] })),
  );
  await put({ logs, ingest, tables });
  later(served);
  requests.length = 0;
  const first = await askPortal(served, "/portal/operator", cookie);
  assert.equal(first.status, 200);
  assert.match(textOf(first.text), /something is wrong with 5,000/);
  assert.match(textOf(first.text), /And 4,950 more/);
  assert.match(textOf(first.text), /Partners 1 to 50 of 1000/);
  assert.ok(first.bytes.length < 400_000, `${first.bytes.length} bytes`);
  const asked = requests.filter((request) => !/used\//.test(request)).length;
  // Of the 250 feeds on the page, how far receipts go: a few names each.
  assert.ok(asked <= 250 * 4 + 10, `${asked} requests`);
  requests.length = 0;
  const again = await Promise.all(Array.from({ length: 10 }, () => askPortal(served, "/portal/operator", cookie)));
  assert.ok(again.every(({ status }) => status === 200));
  assert.deepEqual(
    requests.filter((request) => !/used\//.test(request)),
    [],
  );
  const last = textOf((await askPortal(served, "/portal/operator?from=950", cookie)).text);
  assert.match(last, /partner0999.*Partners 951 to 1000 of 1000/);
  assert.doesNotMatch(last, /partner0949 summary/);
  assert.equal((await askPortal(served, "/portal/operator?from=x", cookie)).status, 404);
});

test("nothing of an address, a sensor or a capture is on the page, and only the store's own prefix is read", async (t) => {
  const requests: string[] = [];
  const { served, cookie, put } = await openPage(t, { wrap: (store) => counted(store, requests) });
  await put({ logs: [log()], ingest, tables });
  requests.length = 0;
  const { text } = await askPortal(served, "/portal/operator", cookie);
  assert.doesNotMatch(text, /pot-|192\.0\.2|row_id|@/);
  const places = new Set(requests.map((request) => request.split(" ")[1]?.split("/")[0]));
  assert.ok(
    [...places].every((place) => ["health", "requests", "receipts", "used"].includes(place ?? "")),
    `${[...places]}`,
  );
});

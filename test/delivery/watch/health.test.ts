/** Health objects: what they say against the lake and the store, when they are put, and what is found of them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Health, logHealthOf, putHealth, readHealth } from "../../../src/delivery/watch/health.ts";
import { HealthBook } from "../../../src/delivery/watch/health-book.ts";
import { countedDays, readIngest, readTables } from "../../../src/delivery/watch/ingest-health.ts";
import type { LogFacts } from "../../../src/delivery/watch/status.ts";
import { openLog } from "../../../src/log.ts";
import { dayMs, hourMs } from "../../../src/model.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import { partnersOf, projectFeeds } from "../../pipeline.ts";
import { aManifest, testNow } from "../../publication/issuer.ts";
import { capturesOf, openOperatorWorld } from "../../publication/operator-world.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

const [partner] = partnersOf(await projectFeeds(), [
  {
    id: "twcert",
    economies: ["TW"],
    subscriptions: [
      {
        feed: "spam-sources",
        every: "week",
        formats: ["csv"],
        deliveries: [{ kind: "webhook", url: "https://hooks.partner.example/secret-path" }],
      },
    ],
  },
]);
const [subscription] = partner?.subscriptions ?? [];
assert.ok(partner && subscription);

const lane = {
  destination: "webhook",
  to: "https://hooks.partner.example/secret-path",
  delivered: 1,
  waitingSince: testNow - hourMs,
  failing: { since: testNow - hourMs, code: "delivery-failed", reason: "x".repeat(500) },
};
const factsOf = (sequence: number): LogFacts => ({
  partner,
  subscription,
  tip: aManifest({ sequence, ...(sequence === 1 ? {} : { previous_sha256: "0".repeat(64) }) }),
  due: [],
  lanes: [lane],
  late: 0,
});

const empty = (at: string): Health => ({ v: 1, at, logs: [], tables: [] });

test("a log's health says what was published, what comes next, and what fails, without where to", () => {
  const seen = logHealthOf(factsOf(3), testNow);
  assert.deepEqual(seen, {
    partner: "twcert",
    feed: "spam-sources",
    sequence: 3,
    published_at: "2026-11-16T06:00:00Z",
    period: "2026-W46",
    next_due: new Date(Date.parse("2026-11-23T00:00:00Z") + subscription.feed.lag).toISOString().replace(".000", ""),
    lanes: [
      {
        destination: "webhook",
        delivered: 1,
        behind: 2,
        waiting_since: "2026-11-16T05:00:00Z",
        failing: { since: "2026-11-16T05:00:00Z", code: "delivery-failed", reason: "x".repeat(200) },
      },
    ],
  });
  assert.doesNotMatch(JSON.stringify(seen), /secret-path/);
});

test("captures, requests, sensors and quarantine are those of the batch records, excluded ones left out", async (t) => {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", capturesOf("192.0.2.1", "2026-11-10T12:00:00Z", 4));
  await world.ingest("pot-2", capturesOf("192.0.2.2", "2026-11-11T01:00:00Z", 3));
  const now = Date.parse("2026-11-11T07:00:00Z");
  const seen = await readIngest(world.lake, 3, now);
  const records = await world.lake.batches(0, now);
  const rows = (day: string) =>
    records
      .flatMap(({ files }) => files)
      .filter((file) => file.dataset === "captures" && file.day === day)
      .reduce((sum, file) => sum + file.rows, 0);
  assert.equal(seen.days.length, countedDays);
  assert.deepEqual(
    seen.days.slice(-2).map(({ day, captures }) => [day, captures]),
    [
      ["2026-11-10", rows("2026-11-10")],
      ["2026-11-11", rows("2026-11-11")],
    ],
  );
  assert.ok(rows("2026-11-10") >= 4 && rows("2026-11-11") >= 3);
  assert.equal(seen.sensors.known, 3);
  assert.equal(seen.sensors.last_days, new Set(records.map(({ sensor }) => sensor)).size);
  assert.doesNotMatch(JSON.stringify(seen), /pot-|192\.0\.2/);

  const batch = records.find(({ sensor }) => sensor === "pot-2")?.batch ?? "";
  await world.lake.exclude({ v: 1, batch, reason: "wrong", excluded_at: now });
  const after = await readIngest(world.lake, 3, now);
  assert.equal(after.excluded, 1);
  assert.ok((after.days.at(-1)?.captures ?? 0) < rows("2026-11-11"));
  assert.equal((await readTables(openDiskStore(world.settings.tables))).length <= 2, true);
});

test("one is put at first, then hourly, and sooner where something changed: never two in ten minutes", async (t) => {
  const store = openDiskStore(join(await temporaryFolder(t), "store"));
  const book = new HealthBook({
    store,
    ingest: () => Promise.reject(new Error("the lake is away")),
    tables: async () => [],
    log: openLog("silent"),
  });
  const keys = async () => {
    const found: string[] = [];
    for await (const { key } of store.list("health/")) found.push(key.slice(7, -5));
    return found;
  };
  const minute = 60_000;
  await book.note([factsOf(1)], testNow);
  await book.note([factsOf(1)], testNow + 15 * minute);
  assert.deepEqual(await keys(), ["20261116T060000Z"]);
  await book.note([factsOf(2)], testNow + 16 * minute);
  await book.note([factsOf(3)], testNow + 19 * minute);
  assert.deepEqual(await keys(), ["20261116T060000Z", "20261116T061600Z"]);
  await book.note([factsOf(3)], testNow + 26 * minute);
  await book.note([factsOf(3)], testNow + 85 * minute);
  assert.equal((await keys()).length, 3);
  await book.note([factsOf(3)], testNow + 86 * minute);
  assert.equal((await keys()).length, 4);
  const found = await readHealth(store, testNow + 87 * minute);
  assert.equal(found.state, "found");
  assert.deepEqual(found.state === "found" && [found.health.at, found.health.logs[0]?.sequence, found.health.ingest], [
    "2026-11-16T07:26:00Z",
    3,
    undefined,
  ]);
});

test("what says that it is of the future doesn't count: a wrong clock would have it look well for weeks", async (t) => {
  const store = openDiskStore(join(await temporaryFolder(t), "store"));
  await putHealth(store, empty("2126-01-01T00:00:00Z"));
  assert.deepEqual(await readHealth(store, testNow), { state: "missing" });
  await putHealth(store, empty("2026-11-01T00:00:00Z"));
  const found = await readHealth(store, testNow);
  assert.equal(found.state === "found" && found.health.at, "2026-11-01T00:00:00Z");
  const lie = JSON.stringify(empty("2026-11-16T05:59:00Z"));
  await store.putOnce("health/20261102T000000Z.json", Buffer.from(lie));
  assert.deepEqual(await readHealth(store, testNow), { state: "unreadable", key: "health/20261102T000000Z.json" });
});

test("the newest one is found however old it is; none, and one that isn't one, are told apart", async (t) => {
  const store = openDiskStore(join(await temporaryFolder(t), "store"));
  assert.deepEqual(await readHealth(store, testNow), { state: "missing" });
  await putHealth(store, empty("2026-11-01T00:00:00Z"));
  await putHealth(store, empty("2026-11-02T00:00:00Z"));
  const old = await readHealth(store, testNow);
  assert.equal(old.state === "found" && old.health.at, "2026-11-02T00:00:00Z");
  await store.putOnce("health/20261116T050000Z.json", Buffer.from('{"v":1,"at":"2026-11-16T05:00:00Z","logs":7}'));
  assert.deepEqual(await readHealth(store, testNow), { state: "unreadable", key: "health/20261116T050000Z.json" });
  await store.putOnce("health/20261116T051000Z.json", Buffer.from([0xff, 0xfe]));
  assert.equal((await readHealth(store, testNow)).state, "unreadable");
  // What isn't named as one doesn't count.
  await store.putOnce("health/zzz.json", Buffer.from("{}"));
  await putHealth(store, empty("2026-11-16T05:20:00Z"));
  assert.equal((await readHealth(store, testNow + dayMs)).state, "found");
});

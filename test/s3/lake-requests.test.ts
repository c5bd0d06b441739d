/** What a lake in S3 costs in requests: at a tick, at a cold start, and for a long list of batches. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { namesInStore } from "../../src/lake/names.ts";
import { capturesOf, openOperatorWorld } from "../publication/operator-world.ts";
import { type LakeGateway, startLakeGateway } from "./lake-place.ts";

let lakes: LakeGateway;
before(async () => {
  lakes = await startLakeGateway();
});
after(() => lakes?.stop());

const operations = () => lakes.proxy.log.map(({ seen }) => seen.operation);

test("a tick with nothing new asks for two listings; a cold one reads each record once, many at a time", async (t) => {
  const place = await lakes.place(t, true);
  const world = await openOperatorWorld(t, await place.open());
  const batch = await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  const [record] = await world.lake.batches(Date.UTC(2026, 10, 10), Date.UTC(2026, 10, 11));
  assert.ok(record && batch.outcome === "ingested");
  const others = Array.from({ length: 199 }, (_, index) => createHash("sha256").update(`${index}`).digest("hex"));
  for (const id of others) await world.lake.commit({ ...record, batch: id, files: [] });
  const now = Date.UTC(2026, 10, 11, 6);
  await world.publish(now);
  lakes.proxy.plan();
  assert.deepEqual(await world.publish(now), []);
  assert.deepEqual(operations(), ["ListObjectsV2", "ListObjectsV2"]);

  let [flying, most] = [0, 0];
  lakes.proxy.plan(async () => {
    flying += 1;
    most = Math.max(most, flying);
    await sleep(20);
    flying -= 1;
    return undefined;
  });
  const begun = performance.now();
  const cold = await place.open();
  assert.equal((await cold.batches(Date.UTC(2026, 10, 10), Date.UTC(2026, 10, 11))).length, 200);
  const took = performance.now() - begun;
  assert.deepEqual([operations().filter((name) => name === "GetObject").length, operations().length], [200, 201]);
  assert.ok(most >= 16 && most <= 32, `${most} at a time`);
  t.diagnostic(`200 records at 20 ms a request: ${Math.round(took)} ms, ${most} at a time`);
  lakes.proxy.plan();
  await cold.batches(Date.UTC(2026, 10, 10), Date.UTC(2026, 10, 11));
  assert.deepEqual(operations(), ["ListObjectsV2"]);
});

test("of a long list the end is listed anew, all of it when asked and now and then; nothing is lost or doubled", async (t) => {
  const place = await lakes.place(t, true);
  const { store } = await place.open();
  const put = (day: number) => store.putOnce(`batches/2026-01-${String(day).padStart(2, "0")}`, new Uint8Array());
  for (let day = 10; day < 30; day += 1) await put(day);
  const names = namesInStore(store, { tail: 5, allEveryMs: 3_600_000 });
  const list = async (all = false) => (await names("batches", all)).map((key) => Number(key.slice(-2)));
  const days = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
  assert.deepEqual(await list(), days(10, 30));
  await put(30);
  await put(31);
  lakes.proxy.plan();
  assert.deepEqual(await list(), days(10, 32));
  assert.ok(lakes.proxy.log.every(({ seen }) => /start-after=.*2026-01-24(&|$)/.test(seen.url)));
  assert.equal(lakes.proxy.log.length, 1);
  // Of days long past: in time, or where somebody must know.
  await put(5);
  assert.deepEqual(await list(), days(10, 32));
  assert.deepEqual(await list(true), [5, ...days(10, 32)]);
  assert.deepEqual(await list(), [5, ...days(10, 32)]);
  const soon = namesInStore(store, { tail: 5, allEveryMs: 50 });
  assert.equal((await soon("batches")).length, 23);
  await put(6);
  await sleep(100);
  assert.equal((await soon("batches")).length, 24);
});

test("a batch of long ago that another committed is in what is published, though a look doesn't see it", async (t) => {
  const place = await lakes.place(t);
  const world = await openOperatorWorld(t, await place.open());
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  // As a long list is seen between two whole listings.
  let seen = await world.lake.names({ all: true });
  const lake = {
    ...world.lake,
    async names(options?: { readonly all?: boolean }) {
      if (options?.all) seen = await world.lake.names(options);
      return seen;
    },
    batches: () => world.lake.records(seen),
  };
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-10T02:00:00Z", 4), undefined, await place.open());
  const published = await world.publish(
    Date.UTC(2026, 10, 11, 6),
    { partner: "twcert", feed: "spam-sources", period: "2026-11-10" },
    { lake },
  );
  assert.deepEqual(
    published.map(({ counts }) => counts.captures),
    [7],
  );
});

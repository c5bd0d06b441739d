/** Compaction: no answer changes, whatever was replaced, excluded or overlaps, and whoever compacts at the same time. */
import assert from "node:assert/strict";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { isError } from "../../src/errors.ts";
import { type CompactOptions, compact } from "../../src/lake/compact.ts";
import { type Lake, openLake } from "../../src/lake/lake.ts";
import type { BatchRecord, Dataset } from "../../src/lake/records.ts";
import { verifyLake } from "../../src/lake/verify.ts";
import { capturesOf, type OperatorWorld, openOperatorWorld } from "../publication/operator-world.ts";

const [from, to] = [Date.UTC(2026, 10, 10), Date.UTC(2026, 10, 12)];

const options = (world: OperatorWorld, more: Partial<CompactOptions> = {}): CompactOptions => ({
  now: Date.UTC(2026, 10, 20),
  retainDays: 400,
  temporary: world.root,
  smallBytes: 1e9,
  ...more,
});

/** Every row that a query over the batches sees, as text. */
async function rows(world: OperatorWorld, lake: Lake, batches: readonly BatchRecord[], dataset: Dataset = "captures") {
  const captures = await lake.select(dataset, batches, from, to);
  const sql =
    "seen AS (SELECT batch, generation, sensor, capture_id, captured_at, source_ip, recipients FROM captures) SELECT * FROM seen ORDER BY ALL";
  const found: string[] = [];
  for await (const chunk of world.engine.rows({ captures }, sql)) {
    for (let row = 0; row < chunk.rows; row += 1)
      found.push(chunk.columns.map((column) => String(column[row])).join(" "));
  }
  return found;
}

/** What queries over all, over each batch alone and over all but one see. */
async function answers(world: OperatorWorld, lake = world.lake) {
  const batches = await lake.batches(from, to);
  const sets = [
    batches,
    ...batches.map((batch) => [batch]),
    ...batches.map((batch) => batches.filter((b) => b !== batch)),
  ];
  return Promise.all(sets.map(async (set) => rows(world, lake, set)));
}

/** Four batches over two days: two sensors, one of them with batches that overlap, repeated captures among them. */
async function filledWorld(t: TestContext): Promise<OperatorWorld> {
  const world = await openOperatorWorld(t);
  const shared = capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5);
  await world.ingest("pot-1", [...shared, ...capturesOf("203.0.113.8", "2026-11-11T01:00:00Z", 3)]);
  await world.ingest("pot-1", [...shared, ...capturesOf("198.51.100.1", "2026-11-10T01:02:00Z", 4, "d")]);
  await world.ingest("pot-2", capturesOf("203.0.113.7", "2026-11-10T05:00:00Z", 2));
  await world.ingest("pot-3", capturesOf("192.0.2.7", "2026-11-11T06:00:00Z", 1));
  return world;
}

const visible = async (lake: Lake, day: string) =>
  (await lake.filesOfDay(day, await lake.batches(from, to))).map((file) => file.key);

test("small files of a day become one; every query answers as before", async (t) => {
  const world = await filledWorld(t);
  const before = await answers(world);
  assert.ok(before.every((found) => found.length > 0) && (before[0]?.length ?? 0) === 15);
  const done = await compact(world.lake, world.engine, options(world));
  assert.deepEqual(
    done.map(({ day, dataset, merged, file }) => [day, dataset, merged, file.rows]),
    [
      ["2026-11-10", "captures", 3, 16],
      ["2026-11-11", "captures", 2, 4],
    ],
  );
  assert.equal((await visible(world.lake, "2026-11-10")).length, 1);
  assert.deepEqual(await answers(world), before);
  assert.deepEqual(await answers(world, await openLake(world.lake.root)), before);
  assert.deepEqual(await compact(world.lake, world.engine, options(world)), []);
  assert.deepEqual((await verifyLake(world.lake)).faults, []);
});

test("what comes after a compaction counts: a late batch, new generations, before and after the next compaction", async (t) => {
  const world = await filledWorld(t);
  await compact(world.lake, world.engine, options(world));
  const late = await world.ingest("pot-2", capturesOf("203.0.113.99", "2026-11-10T09:00:00Z", 6));
  const replaced = await world.ingest("pot-2", capturesOf("203.0.113.7", "2026-11-10T05:00:00Z", 2), "other maps");
  assert.equal(replaced.generation, 2);
  const before = await answers(world);
  const all = before[0] ?? [];
  assert.equal(all.length, 21);
  assert.equal(all.filter((row) => row.startsWith(`${late.batch} 1 `)).length, 6);
  assert.deepEqual(
    all.filter((row) => row.startsWith(replaced.batch)).map((row) => row.split(" ")[1]),
    ["2", "2"],
  );
  const [second] = await compact(world.lake, world.engine, options(world));
  assert.deepEqual([second?.merged, second?.file.key.includes("/c0002-")], [3, true]);
  assert.deepEqual(await answers(world), before);
  await world.ingest("pot-2", capturesOf("203.0.113.99", "2026-11-10T09:00:00Z", 6), "other maps");
  const after = await answers(world);
  assert.deepEqual(
    after.map((found) => found.length),
    before.map((found) => found.length),
  );
  assert.equal((after[0] ?? []).filter((row) => row.startsWith(`${late.batch} 2 `)).length, 6);
});

test("a reader that selected before a compaction still finds its files, and the same rows", async (t) => {
  const world = await filledWorld(t);
  const batches = await world.lake.batches(from, to);
  const before = await rows(world, world.lake, batches);
  await compact(world.lake, world.engine, options(world));
  await world.ingest("pot-2", capturesOf("203.0.113.7", "2026-11-10T05:00:00Z", 2), "other maps");
  await compact(world.lake, world.engine, options(world));
  // The records are those of before: the first generation counts for this reader.
  assert.deepEqual(await rows(world, world.lake, batches), before);
});

test("several compactions at once: each row is there once", async (t) => {
  const world = await filledWorld(t);
  const before = await answers(world);
  const lakes = await Promise.all([1, 2, 3, 4].map(() => openLake(world.lake.root)));
  const done = await Promise.all(lakes.map((lake) => compact(lake, world.engine, options(world))));
  assert.equal(done.flat().length, 2);
  assert.deepEqual(await answers(world), before);
  assert.deepEqual([(await visible(world.lake, "2026-11-10")).length, (await verifyLake(world.lake)).faults], [1, []]);
});

test("a number that another took is computed anew from what is there then", async (t) => {
  const world = await filledWorld(t);
  const before = await answers(world);
  let raced = false;
  const slow: Lake = {
    ...world.lake,
    async putFile(key, file) {
      await world.lake.putFile(key, file);
      if (raced) return;
      raced = true;
      // Another process compacts in this moment, and a batch comes in.
      await compact(world.lake, world.engine, options(world));
      await world.ingest("pot-2", capturesOf("203.0.113.50", "2026-11-10T12:00:00Z", 1));
    },
  };
  const done = await compact(slow, world.engine, options(world));
  assert.deepEqual(
    done.map(({ day, merged, file }) => [day, merged, file.key.includes("/c0002-")]),
    [["2026-11-10", 2, true]],
  );
  const after = await answers(world);
  assert.equal(after[0]?.length, (before[0]?.length ?? 0) + 1);
});

test("a compaction that was committed since the records were read leaves nothing to replace", async (t) => {
  const world = await filledWorld(t);
  const before = await answers(world);
  let raced = false;
  const slow: Lake = {
    ...world.lake,
    async compactions(day) {
      const read = await world.lake.compactions(day);
      if (!raced) {
        raced = true;
        await compact(world.lake, world.engine, options(world));
      }
      return read;
    },
  };
  assert.deepEqual(await compact(slow, world.engine, options(world)), []);
  assert.deepEqual(await answers(world), before);
});

test("days that aren't over, days past retention and large files are left alone", async (t) => {
  const world = await filledWorld(t);
  const none = async (more: Partial<CompactOptions>) =>
    assert.deepEqual(await compact(world.lake, world.engine, options(world, more)), []);
  await none({ now: Date.UTC(2026, 10, 10, 23) });
  await none({ retainDays: 5 });
  await none({ smallBytes: 100 });
});

test("damage is never copied", async (t) => {
  const world = await filledWorld(t);
  const [key] = await visible(world.lake, "2026-11-10");
  assert.ok(key);
  const path = world.lake.path(key);
  const bytes = await readFile(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await assert.rejects(compact(world.lake, world.engine, options(world)), (error) => {
    assert.ok(isError(error, "lake-damaged"));
    assert.deepEqual([error.facts.key, error.facts.fault], [key, "changed"]);
    return true;
  });
});

test("verify names what is missing, cut, changed or unreadable, and nothing else", async (t) => {
  const world = await filledWorld(t);
  await world.ingest("pot-3", capturesOf("192.0.2.8", "2026-11-12T06:00:00Z", 1));
  const sound = await verifyLake(world.lake);
  assert.deepEqual([sound.files, sound.faults], [6, []]);
  const [missing, cut, changed] = await visible(world.lake, "2026-11-10");
  assert.ok(missing && cut && changed);
  await rm(world.lake.path(missing));
  await truncate(world.lake.path(cut), 100);
  const bytes = await readFile(world.lake.path(changed));
  bytes[40] = (bytes[40] ?? 0) ^ 0x80;
  await writeFile(world.lake.path(changed), bytes);
  const newest = (await world.lake.names()).find((name) => name.firstDay === "2026-11-12");
  assert.ok(newest);
  await writeFile(world.lake.path(newest.key), "{");
  const { faults } = await verifyLake(await openLake(world.lake.root));
  assert.deepEqual(
    faults,
    [
      { key: missing, fault: "missing" },
      { key: cut, fault: "truncated" },
      { key: changed, fault: "changed" },
      { key: newest.key, fault: "unreadable" },
    ].sort((a, b) => (a.key < b.key ? -1 : 1)),
  );
  const later = await verifyLake(await openLake(world.lake.root), { retainedFrom: Date.UTC(2026, 10, 11) });
  assert.deepEqual(
    later.faults.map(({ fault }) => fault),
    ["unreadable"],
  );
  await world.lake.store.putOnce("compactions/2026-11-11/0001.json", Buffer.from("[]"));
  const spoiled = await verifyLake(await openLake(world.lake.root), { retainedFrom: Date.UTC(2026, 10, 11) });
  assert.deepEqual(
    spoiled.faults.map(({ key }) => key),
    [newest.key, "compactions/2026-11-11/0001.json"],
  );
});

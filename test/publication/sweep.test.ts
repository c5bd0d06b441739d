/** Sweeping: only what nothing needs goes, what is told by times goes not a moment early, and all else stays. */
import assert from "node:assert/strict";
import { mkdir, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { compact } from "../../src/lake/compact.ts";
import { openLake } from "../../src/lake/lake.ts";
import { verifyLake } from "../../src/lake/verify.ts";
import { openLog } from "../../src/log.ts";
import { dayMs, hourMs } from "../../src/model.ts";
import { publishedJwks } from "../../src/publication/announce.ts";
import { type SweepReport, type SweepWorld, sweep, sweepKinds } from "../../src/publication/sweep.ts";
import { readTrust } from "../../src/publication/trust.ts";
import { verify } from "../../src/publication/verify.ts";
import { withdraw } from "../../src/publication/withdraw.ts";
import { contentsOf, killedStore } from "./killed-store.ts";
import { capturesOf, type OperatorWorld, openOperatorWorld } from "./operator-world.ts";

/** An instant of November 2026. */
const day = (number: number, hour = 0) => Date.UTC(2026, 10, number, hour);
const place = "partners/twcert/spam-sources";

/** Three days of captures, published on the thirteenth; every file is of then. */
async function publishedWorld(t: TestContext): Promise<OperatorWorld> {
  const world = await openOperatorWorld(t);
  await world.ingest(
    "pot-1",
    [10, 11, 12].flatMap((n) => capturesOf("203.0.113.7", `2026-11-${n}T01:00:00Z`, 3)),
  );
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-10T01:00:00Z", 2));
  await world.publish(day(13, 7));
  await dateFiles(world.root, day(13, 7));
  return world;
}

/** Gives every file below a folder the same time. */
async function dateFiles(folder: string, at: number): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), at / 1000, at / 1000);
  }
}

const sweepWorld = (world: OperatorWorld, now: number, more: Partial<SweepWorld> = {}): SweepWorld => ({
  store: world.store,
  lake: world.lake,
  keys: world.publishWorld(now).keyring.keys,
  settings: world.settings,
  now,
  log: openLog("silent"),
  ...more,
});

/** Kinds of which something was found, with the number of files. */
const counts = ({ kinds, failures }: SweepReport) => {
  assert.deepEqual(failures, []);
  return Object.fromEntries(
    sweepKinds.filter((kind) => kinds[kind].files > 0).map((kind) => [kind, kinds[kind].files]),
  );
};

async function verified(world: OperatorWorld, now: number) {
  const trust = readTrust((await publishedJwks(world.store)) ?? "");
  const { feeds } = await verify(world.store, { trust, now, deep: true });
  const wrong = feeds.flatMap((feed) => feed.problems).filter(({ code }) => code !== "silent");
  assert.deepEqual(wrong, []);
  return feeds.find((feed) => feed.place === `${place}/`)?.states;
}

test("while everything is needed nothing is deleted", async (t) => {
  const world = await publishedWorld(t);
  const before = [await contentsOf(world.store), await contentsOf(world.lake.store)];
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(20)))), {});
  assert.deepEqual([await contentsOf(world.store), await contentsOf(world.lake.store)], before);
});

test("artifacts go when their manifest's retain_until has passed; manifests stay, and verify says so", async (t) => {
  const world = await publishedWorld(t);
  const last = Date.parse("2027-11-17T00:00:00Z");
  const settings = { ...world.settings, retainRawDays: 3650, retainLakeDays: 3650 };
  // 370 days after the end of the tenth and of the eleventh.
  assert.deepEqual(counts(await sweep(sweepWorld(world, last - dayMs - 1, { settings }))), {});
  assert.deepEqual(counts(await sweep(sweepWorld(world, last, { settings }))), { "expired artifacts": 8 });
  const states = await verified(world, last);
  assert.deepEqual([states?.expired, states?.sound, states?.missing], [4, 2, 0]);
  assert.deepEqual(counts(await sweep(sweepWorld(world, last, { settings }))), {});
});

test("what a killed withdrawal left is deleted", async (t) => {
  const world = await publishedWorld(t);
  const request = { partner: "twcert", feed: "spam-sources", sequence: 1, reason: "Wrong.", revoke: false };
  // The commit is the first change: keys are announced already.
  const store = killedStore(world.store, 1, false);
  await assert.rejects(withdraw(world.publishWorld(day(14), { store }), request));
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(15)))), { "withdrawn artifacts": 2 });
  const states = await verified(world, day(15));
  assert.deepEqual([states?.withdrawn, states?.sound, states?.missing], [2, 4, 0]);
});

test("an artifact that no manifest names is an orphan after a day, unless it is put again", async (t) => {
  const world = await publishedWorld(t);
  const name = `${place}/artifacts/0123456789abcdef-spam-sources_2026-11-13_tlp-amber.csv.gz`;
  await world.store.putOnce(name, Buffer.from("orphan"));
  const file = join(world.settings.store, name);
  await utimes(file, day(14) / 1000, day(14) / 1000);
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(15) - 1))), {});
  // A publisher puts it again between listing and deleting.
  const busy = {
    ...world.store,
    under: (prefix: string) => ({
      ...world.store.under(prefix),
      stat: async (key: string) => {
        if (name.endsWith(key)) await utimes(file, day(15) / 1000, day(15) / 1000);
        return world.store.under(prefix).stat(key);
      },
    }),
  };
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(15), { store: busy }))), {});
  await utimes(file, day(14) / 1000, day(14) / 1000);
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(15)))), { "orphaned artifacts": 1 });
  assert.equal(await world.store.stat(name), undefined);
});

test("lake files go that no record names, or that a generation or compaction replaced a day ago", async (t) => {
  const world = await publishedWorld(t);
  const [batch] = (await world.lake.batches(day(10), day(11))).filter((record) => record.sensor === "pot-2");
  assert.ok(batch);
  const stray = "captures/day=2026-11-10/0123456789abcdef-0001-0123456789abcdef.parquet";
  const half = "captures/day=2026-11-10/c0009-0123456789abcdef.parquet";
  for (const key of [stray, half]) await world.lake.store.putOnce(key, Buffer.from("half"));
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-10T01:00:00Z", 2), "other maps");
  await compact(world.lake, world.engine, {
    now: day(14),
    retainDays: 400,
    temporary: world.root,
    smallBytes: 1e9,
  });
  await dateFiles(join(world.lake.root, "captures"), day(13, 7));
  const recent = async (folder: string) => dateFiles(join(world.lake.root, folder), day(14, 7));
  await recent("batches");
  await recent("compactions");
  // What replaced the others is not a day old yet.
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(15)))), { "unnamed lake files": 2 });
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(15, 7)))), { "replaced lake files": 3 });
  const names = await readdir(join(world.lake.root, "captures/day=2026-11-10"));
  assert.deepEqual(
    names.map((name) => name.slice(0, 5)),
    ["c0001"],
  );
  assert.deepEqual((await verifyLake(await openLake(world.lake.root))).faults, []);
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(15, 7)))), {});
});

test("where two releases committed one generation of a batch under other days, what is read is kept", async (t) => {
  const world = await publishedWorld(t);
  const [batch] = (await world.lake.batches(day(10), day(11))).filter((record) => record.sensor === "pot-2");
  assert.ok(batch);
  const [first] = batch.hours[0] ?? batch.captures[0] ?? [0];
  const files = batch.files.map((file) => ({
    ...file,
    key: file.key.replace(/[0-9a-f]{16}\.parquet$/, "0".repeat(16)),
  }));
  const twin = { ...batch, hours: [...batch.hours, [first + 48, first + 49] as [number, number]] };
  assert.equal(
    await world.lake.commit({ ...twin, files: files.map((file) => ({ ...file, key: `${file.key}.parquet` })) }),
    "created",
  );
  for (const file of files) await world.lake.store.putOnce(`${file.key}.parquet`, Buffer.from("twin"));
  await dateFiles(world.lake.root, day(13, 7));
  const read = (await (await openLake(world.lake.root)).batches(day(10), day(11))).flatMap((record) => record.files);
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(15)))), { "unnamed lake files": 1 });
  for (const { key } of read) assert.notEqual(await world.lake.store.stat(key), undefined, key);
});

test("days of the lake go after their time, and no slice reads there from a day before", async (t) => {
  const world = await publishedWorld(t);
  await world.ingest("pot-3", capturesOf("203.0.113.9", "2026-11-10T08:00:00Z", 2));
  await dateFiles(world.lake.root, day(13, 7));
  const revised = async (now: number, retainLakeDays: number) =>
    (await world.publish(now, { partner: "twcert", dry: true }, { retainLakeDays }))
      .filter(({ revision }) => revision > 0)
      .map(({ feed, period }) => `${feed} ${period.id}`);
  // The batch is of the tenth; the summary of the eleventh compares with the tenth, that of the tenth with the ninth.
  assert.deepEqual(await revised(day(14, 9), 4), ["spam-sources 2026-11-10", "summary 2026-11-11"]);
  assert.deepEqual(await revised(day(14, 9), 3), []);
  const settings = { ...world.settings, retainLakeDays: 3 };
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(15) - 1, { settings }))), {});
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(15), { settings }))), { "expired lake files": 3 });
  assert.deepEqual((await verifyLake(world.lake, { retainedFrom: day(12) })).faults, []);
  const made = await world.publish(day(15, 7), { again: true }, { retainLakeDays: 3 });
  assert.ok(made.every(({ period }) => period.id >= "2026-11-12"));
  await verified(world, day(15, 8));
});

test("raw files are kept as many days from the first ingest", async (t) => {
  const world = await publishedWorld(t);
  const settings = { ...world.settings, retainRawDays: 10 };
  await dateFiles(world.settings.done, day(1));
  await writeFile(join(world.settings.done, "notes.txt"), "not ours");
  await writeFile(join(world.settings.done, "0123456789abcdef-killed.ndjson"), "never committed");
  const at = day(14, 7) / 1000;
  await utimes(join(world.settings.done, "0123456789abcdef-killed.ndjson"), at, at);
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(23, 7) - 1, { settings }))), {});
  const shared = await sweep(sweepWorld(world, day(23, 7), { settings }), { only: "shared" });
  assert.deepEqual(counts(shared), {}, "another machine's are its own");
  const here = await sweep(sweepWorld(world, day(23, 7), { settings }), { only: "here", dry: true });
  assert.deepEqual(counts(here), { "raw files": 2 });
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(23, 7), { settings }))), { "raw files": 2 });
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(24, 7), { settings }))), { "raw files": 1 });
  assert.deepEqual(await readdir(world.settings.done), ["notes.txt"]);
});

test("leftovers in temporary folders go after a day, folders too", async (t) => {
  const world = await publishedWorld(t);
  for (const root of [world.root, world.settings.store, world.settings.lake]) {
    const folder = join(root, ".tmp/0-1-0-0123456789abcdef");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "half"), "12345");
    await utimes(folder, day(13) / 1000, day(13) / 1000);
  }
  assert.deepEqual(counts(await sweep(sweepWorld(world, day(14) - hourMs))), {});
  const dry = await sweep(sweepWorld(world, day(15)), { dry: true });
  const report = await sweep(sweepWorld(world, day(15)));
  assert.deepEqual(report.kinds["temporary files"], { files: 3, bytes: 15 });
  assert.deepEqual(dry.kinds, report.kinds);
});

test("leases that killed runners left go after a day", async (t) => {
  const world = await openOperatorWorld(t);
  for (const key of ["slices/a/29000000", "lanes/p/f/d/29000000", "swept/2026-11-16"]) {
    await world.store.putOnce(`leases/${key}`, new Uint8Array());
  }
  assert.deepEqual(counts(await sweep(sweepWorld(world, Date.now() + 23 * hourMs))), {});
  assert.deepEqual(counts(await sweep(sweepWorld(world, Date.now() + 25 * hourMs))), { "old leases": 3 });
  for await (const { key } of world.store.list("leases/")) assert.fail(key);
});

test("how a site stood goes after three weeks", async (t) => {
  const world = await openOperatorWorld(t);
  await world.store.putOnce("health/20261116T060000Z.json", new Uint8Array([1]));
  assert.deepEqual(counts(await sweep(sweepWorld(world, Date.now() + 20 * 24 * hourMs))), {});
  assert.deepEqual(counts(await sweep(sweepWorld(world, Date.now() + 22 * 24 * hourMs))), { "old health": 1 });
  for await (const { key } of world.store.list("health/")) assert.fail(key);
});

/** Something of every kind, at an instant at which all of it can go. */
async function leftoversEverywhere(t: TestContext): Promise<{ world: OperatorWorld; now: number }> {
  const world = await publishedWorld(t);
  const orphan = `${place}/artifacts/0123456789abcdef-spam-sources_2026-11-13_tlp-amber.csv.gz`;
  await world.store.putOnce(orphan, Buffer.from("orphan"));
  await world.lake.store.putOnce("requests/day=2027-11-10/c0001-0123456789abcdef.parquet", Buffer.from("half"));
  const request = { partner: "ncc", feed: "summary", sequence: 1, reason: "Wrong.", revoke: false };
  await assert.rejects(withdraw(world.publishWorld(day(14), { store: killedStore(world.store, 1, false) }), request));
  await dateFiles(world.root, day(14));
  return { world, now: Date.parse("2028-01-01T00:00:00Z") };
}

test("a dry run says the same and deletes nothing", async (t) => {
  const { world, now } = await leftoversEverywhere(t);
  const before = [await contentsOf(world.store), await contentsOf(world.lake.store)];
  const dry = await sweep(sweepWorld(world, now), { dry: true });
  assert.deepEqual([await contentsOf(world.store), await contentsOf(world.lake.store)], before);
  const report = await sweep(sweepWorld(world, now));
  assert.deepEqual(dry.kinds, report.kinds);
  assert.deepEqual(counts(report), {
    "expired artifacts": 12,
    "withdrawn artifacts": 1,
    "orphaned artifacts": 1,
    "unnamed lake files": 1,
    "expired lake files": 4,
    "raw files": 2,
  });
  await verified(world, now);
});

test("killed anywhere and run again, it has deleted the same", async (t) => {
  const { world, now } = await leftoversEverywhere(t);
  const deleted: number[] = [];
  // Each run is killed at its third deletion, until one comes to its end.
  for (let ended = false; !ended; ) {
    const before = (await contentsOf(world.store)).size;
    const report = await sweep(sweepWorld(world, now, { store: killedStore(world.store, 2, true) }));
    deleted.push(before - (await contentsOf(world.store)).size);
    ended = report.failures.length === 0;
  }
  assert.equal(
    deleted.reduce((sum, count) => sum + count, 0),
    14,
  );
  assert.deepEqual(counts(await sweep(sweepWorld(world, now))), {});
  await verified(world, now);
});

test("where a log can't be read nothing of its feed goes, and everything else does", async (t) => {
  const { world, now } = await leftoversEverywhere(t);
  await rm(join(world.settings.store, place, "log/00000002.jws"));
  const kept = await contentsOf(world.store, place);
  const { kinds, failures } = await sweep(sweepWorld(world, now));
  assert.deepEqual(
    failures.map((failure) => failure.place),
    [place],
  );
  assert.deepEqual(await contentsOf(world.store, place), kept);
  assert.deepEqual([kinds["expired artifacts"].files, kinds["raw files"].files], [6, 2]);
});

/**
 * What any lake does, wherever it lies: ingest, select, compaction, exclusion, new generations, verify and sweep. No
 * answer changes by upkeep, whatever was replaced, excluded or overlaps, and whoever does the same at the same time.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { isError } from "../../src/errors.ts";
import { type CompactOptions, compact } from "../../src/lake/compact.ts";
import { excludeBatch } from "../../src/lake/exclude.ts";
import type { Lake } from "../../src/lake/lake.ts";
import type { BatchRecord, Dataset } from "../../src/lake/records.ts";
import { deadFiles } from "../../src/lake/sweep.ts";
import { verifyLake } from "../../src/lake/verify.ts";
import { capturesOf, type OperatorWorld, openOperatorWorld } from "../publication/operator-world.ts";

/** A kind of place for lakes. */
export interface LakeKind {
  readonly name: string;
  /** A fresh place; `open` opens the lake there as a process of its own would. */
  readonly place: (t: TestContext) => Promise<{ open(): Promise<Lake> }>;
}

interface LakeWorld extends OperatorWorld {
  open(): Promise<Lake>;
}

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
  using captures = await lake.select(dataset, batches, from, to);
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
async function filledWorld(t: TestContext, kind: LakeKind): Promise<LakeWorld> {
  const { open } = await kind.place(t);
  const world = { ...(await openOperatorWorld(t, await open())), open };
  const shared = capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5);
  await world.ingest("pot-1", [...shared, ...capturesOf("203.0.113.8", "2026-11-11T01:00:00Z", 3)]);
  await world.ingest("pot-1", [...shared, ...capturesOf("198.51.100.1", "2026-11-10T01:02:00Z", 4, "d")]);
  await world.ingest("pot-2", capturesOf("203.0.113.7", "2026-11-10T05:00:00Z", 2));
  await world.ingest("pot-3", capturesOf("192.0.2.7", "2026-11-11T06:00:00Z", 1));
  return world;
}

/** Puts other bytes in the place of a file's. */
async function spoil({ root }: OperatorWorld, lake: Lake, key: string, change: (bytes: Uint8Array) => Uint8Array) {
  const bytes = change(Uint8Array.from((await lake.store.get(key)) ?? []));
  const path = join(root, "spoiled");
  await writeFile(path, bytes);
  await lake.store.delete(key);
  await lake.store.putFile(key, { path, bytes: bytes.length });
}

const flipped = (at: number) => (bytes: Uint8Array) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

const visible = async (lake: Lake, day: string) =>
  (await lake.filesOfDay(day, await lake.batches(from, to))).map((file) => file.key);

/** The same of every kind of place. */
export function lakeContract(kind: LakeKind): void {
  describe(`a lake in ${kind.name}`, () => {
    test("small files of a day become one; every query answers as before", async (t) => {
      const world = await filledWorld(t, kind);
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
      assert.deepEqual(await answers(world, await world.open()), before);
      assert.deepEqual(await compact(world.lake, world.engine, options(world)), []);
      assert.deepEqual((await verifyLake(world.lake)).faults, []);
    });

    test("of days that were compacted and swept no record is read again", async (t) => {
      const world = await filledWorld(t, kind);
      await compact(world.lake, world.engine, options(world));
      const records = () => Promise.reject(new Error("A record is read."));
      const again = async () => compact({ ...(await world.open()), records }, world.engine, options(world));
      assert.deepEqual(await again(), []);
      let swept = 0;
      for await (const { entry } of deadFiles(world.lake, { now: Date.now() + 2 * 86_400_000, retainDays: 36_500 })) {
        await world.lake.store.delete(entry.key);
        swept += 1;
      }
      assert.equal(swept, 5);
      assert.deepEqual(await again(), []);
      await world.ingest("pot-2", capturesOf("203.0.113.99", "2026-11-10T09:00:00Z", 6));
      await assert.rejects(again(), /A record is read/);
    });

    test("what comes after a compaction counts: a late batch, new generations, before and after the next compaction", async (t) => {
      const world = await filledWorld(t, kind);
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
      const world = await filledWorld(t, kind);
      const batches = await world.lake.batches(from, to);
      const before = await rows(world, world.lake, batches);
      await compact(world.lake, world.engine, options(world));
      await world.ingest("pot-2", capturesOf("203.0.113.7", "2026-11-10T05:00:00Z", 2), "other maps");
      await compact(world.lake, world.engine, options(world));
      // The records are those of before: the first generation counts for this reader.
      assert.deepEqual(await rows(world, world.lake, batches), before);
    });

    test("several compactions at once: each row is there once", async (t) => {
      const world = await filledWorld(t, kind);
      const before = await answers(world);
      const lakes = await Promise.all([1, 2, 3, 4].map(() => world.open()));
      const done = await Promise.all(lakes.map((lake) => compact(lake, world.engine, options(world))));
      assert.equal(done.flat().length, 2);
      assert.deepEqual(await answers(world), before);
      assert.deepEqual(
        [(await visible(world.lake, "2026-11-10")).length, (await verifyLake(world.lake)).faults],
        [1, []],
      );
    });

    test("a number that another took is computed anew from what is there then", async (t) => {
      const world = await filledWorld(t, kind);
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
      const world = await filledWorld(t, kind);
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
      const world = await filledWorld(t, kind);
      const none = async (more: Partial<CompactOptions>) =>
        assert.deepEqual(await compact(world.lake, world.engine, options(world, more)), []);
      await none({ now: Date.UTC(2026, 10, 10, 23) });
      await none({ retainDays: 5 });
      await none({ smallBytes: 100 });
    });

    test("damage is never copied", async (t) => {
      const world = await filledWorld(t, kind);
      const [key] = await visible(world.lake, "2026-11-10");
      assert.ok(key);
      await spoil(world, world.lake, key, flipped(300));
      await assert.rejects(compact(world.lake, world.engine, options(world)), (error) => {
        assert.ok(isError(error, "lake-damaged"));
        assert.deepEqual([error.facts.key, error.facts.fault], [key, "changed"]);
        return true;
      });
    });

    test("verify names what is missing, cut, changed or unreadable, and nothing else", async (t) => {
      const world = await filledWorld(t, kind);
      await world.ingest("pot-3", capturesOf("192.0.2.8", "2026-11-12T06:00:00Z", 1));
      const sound = await verifyLake(world.lake);
      assert.deepEqual([sound.files, sound.faults], [6, []]);
      const [missing, cut, changed] = await visible(world.lake, "2026-11-10");
      assert.ok(missing && cut && changed);
      await world.lake.store.delete(missing);
      await spoil(world, world.lake, cut, (bytes) => bytes.subarray(0, 100));
      await spoil(world, world.lake, changed, flipped(40));
      const newest = (await world.lake.names()).find((name) => name.firstDay === "2026-11-12");
      assert.ok(newest);
      await spoil(world, world.lake, newest.key, () => Buffer.from("{"));
      const { faults } = await verifyLake(await world.open());
      assert.deepEqual(
        faults,
        [
          { key: missing, fault: "missing" },
          { key: cut, fault: "truncated" },
          { key: changed, fault: "changed" },
          { key: newest.key, fault: "unreadable" },
        ].sort((a, b) => (a.key < b.key ? -1 : 1)),
      );
      const later = await verifyLake(await world.open(), { retainedFrom: Date.UTC(2026, 10, 11) });
      assert.deepEqual(
        later.faults.map(({ fault }) => fault),
        ["unreadable"],
      );
      await world.lake.store.putOnce("compactions/2026-11-11/0001.json", Buffer.from("[]"));
      const spoiled = await verifyLake(await world.open(), { retainedFrom: Date.UTC(2026, 10, 11) });
      assert.deepEqual(
        spoiled.faults.map(({ key }) => key),
        [newest.key, "compactions/2026-11-11/0001.json"],
      );
    });

    test("a compaction record that is gone is named: nothing counts twice", async (t) => {
      const world = await filledWorld(t, kind);
      await compact(world.lake, world.engine, options(world));
      await world.ingest("pot-2", capturesOf("203.0.113.99", "2026-11-10T09:00:00Z", 6));
      await compact(world.lake, world.engine, options(world));
      const key = "compactions/2026-11-10/0001.json";
      await world.lake.store.delete(key);
      const lake = await world.open();
      await assert.rejects(lake.select("captures", await lake.batches(from, to), from, to), (error) => {
        assert.ok(isError(error, "lake-damaged"));
        return error.facts.key === key;
      });
    });

    test("only what doesn't count is said of a compacted file, or what does, whichever is shorter", async (t) => {
      const world = await filledWorld(t, kind);
      const all = await world.lake.batches(from, to);
      await compact(world.lake, world.engine, options(world));
      const said = async (batches: readonly BatchRecord[]) => {
        using selection = await world.lake.select("captures", batches, from, to);
        const { whole, mixed, counted } = selection;
        return { whole: whole.length, mixed: mixed.length, only: counted.only, batches: counted.batches };
      };
      const name = ({ batch, generation }: BatchRecord) => `${batch.slice(0, 16)}:${generation}`;
      const of = (sensor: string) => all.filter((record) => record.sensor === sensor);
      const [late] = of("pot-3");
      const [early] = of("pot-2");
      const other = of("pot-1").find(({ files }) => files.some((file) => file.day === "2026-11-11"));
      assert.ok(late && early && other);
      assert.deepEqual(await said(all), { whole: 2, mixed: 0, only: false, batches: [] });
      // Of the 10th all but one count; of the 11th nothing does but pot-1's.
      assert.deepEqual(await said(all.filter((record) => record !== early)), {
        ...{ whole: 1, mixed: 1, only: false, batches: [name(early)] },
      });
      // The 10th's file holds nothing of it: nobody opens that.
      assert.deepEqual(await said([late]), { whole: 0, mixed: 1, only: false, batches: [name(other)] });
      assert.deepEqual(await said([early]), { whole: 0, mixed: 1, only: true, batches: [name(early)] });
      await world.ingest("pot-2", capturesOf("203.0.113.7", "2026-11-10T05:00:00Z", 2), "other maps");
      const next = await world.lake.batches(from, to);
      assert.deepEqual(await said(next), { whole: 2, mixed: 1, only: false, batches: [name(early)] });
      await compact(world.lake, world.engine, options(world));
      assert.deepEqual(await said(next), { whole: 1, mixed: 1, only: false, batches: [name(early)] });
    });

    test("a day of more files than one merge takes becomes as few, portion by portion", async (t) => {
      const world = await filledWorld(t, kind);
      const before = await answers(world);
      const taken: number[] = [];
      const narrow = {
        mergeParquet: async (files: readonly string[], path: string) => {
          taken.push(files.length);
          return world.engine.mergeParquet(files, path);
        },
        writeParquet: world.engine.writeParquet,
      };
      await compact(world.lake, narrow, options(world, { mostFiles: 2 }));
      assert.deepEqual(taken, [2, 2, 2]);
      assert.equal((await visible(world.lake, "2026-11-10")).length, 1);
      assert.deepEqual(await answers(world), before);
      assert.deepEqual(await answers(world, await world.open()), before);
    });

    test("an excluded batch counts no more, in files that were merged too", async (t) => {
      const world = await filledWorld(t, kind);
      const sources = async (now: number) =>
        (await world.publish(now, { partner: "twcert", feed: "spam-sources", period: "2026-11-10" })).map(
          ({ counts }) => counts.captures,
        );
      const [before] = await sources(to + 6 * 3_600_000);
      await compact(world.lake, world.engine, options(world));
      const [bad] = (await world.lake.batches(from, to)).filter((record) => record.sensor === "pot-2");
      assert.ok(bad && before !== undefined);
      await excludeBatch(world.lake, { batch: bad.batch, reason: "of a test", now: to });
      assert.deepEqual([...(await (await world.open()).exclusions()).keys()], [bad.batch]);
      assert.deepEqual(await sources(to + 30 * 3_600_000), [before - 2]);
    });

    const day = 86_400_000;

    /** What a sweep would delete at this instant, by why. */
    async function dead(lake: Lake, now: number) {
      const found: Record<string, string[]> = {};
      for await (const { why, entry } of deadFiles(lake, { now, retainDays: 36_500 }))
        found[why] = [...(found[why] ?? []), entry.key];
      return found;
    }

    test("a sweep takes what no record names and what was replaced, each a day later, and days past retention", async (t) => {
      const world = await filledWorld(t, kind);
      const path = join(world.root, "left");
      await writeFile(path, "left behind");
      const left = `captures/day=2026-11-10/${"0".repeat(16)}-0001-${"1".repeat(16)}.parquet`;
      await world.lake.putFile(left, { path, bytes: 11 });
      const files = await visible(world.lake, "2026-11-10");
      await compact(world.lake, world.engine, options(world));
      assert.deepEqual(await dead(world.lake, Date.now()), {});
      const { replaced, unnamed } = await dead(world.lake, Date.now() + day + 5000);
      assert.deepEqual(unnamed, [left]);
      assert.ok(files.every((key) => replaced?.includes(key)) && replaced?.length === 5);
      const before = await answers(world);
      for (const key of [...replaced, ...unnamed]) await world.lake.store.delete(key);
      assert.deepEqual(await answers(world, await world.open()), before);
      assert.deepEqual((await verifyLake(await world.open())).faults, []);
      const expired: string[] = [];
      const later = { now: Date.UTC(2026, 10, 13), retainDays: 1 };
      for await (const { why, entry } of deadFiles(world.lake, later)) if (why === "expired") expired.push(entry.key);
      assert.equal(expired.length, 1);
    });

    test("a file that was swept before its record came is put again", async (t) => {
      const world = await filledWorld(t, kind);
      const swept: string[] = [];
      const put: string[] = [];
      // Between file and record a day passes, and a sweep.
      const stopped: Lake = {
        ...world.lake,
        async putFile(key, file) {
          await world.lake.putFile(key, file);
          put.push(key);
        },
        async commit(record) {
          for (const key of put.splice(0)) await world.lake.store.delete(key).then(() => swept.push(key));
          return world.lake.commit(record);
        },
        async commitCompaction(...args) {
          for (const key of put.splice(0)) await world.lake.store.delete(key).then(() => swept.push(key));
          return world.lake.commitCompaction(...args);
        },
      };
      await world.ingest("pot-3", capturesOf("192.0.2.9", "2026-11-10T07:00:00Z", 2), undefined, stopped);
      await compact(stopped, world.engine, options(world));
      assert.equal(swept.length, 3);
      assert.deepEqual((await verifyLake(await world.open())).faults, []);
    });

    test("a file whose record comes while a sweep looks is not swept", async (t) => {
      const world = await filledWorld(t, kind);
      let late: (() => Promise<unknown>) | undefined;
      let [key, committed] = ["", false];
      const slow: Lake = {
        ...world.lake,
        async putFile(name, file) {
          key = name;
          await world.lake.putFile(name, file);
        },
        commit: async (record) => {
          late = () => world.lake.commit(record);
          return "exists";
        },
      };
      await world.ingest("pot-3", capturesOf("192.0.2.9", "2026-11-10T07:00:00Z", 2), undefined, slow);
      assert.ok(late);
      const commit = late;
      assert.deepEqual(await dead(world.lake, Date.now() + day + 5000), { unnamed: [key] });
      const sweeping: Lake = {
        ...world.lake,
        async compactions(...args) {
          const compactions = await world.lake.compactions(...args);
          if (!committed) await commit();
          committed = true;
          return compactions;
        },
      };
      assert.deepEqual(await dead(sweeping, Date.now() + day + 5000), {});
    });
  });
}

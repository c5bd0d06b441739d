/** Copies of a lake in S3: what they are compared with, how long they stay, and what a failing service or disk leaves. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { type ErrorCode, isError } from "../../src/errors.ts";
import { copiesOf } from "../../src/lake/copies.ts";
import type { Lake } from "../../src/lake/lake.ts";
import type { LakeFile } from "../../src/lake/records.ts";
import { capturesOf, openOperatorWorld } from "../publication/operator-world.ts";
import { type LakeGateway, startLakeGateway } from "./lake-place.ts";

let lakes: LakeGateway;
before(async () => {
  lakes = await startLakeGateway();
});
after(() => lakes?.stop());

const [from, to] = [Date.UTC(2026, 10, 10), Date.UTC(2026, 10, 12)];

/** Three batches of one file each. */
async function filled(t: TestContext) {
  lakes.proxy.plan();
  const place = await lakes.place(t, true);
  const world = await openOperatorWorld(t, await place.open());
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5));
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-10T05:00:00Z", 2));
  await world.ingest("pot-3", capturesOf("203.0.113.7", "2026-11-11T06:00:00Z", 1));
  const batches = await world.lake.batches(from, to);
  const files = batches.flatMap((record) => record.files);
  assert.equal(files.length, 3);
  return { place, world, batches, files, copies: join(place.folder, "1") };
}

const fails = (call: Promise<unknown>, code: ErrorCode, key?: string) =>
  assert.rejects(call, (error) => isError(error, code) && (key === undefined || error.facts.key === key));

const bytesOf = (files: readonly LakeFile[]) => files.reduce((sum, { bytes }) => sum + bytes, 0);

/** Bytes in a folder, but for what goes meanwhile. */
async function kept(folder: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(folder)).map(async (name) => (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** What is on its way out has gone. */
async function settled(condition: () => Promise<boolean>): Promise<void> {
  for (let left = 100; !(await condition()); left -= 1) {
    assert.ok(left > 0, "it didn't come to be");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("an object that isn't its record's is named, nothing of it stays, and the next select finds it restored", async (t) => {
  const { world, batches, files, copies, place } = await filled(t);
  const victim = files[1];
  assert.ok(victim);
  const { store } = world.lake;
  const sound = await store.get(victim.key);
  assert.ok(sound);
  const path = join(world.root, "other");
  const put = async (bytes: Uint8Array) => {
    await writeFile(path, bytes);
    await store.putFile(victim.key, { path, bytes: bytes.length });
  };
  const ways: Readonly<Record<string, () => Promise<void>>> = {
    missing: () => store.delete(victim.key),
    truncated: () => put(sound.subarray(0, sound.length - 1)),
    changed: () => put(sound.map((byte, at) => (at === sound.length >> 1 ? byte ^ 1 : byte))),
  };
  for (const [fault, damage] of Object.entries(ways)) {
    const lake = await place.open();
    await damage();
    await assert.rejects(lake.select("captures", batches, from, to), (error) => {
      assert.ok(isError(error, "lake-damaged"));
      assert.deepEqual([error.facts.key, error.facts.fault], [victim.key, fault]);
      return true;
    });
    using others = await lake.select(
      "captures",
      batches.filter((record) => !record.files.includes(victim)),
      from,
      to,
    );
    assert.equal(others.whole.length, 2);
    await put(sound);
    using all = await lake.select("captures", batches, from, to);
    assert.equal(all.whole.length, 3);
    for (const at of all.whole) assert.ok((await stat(at)).size > 0);
  }
  assert.deepEqual(await readdir(copies).catch(() => []), []);
});

test("a body that breaks off or changes on the way is fetched again; a service that stays away is told", async (t) => {
  const { world, batches, files, copies } = await filled(t);
  const { lake } = world;
  for (const fault of ["cut-answer", "flip", "short", "reset"] as const) {
    const own = copiesOf(lake.store, { folder: join(world.root, fault), mostBytes: 1e9 });
    const seen = new Set<string>();
    // The first time that each is asked for.
    lakes.proxy.plan(({ operation, key }) => {
      if (operation !== "GetObject" || seen.has(key)) return undefined;
      seen.add(key);
      return fault;
    });
    using located = await own(files);
    for (const [index, at] of located.at.entries()) {
      const key = files[index]?.key ?? "";
      lakes.proxy.plan();
      assert.deepEqual(new Uint8Array(await readFile(at)), new Uint8Array((await lake.store.get(key)) ?? []), fault);
    }
  }
  lakes.proxy.plan(({ operation, key }) =>
    operation === "GetObject" && key.endsWith(files[2]?.key ?? "") ? "cut-answer" : undefined,
  );
  await fails(lake.select("captures", batches, from, to), "store-unavailable");
  // Others of the same selection may be there: they are good.
  assert.ok((await kept(copies)) <= bytesOf(files));
  lakes.proxy.plan();
  using selection = await lake.select("captures", batches, from, to);
  assert.equal(selection.whole.length, 3);
});

test("however many select at once, an object is fetched once; later nothing is", async (t) => {
  const { world, batches, files } = await filled(t);
  lakes.proxy.plan();
  const selections = await Promise.all(
    Array.from({ length: 6 }, () => world.lake.select("captures", batches, from, to)),
  );
  const fetched = () => lakes.proxy.log.filter(({ seen }) => seen.key.endsWith(".parquet"));
  assert.equal(fetched().length, files.length);
  for (const selection of selections) selection[Symbol.dispose]();
  using _again = await world.lake.select("captures", batches, from, to);
  assert.equal(fetched().length, files.length);
});

test("one that fails for several at once is forgotten, and what came of it after is kept", async (t) => {
  const { world, files, copies } = await filled(t);
  const victim = files[0];
  assert.ok(victim);
  const { lake } = world;
  let faults = 2 * 3;
  lakes.proxy.plan(({ operation, key }) =>
    operation === "GetObject" && key.endsWith(victim.key) && --faults >= 0 ? "cut-answer" : undefined,
  );
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => lake.local([victim])));
  assert.ok(outcomes.some(({ status }) => status === "rejected"));
  for (const outcome of outcomes) if (outcome.status === "fulfilled") outcome.value[Symbol.dispose]();
  lakes.proxy.plan();
  using one = await lake.local([victim]);
  using two = await lake.local([victim]);
  assert.deepEqual(one.at, two.at);
  assert.deepEqual(
    await readdir(copies),
    one.at.map((at) => basename(at)),
  );
});

test("what is read stays whatever comes; what isn't goes, least recently used first", async (t) => {
  const { world, files, place } = await filled(t);
  const [a, b, c] = files;
  assert.ok(a && b && c);
  const lake: Lake = await place.open(Math.max(a.bytes, b.bytes, c.bytes) * 2);
  const folder = join(place.folder, "2");
  const held = await lake.local([a]);
  const there = () => Promise.all(held.at.map((at) => stat(at)));
  for (const round of [b, c, b, c]) {
    using other = await lake.local([round]);
    assert.equal(other.at.length, 1);
    await there();
  }
  {
    using all = await lake.local([a, b, c]);
    for (const at of all.at) await stat(at);
    assert.equal(await kept(folder), bytesOf(files));
  }
  await there();
  held[Symbol.dispose]();
  held[Symbol.dispose]();
  // Disposing makes room, nobody has to ask for more.
  await settled(async () => (await kept(folder)) <= Math.max(a.bytes, b.bytes, c.bytes) * 2);
  assert.equal((await readdir(folder)).length, 2);
  const none = await place.open(0);
  (await none.local(files))[Symbol.dispose]();
  await settled(async () => (await readdir(join(place.folder, "3"))).length === 0);
  assert.ok((await world.lake.names()).length === 3);
});

test("a disk that takes nothing is told as such, and the next select tries again", async (t) => {
  const { world, files } = await filled(t);
  const folder = join(world.root, "full");
  await mkdir(folder);
  await symlink("/dev/full", join(folder, "1.parquet"));
  const copies = copiesOf(world.lake.store, { folder, mostBytes: 1e9 });
  await fails(copies(files), "disk-failed");
  using located = await copies(files);
  for (const at of located.at) assert.ok((await stat(at)).size > 0);
});

/** Damage in the lake: every flipped bit of a record is noticed, and no query is given a file that isn't its record's. */
import assert from "node:assert/strict";
import { copyFile, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isError } from "../../src/errors.ts";
import { type Lake, openLake } from "../../src/lake/lake.ts";
import { type BatchRecord, decodeBatch, encodeRecord } from "../../src/lake/records.ts";
import { capturesOf, openOperatorWorld } from "../publication/operator-world.ts";

const [from, to] = [Date.UTC(2026, 10, 10), Date.UTC(2026, 10, 12)];

/** Three batches, one of them over two days. */
async function filled(t: TestContext) {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5));
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-10T05:00:00Z", 2));
  await world.ingest("pot-3", capturesOf("203.0.113.7", "2026-11-11T06:00:00Z", 1));
  return { world, batches: await world.lake.batches(from, to) };
}

const select = (lake: Lake, batches: readonly BatchRecord[], end = to) => lake.select("captures", batches, from, end);

/** Refused, naming this file. */
const names = (key: string) => (error: unknown) => isError(error, "lake-damaged") && error.facts.key === key;

test("whatever bit of a record flips, or wherever it is cut, it isn't read", async (t) => {
  const { world } = await filled(t);
  const [name] = await world.lake.names();
  assert.ok(name);
  const bytes = await readFile(join(world.lake.root, name.key));
  assert.deepEqual(encodeRecord(decodeBatch(name.key, bytes)), new Uint8Array(bytes));
  const damaged = (changed: Uint8Array) => assert.throws(() => decodeBatch(name.key, changed), names(name.key));
  for (let at = 0; at < bytes.length * 8; at += 1) {
    const changed = Uint8Array.from(bytes);
    changed[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
    // A line break that became another space is no JSON of ours either.
    damaged(changed);
  }
  for (let end = 0; end < bytes.length; end += 1) damaged(bytes.subarray(0, end));
  assert.throws(
    () => decodeBatch(name.key.replace("2026-11-10_", "2026-11-09_"), bytes),
    (e) => isError(e, "lake-damaged"),
  );
});

test("a record of before, without a digest, is taken as it is", async (t) => {
  const { batches } = await filled(t);
  const [record] = batches;
  assert.ok(record);
  const written = new TextDecoder().decode(encodeRecord(record));
  const before = `${JSON.stringify(record)}\n`;
  assert.notEqual(written, before);
  const { batchKey } = await import("../../src/lake/records.ts");
  assert.deepEqual(decodeBatch(batchKey(record), new TextEncoder().encode(before)), record);
});

test("a file that isn't its record's is named before a query may read it; others are read", async (t) => {
  const { world, batches } = await filled(t);
  const files = batches.flatMap((record) => record.files);
  const [victim, other] = files.filter((file) => file.day === "2026-11-10");
  assert.ok(victim && other);
  const path = join(world.lake.root, victim.key);
  const whole = await readFile(path);
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    truncated: () => truncate(path, victim.bytes - 1),
    missing: () => rm(path),
    changed: () =>
      writeFile(
        path,
        Uint8Array.from(whole, (byte, at) => (at === whole.length >> 1 ? byte ^ 1 : byte)),
      ),
    "another of its kind": () => copyFile(join(world.lake.root, other.key), path),
  };
  for (const [way, damage] of Object.entries(ways)) {
    // A lake that has found it sound sees that it was touched; so does one that looks for the first time.
    await select(world.lake, batches);
    await damage();
    for (const lake of [world.lake, await openLake(world.lake.root)]) {
      await assert.rejects(select(lake, batches), names(victim.key), way);
      const sound: BatchRecord[] = batches.filter((record) => !record.files.includes(victim));
      assert.equal((await select(lake, sound)).whole.length, files.length - 1);
    }
    await writeFile(path, whole);
    assert.equal((await select(world.lake, batches)).whole.length, files.length);
  }
});

test("the same size and modification time don't hide a change", async (t) => {
  const { world, batches } = await filled(t);
  const [victim] = batches.flatMap((record) => record.files);
  assert.ok(victim);
  const path = join(world.lake.root, victim.key);
  await select(world.lake, batches);
  const whole = await readFile(path);
  await writeFile(
    path,
    Uint8Array.from(whole, (byte, at) => (at === 100 ? byte ^ 4 : byte)),
  );
  await utimes(path, new Date(0), new Date(0));
  await assert.rejects(select(world.lake, batches), names(victim.key));
});

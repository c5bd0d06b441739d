/**
 * Leases: one holder at a time, renewed while it works, given back or lapsed within minutes, harmless under wrong
 * clocks.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { type Lease, StoreLeases } from "../../src/delivery/leases.ts";
import { openLog } from "../../src/log.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import type { Store } from "../../src/store/store.ts";
import { confine } from "../../src/store/under.ts";
import { temporaryFolder } from "../publication/issuer.ts";

const minute = 60_000;
const start = Date.parse("2026-11-16T06:00:00Z");
const log = openLog("silent");

/** A store and runners at it, each with a clock that is so many milliseconds off; looks are 5 ms apart. */
async function world(t: Parameters<typeof temporaryFolder>[0]) {
  const store = openDiskStore(await temporaryFolder(t));
  const time = { now: start };
  const runner = (skew = 0, place: Store = store) =>
    new StoreLeases({ store: place, clock: () => time.now + skew, log, lookEveryMs: 5 });
  const keys = async () => {
    const found: string[] = [];
    for await (const { key } of store.list("leases/")) found.push(key);
    return found;
  };
  /** So many milliseconds pass; after each step the holder has looked. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10_000) {
      time.now += 10_000;
      const needed = `/${Math.floor((time.now + 30_000) / minute)}`;
      for (let looks = 0; looks < 500 && !(await keys()).some((key) => key.endsWith(needed)); looks += 1)
        await sleep(5);
    }
  };
  return { store, time, runner, keys, pass };
}

test("one has it, until it is given back; nothing stays behind", async (t) => {
  const { runner, keys } = await world(t);
  const [one, two] = [runner(), runner()];
  const lease = await one.take("slices/a");
  assert.ok(lease);
  assert.equal(await two.take("slices/a"), undefined);
  assert.equal(await one.take("slices/a"), undefined, "not even who has it");
  const other = await two.take("slices/b");
  assert.ok(other, "another name is free");
  await other.release();
  await lease.release();
  assert.deepEqual(await keys(), []);
  const after = await two.take("slices/a");
  assert.ok(after);
  await after.release();
});

test("of many who ask at once exactly one has it", async (t) => {
  const { runner } = await world(t);
  for (let round = 0; round < 10; round += 1) {
    const taken = await Promise.all(Array.from({ length: 12 }, () => runner().take("a")));
    const held = taken.filter((lease) => lease !== undefined);
    assert.equal(held.length, 1);
    await held[0]?.release();
  }
});

test("it goes on for as long as the work does, in a few objects", async (t) => {
  const { runner, keys, pass } = await world(t);
  const lease = await runner().take("a");
  assert.ok(lease);
  for (let minutes = 0; minutes < 5; minutes += 1) {
    await pass(minute);
    assert.equal(await runner().take("a"), undefined, `after ${minutes + 1} minutes`);
    assert.ok((await keys()).length <= 4, (await keys()).join());
  }
  await lease.release();
  assert.deepEqual(await keys(), []);
});

test("who died is replaced within a minute and a half", async (t) => {
  for (const second of [0, 10, 29, 31, 45, 59]) {
    const { store, time, runner } = await world(t);
    time.now = start + second * 1000;
    // A store that takes no more puts after the lease is taken is what a dead holder looks like to the others.
    let dead = false;
    const dying: Store = {
      ...store,
      putOnce: (...put) => (dead ? new Promise(() => undefined) : store.putOnce(...put)),
      under: (prefix) => confine(dying, prefix),
    };
    assert.ok(await runner(0, dying).take("a"));
    dead = true;
    let waited = 0;
    let heir: Lease | undefined;
    while (heir === undefined && waited <= 300_000) {
      heir = await runner().take("a");
      if (heir === undefined) {
        time.now += 1000;
        waited += 1000;
      }
    }
    assert.ok(heir);
    assert.ok(waited >= 30_000 && waited <= 90_000, `taken at second ${second}: ${waited} ms`);
    await heir.release();
  }
});

test("clocks up to half a minute apart: one at a time; further apart: nobody waits for longer than three minutes", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: -29_000, max: 29_000 }),
      fc.integer({ min: 0, max: 59_000 }),
      async (skew, into) => {
        const { time, runner, pass } = await world(t);
        time.now = start + into;
        const lease = await runner().take("a");
        assert.ok(lease);
        for (let steps = 0; steps < 8; steps += 1) {
          assert.equal(await runner(skew).take("a"), undefined, `${skew} ms apart, ${steps}`);
          await pass(10_000);
        }
        await lease.release();
      },
    ),
    { numRuns: 15 },
  );
  for (const skew of [10 * minute, 24 * 60 * minute, -10 * minute]) {
    const { store, time, runner } = await world(t);
    await store.putOnce(`leases/a/${Math.floor((start + skew) / minute)}`, new Uint8Array());
    time.now = start + 3 * minute;
    const lease = await runner().take("a");
    assert.ok(lease, `left by a clock ${skew / minute} minutes off`);
    await lease.release();
  }
});

test("a put whose answer was lost is our own, and a store that refuses is told", async (t) => {
  const { store, runner } = await world(t);
  const lossy: Store = {
    ...store,
    async putOnce(...put) {
      await store.putOnce(...put);
      return store.putOnce(...put);
    },
    under: (prefix) => confine(lossy, prefix),
  };
  const lease = await runner(0, lossy).take("a");
  assert.ok(lease);
  await lease.release();
  const refusing: Store = {
    ...store,
    putOnce: () => Promise.reject(new Error("refused")),
    under: (prefix) => confine(refusing, prefix),
  };
  await assert.rejects(runner(0, refusing).take("a"), /refused/);
});

test("who ends in the middle gives everything back", async (t) => {
  const { runner, keys } = await world(t);
  const one = runner();
  for (const name of ["a", "b", "lanes/c"]) assert.ok(await one.take(name));
  await one.close();
  assert.deepEqual(await keys(), []);
});

/**
 * Leases: one holder at a time, renewed while it works, given back or lapsed within half a minute, harmless under
 * wrong clocks.
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
import { temporaryFolder } from "../temporary-folder.ts";
import { counted } from "./runner-world.ts";

const minute = 60_000;
const slot = 10_000;
const start = Date.parse("2026-11-16T06:00:00Z");
const log = openLog("silent");

/** A store and runners at it, each with a clock that is so many milliseconds off; looks are 5 ms apart. */
async function world(t: Parameters<typeof temporaryFolder>[0]) {
  const store = openDiskStore(await temporaryFolder(t));
  const time = { now: start };
  const runner = (skew = 0, place: Store = store, lookEveryMs = 5) =>
    new StoreLeases({ store: place, clock: () => time.now + skew, log, lookEveryMs });
  const keys = async () => {
    const found: string[] = [];
    for await (const { key } of store.list("leases/")) found.push(key);
    return found;
  };
  /** So many milliseconds pass; after each step the holder has looked. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += slot) {
      time.now += slot;
      const needed = `/${Math.floor((time.now + 15_000) / slot)}`;
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

test("it goes on for as long as the work does, by one put and one delete each ten seconds", async (t) => {
  const { store, runner, keys, pass } = await world(t);
  const requests: string[] = [];
  const lease = await runner(0, counted(store, requests)).take("a");
  assert.ok(lease);
  assert.equal(requests.length, 2, requests.join());
  for (let minutes = 0; minutes < 5; minutes += 1) {
    await pass(minute);
    assert.equal(await runner().take("a"), undefined, `after ${minutes + 1} minutes`);
    assert.ok((await keys()).length <= 4, (await keys()).join());
  }
  await lease.release();
  assert.deepEqual(await keys(), []);
  const count = (name: string) => requests.filter((request) => request.startsWith(name)).length;
  assert.deepEqual([count("putOnce"), count("delete")], [32, 32]);
  assert.equal(requests.length, 64);
});

/** Takes a lease for a runner that then neither renews it nor gives it back. */
async function dies({ runner }: Awaited<ReturnType<typeof world>>): Promise<void> {
  assert.ok(await runner(0, undefined, 2 ** 30).take("a"));
}

test("who died is replaced when fifteen to 25 seconds have gone by", async (t) => {
  for (const second of [0, 1, 4, 5, 9, 9.999]) {
    const subject = await world(t);
    const { time, runner } = subject;
    time.now = start + second * 1000;
    await dies(subject);
    const leases = runner();
    let waited = 0;
    let heir: Lease | undefined;
    for (; heir === undefined && waited <= 300_000; waited += heir === undefined ? 500 : 0) {
      time.now = start + second * 1000 + waited;
      heir = await leases.take("a");
    }
    assert.ok(heir);
    assert.ok(waited > 15_000 && waited <= 25_000, `taken at second ${second}: ${waited} ms`);
    await heir.release();
  }
});

test("clocks up to five seconds apart: one at a time, renewed or ten seconds late; free after half a minute at most", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: -5_000, max: 5_000 }),
      fc.integer({ min: 0, max: slot - 1 }),
      fc.integer({ min: 0, max: slot }),
      async (skew, into, late) => {
        const subject = await world(t);
        const { time, runner, pass, keys } = subject;
        time.now = start + into;
        const lease = await runner().take("a");
        assert.ok(lease);
        const other = runner(skew);
        for (let steps = 0; steps < 4; steps += 1) {
          assert.equal(await other.take("a"), undefined, `${skew} ms apart, ${steps}`);
          assert.ok(await other.isHeld("a"), `${skew} ms apart, ${steps}`);
          await pass(slot);
        }
        await lease.release();
        assert.deepEqual(await keys(), []);
        assert.equal(await other.isHeld("a"), false);
        const died = time.now;
        await dies(subject);
        time.now = died + late;
        assert.equal(await other.take("a"), undefined, `${skew} ms apart, ${late} ms late`);
        assert.ok(await other.isHeld("a"), `${skew} ms apart, ${late} ms late`);
        time.now = died + 25_000 - skew;
        assert.equal(await other.isHeld("a"), false);
        const heir = await other.take("a");
        assert.ok(heir, `${skew} ms apart, died`);
        await heir.release();
      },
    ),
    { numRuns: 25 },
  );
});

test("a clock minutes off stops nobody for longer than it is off", async (t) => {
  for (const skew of [10 * minute, 24 * 60 * minute, -10 * minute]) {
    const { store, time, runner } = await world(t);
    await store.putOnce(`leases/a/${Math.floor((start + skew) / slot)}`, new Uint8Array());
    time.now = start + minute;
    const lease = await runner().take("a");
    assert.ok(lease, `left by a clock ${skew / minute} minutes off`);
    await lease.release();
  }
});

test("whether it is held costs one read while it is, and two where it isn't", async (t) => {
  const { store, time, runner } = await world(t);
  const requests: string[] = [];
  const asking = runner(0, counted(store, requests));
  assert.equal(await asking.isHeld("a"), false);
  assert.equal(requests.length, 2);
  const lease = await runner(0, undefined, 2 ** 30).take("a");
  requests.length = 0;
  assert.ok(await asking.isHeld("a"));
  assert.equal(requests.length, 1);
  assert.ok(requests.every((request) => request.startsWith("stat ")));
  time.now += 30_000;
  assert.equal(await asking.isHeld("a"), false, "lapsed");
  await lease?.release();
});

test("a store that is away for a minute while a lease is held: told once, and one holds it afterwards", async (t) => {
  const { store, time, runner } = await world(t);
  const away = { now: false, tried: 0 };
  const said: string[] = [];
  const leaving: Store = {
    ...store,
    putOnce: (...put) => {
      if (away.now) away.tried += 1;
      return away.now ? Promise.reject(new Error("away")) : store.putOnce(...put);
    },
    under: (prefix) => confine(leaving, prefix),
  };
  const note = (...given: unknown[]) => void said.push(`${given[1]}`);
  const noting = Object.assign(log.child({}), { info: note, warn: note });
  const held = new StoreLeases({ store: leaving, clock: () => time.now, log: noting, lookEveryMs: 5 });
  const lease = await held.take("a");
  assert.ok(lease);
  away.now = true;
  time.now += minute;
  while (away.tried < 5) await sleep(5);
  away.now = false;
  for (let looks = 0; looks < 500 && said.length < 2; looks += 1) await sleep(5);
  assert.deepEqual(said, ["a lease couldn't be renewed; it is tried again", "a lease is renewed again"]);
  assert.equal(await runner().take("a"), undefined, "its holder has it again");
  // Away once more, and another is faster.
  away.now = true;
  time.now += minute;
  const heir = await runner().take("a");
  assert.ok(heir);
  away.now = false;
  for (let looks = 0; looks < 500 && said.length < 4; looks += 1) await sleep(5);
  assert.match(said.at(-1) ?? "", /another runner took over/);
  await lease.release();
  assert.equal(await runner().take("a"), undefined, "what the first gives back isn't the other's");
  await heir.release();
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

/** `publish --again`: what is due again, that doing it twice changes nothing more, and that content only ever rises. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dayMs } from "../../src/model.ts";
import type { Manifest } from "../../src/publication/manifest.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import type { Store } from "../../src/store/store.ts";
import { contentsOf, Killed, killedStore } from "./killed-store.ts";
import { capturesOf, copyOfStore, type OperatorWorld, openOperatorWorld, withFeed } from "./operator-world.ts";

/** An instant of November 2026. */
const day = (number: number, hour = 0) => Date.UTC(2026, 10, number, hour);
const sources = { feed: "spam-sources" };

/** Both partners' feed with other exemplars: another definition. */
const withExemplars = ({ partners }: Pick<OperatorWorld, "partners">, exemplars: number) => ({
  partners: withFeed(partners, "spam-sources", ({ definition }) => ({
    exemplars,
    definition: { ...definition, exemplars },
  })),
});

async function publishedWorld(t: Parameters<typeof openOperatorWorld>[0]): Promise<OperatorWorld> {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", [
    ...capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5),
    ...capturesOf("203.0.113.9", "2026-11-11T02:00:00Z", 3),
  ]);
  assert.equal((await world.publish(day(12, 7), sources)).length, 4);
  return world;
}

const said = (manifests: readonly Manifest[]) =>
  manifests.map(({ partner, period, revision, input }) => [partner, period.id, revision, input.again]);

test("nothing is due again while everything is as it was", async (t) => {
  const world = await publishedWorld(t);
  const before = await contentsOf(world.store);
  assert.deepEqual(await world.publish(day(12, 8), { ...sources, again: true }), []);
  assert.deepEqual(await contentsOf(world.store), before);
});

test("a changed feed makes nothing due by itself; asked for, every period once, though just published", async (t) => {
  const world = await publishedWorld(t);
  const changed = withExemplars(world, 1);
  const again = { ...sources, again: true };
  assert.deepEqual(await world.publish(day(12, 8), sources, changed), []);
  assert.equal((await world.publish(day(12, 8), { ...again, dry: true }, changed)).length, 4);
  assert.equal((await contentsOf(world.store, "slices/")).size, 0);
  const made = await world.publish(day(12, 8), again, changed);
  assert.deepEqual(said(made), [
    ["twcert", "2026-11-10", 1, 1],
    ["ncc", "2026-11-10", 1, 1],
    ["twcert", "2026-11-11", 1, 1],
    ["ncc", "2026-11-11", 1, 1],
  ]);
  assert.deepEqual(made[0]?.artifacts, made[1]?.artifacts);
  assert.deepEqual(await world.publish(day(12, 9), again, changed), []);
});

test("only what is selected; whoever comes later shares bytes and record", async (t) => {
  const world = await publishedWorld(t);
  const changed = withExemplars(world, 1);
  const one = { ...sources, period: "2026-11-10", again: true };
  const [first] = await world.publish(day(12, 8), { ...one, partner: "ncc" }, changed);
  const [second, ...others] = await world.publish(day(12, 9), one, changed);
  assert.deepEqual([first?.partner, second?.partner, others.length], ["ncc", "twcert", 0]);
  assert.deepEqual(first?.artifacts, second?.artifacts);
});

test("there and back: each time the count of records rises above that of what is replaced", async (t) => {
  const world = await publishedWorld(t);
  const [plain, other] = [withExemplars(world, 5), withExemplars(world, 1)];
  const one = { feed: "spam-sources", period: "2026-11-10", partner: "twcert", again: true };
  const counts: (number | undefined)[] = [];
  for (const [index, change] of [other, plain, other, plain].entries()) {
    const [made] = await world.publish(day(12, 8 + index), one, change);
    counts.push(made?.input.again);
  }
  assert.deepEqual(counts, [1, 2, 3, 4]);
});

test("a period past its time for revisions is due again too, found by going back through the log", async (t) => {
  const world = await publishedWorld(t);
  const late = day(15, 7);
  const short = { partners: withFeed(world.partners, "spam-sources", () => ({ reviseFor: 2 * dayMs })) };
  const [newest] = (await world.publish(late, sources, short)).slice(-1);
  assert.ok(newest?.open_periods.every((entry) => entry.period !== "2026-11-10"));
  const changed = withExemplars(short, 1);
  const one = { ...sources, period: "2026-11-10", again: true };
  const made = await world.publish(late, one, changed);
  assert.deepEqual(said(made), [
    ["twcert", "2026-11-10", 1, 1],
    ["ncc", "2026-11-10", 1, 1],
  ]);
  assert.deepEqual([made[0]?.supersedes, made[0]?.retain_until], [1, "2027-11-16T00:00:00Z"]);
  assert.deepEqual(await world.publish(late, one, changed), []);
});

test("another policy is another slice: ids are new, and so is the count", async (t) => {
  const world = await publishedWorld(t);
  const masked = { partners: world.partners.map((partner) => ({ ...partner, masks: ["exemplars"] })) };
  const [made] = await world.publish(day(12, 8), { ...sources, period: "2026-11-10", again: true }, masked);
  assert.deepEqual(made?.policy.masks, ["exemplars"]);
  assert.deepEqual([made?.revision, made?.input.again], [1, 1]);
});

test("what is due anyway is published once, without a record", async (t) => {
  const world = await publishedWorld(t);
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-10T05:00:00Z", 2));
  const one = { ...sources, period: "2026-11-10", again: true };
  const made = await world.publish(day(13, 8), one, withExemplars(world, 1));
  assert.deepEqual(said(made), [
    ["twcert", "2026-11-10", 1, 0],
    ["ncc", "2026-11-10", 1, 0],
  ]);
});

for (const after of [false, true]) {
  test(`killed ${after ? "after" : "before"} any change and run again, it gives the same`, async (t) => {
    const world = await publishedWorld(t);
    const changed = withExemplars(world, 1);
    const run = (store: Store) =>
      world.publish(
        day(12, 8),
        { ...sources, period: "2026-11-10", again: true },
        {
          ...changed,
          store,
          // Marks are of one store; each copy is another.
          marks: openDiskStore(`${store.url}-tips`),
        },
      );
    const undisturbed = await copyOfStore(t, world);
    await run(undisturbed);
    const expected = await contentsOf(undisturbed);
    let [changes, killed] = [0, true];
    for (; killed; changes += 1) {
      const store = await copyOfStore(t, world);
      killed = await run(killedStore(store, changes, after)).then(
        () => false,
        (error) => error instanceof Killed || Promise.reject(error),
      );
      await run(store);
      assert.deepEqual(await contentsOf(store), expected, `at change ${changes + 1}`);
    }
    assert.ok(changes > 5);
  });
}

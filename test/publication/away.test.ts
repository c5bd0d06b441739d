/** A store that is away: a run that waited for it in vain for a few logs doesn't wait for each of the others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SpampotsError } from "../../src/errors.ts";
import type { Engine } from "../../src/lake/engine.ts";
import { publish } from "../../src/publication/publish.ts";
import type { Store, StoreEntry } from "../../src/store/store.ts";
import { confine } from "../../src/store/under.ts";
import { capturesOf, openOperatorWorld } from "./operator-world.ts";

const now = Date.UTC(2026, 10, 13, 7);

/** The store, whose listings for which `isAway` holds aren't answered. */
function silent(store: Store, isAway: (prefix: string) => boolean): Store {
  const away: Store = {
    ...store,
    async *list(prefix, options): AsyncGenerator<StoreEntry> {
      if (isAway(prefix)) throw new SpampotsError("store-unavailable", "The store is away.");
      yield* store.list(prefix, options);
    },
    under: (prefix) => confine(away, prefix),
  };
  return away;
}

test("three logs without an answer end a run; the next one publishes everything", async (t) => {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  const partners = Array.from({ length: 15 }, (_, n) =>
    world.partners.map((one) => ({ ...one, id: `${one.id}-${n}` })),
  );
  const none = await publish(
    world.publishWorld(now, { partners: partners.flat(), store: silent(world.store, () => true) }),
  );
  // Of sixty logs three, and those that were asked at the same time.
  assert.ok(none.failures.length >= 3 && none.failures.length <= 3 + 8, `${none.failures.length} failures`);
  assert.equal(none.published.length, 0);
  const slices = silent(world.store, (prefix) => prefix.startsWith("slices/"));
  const planned = await publish(world.publishWorld(now, { store: slices }));
  assert.deepEqual([planned.failures.length, planned.published.length], [4, 0]);
  const all = await publish(world.publishWorld(now));
  assert.deepEqual(all.failures, []);
  assert.ok(all.published.length > 4);
});

test("a log that isn't answered for stops no other", async (t) => {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  const store = silent(world.store, (prefix) => prefix.startsWith("partners/twcert/summary/"));
  const { failures, published } = await publish(world.publishWorld(now, { store }));
  assert.deepEqual(
    failures.map(({ partner, feed }) => [partner, feed]),
    [["twcert", "summary"]],
  );
  assert.equal(new Set(published.map(({ partner, manifest }) => `${partner} ${manifest.feed}`)).size, 3);
});

/** The engine, of whose queries those for which `fails` gives an error end with it, after their first rows. */
function losing(
  engine: Pick<Engine, "rows">,
  fails: (query: number) => SpampotsError | undefined,
): Pick<Engine, "rows"> & { queries: number } {
  const counting = {
    queries: 0,
    async *rows(...query: Parameters<Engine["rows"]>) {
      counting.queries += 1;
      const error = fails(counting.queries);
      for await (const chunk of engine.rows(...query)) {
        yield chunk;
        if (error !== undefined) throw error;
      }
      if (error !== undefined) throw error;
    },
  };
  return counting;
}

const lost = () => new SpampotsError("engine-unavailable", "The cluster lost a query.", { again: true });

test("a slice that a cluster lost in the middle is made again at once, once, to the same bytes", async (t) => {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  const dry = async (engine: Pick<Engine, "rows">) => publish(world.publishWorld(now, { engine }), { dry: true });
  const calm = losing(world.engine, () => undefined);
  const whole = await dry(calm);
  const unlucky = losing(world.engine, (query) => (query % 2 === 1 ? lost() : undefined));
  const again = await dry(unlucky);
  assert.deepEqual(again.failures, []);
  const artifactsOf = ({ published }: typeof whole) => published.map(({ manifest }) => manifest.artifacts);
  assert.deepEqual(artifactsOf(again), artifactsOf(whole));
  assert.ok(calm.queries > 0);
  assert.equal(unlucky.queries, 2 * calm.queries);
});

test("a cluster that is away isn't waited for by every slice, and one that loses all isn't asked for ever", async (t) => {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  const away = losing(world.engine, () => new SpampotsError("engine-unavailable", "The cluster is away."));
  const none = await publish(world.publishWorld(now, { engine: away }));
  assert.equal(none.published.length, 0);
  assert.ok(away.queries <= 3, `${away.queries} queries`);
  const twice = losing(world.engine, lost);
  await publish(world.publishWorld(now, { engine: twice }));
  assert.equal(twice.queries, 2 * away.queries);
});

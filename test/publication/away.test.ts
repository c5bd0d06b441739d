/** A store that is away: a run that waited for it in vain for a few logs doesn't wait for each of the others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SpampotsError } from "../../src/errors.ts";
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

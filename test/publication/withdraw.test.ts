/** Withdrawing: what is signed, what is deleted, what revokes, and that a killed run is finished by the next. */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { isError } from "../../src/errors.ts";
import { dayMs } from "../../src/model.ts";
import { publishedJwks } from "../../src/publication/announce.ts";
import { logKey } from "../../src/publication/log.ts";
import { artifactKey, feedPrefix, type Manifest } from "../../src/publication/manifest.ts";
import { publish } from "../../src/publication/publish.ts";
import { readSliceRecords } from "../../src/publication/records.ts";
import { readTrust } from "../../src/publication/trust.ts";
import { verify } from "../../src/publication/verify.ts";
import { withdraw } from "../../src/publication/withdraw.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import type { Store } from "../../src/store/store.ts";
import { confine } from "../../src/store/under.ts";
import { contentsOf, Killed, killedStore } from "./killed-store.ts";
import {
  capturesOf,
  copyOfStore,
  type OperatorWorld,
  openOperatorWorld,
  partnersOf,
  withFeed,
} from "./operator-world.ts";

/** An instant of November 2026. */
const day = (number: number, hour = 0) => Date.UTC(2026, 10, number, hour);
const reason = "A sensor's clock was wrong.";
const tenth = { partner: "twcert", feed: "spam-sources", sequence: 1, reason, revoke: false };

/** 10 November is published as 1, revised as 3; the eleventh is 2. */
async function publishedWorld(t: TestContext): Promise<OperatorWorld> {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", [
    ...capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5),
    ...capturesOf("198.51.100.7", "2026-11-10T02:00:00Z", 2),
    ...capturesOf("203.0.113.9", "2026-11-11T02:00:00Z", 3),
  ]);
  await world.publish(day(12, 7), { partner: "twcert", feed: "spam-sources" });
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-10T05:00:00Z", 4));
  const made = await world.publish(day(13, 8), { partner: "twcert", feed: "spam-sources" });
  assert.deepEqual(
    made.map(({ sequence, period, revision }) => [sequence, period.id, revision]),
    [
      [3, "2026-11-10", 1],
      [4, "2026-11-12", 0],
    ],
  );
  return world;
}

async function verified(store: Store, now: number) {
  const report = await verify(store, { trust: readTrust((await publishedJwks(store)) ?? ""), now, deep: true });
  assert.deepEqual([...report.problems, ...report.feeds.flatMap((feed) => feed.problems)], []);
  return report;
}

const artifactsIn = async (store: Store, partner = "twcert") =>
  [...(await contentsOf(store, `${feedPrefix(partner, "spam-sources")}/artifacts/`)).keys()].map((key) =>
    key.replace(/.*artifacts\/[0-9a-f]{16}-/, ""),
  );

async function stixOf(store: Store, { partner, feed, artifacts }: Manifest) {
  const objects: { id: string; type: string; modified?: string; revoked?: boolean }[] = [];
  for (const artifact of artifacts.filter((entry) => entry.objects !== undefined)) {
    const bytes = await store.get(`${feedPrefix(partner, feed)}/${artifactKey(artifact)}`);
    assert.ok(bytes);
    objects.push(...JSON.parse(gunzipSync(bytes).toString()).objects);
  }
  return objects;
}

test("a withdrawal names every publication of the period, and only their artifacts are deleted", async (t) => {
  const world = await publishedWorld(t);
  const { outcome, manifest, deleted, bytes } = await withdraw(world.publishWorld(day(14)), tenth);
  assert.deepEqual([outcome, deleted, bytes > 0], ["withdrawn", 4, true]);
  assert.deepEqual(manifest.withdraws, { sequences: [1, 3], reason, revoked: false });
  assert.deepEqual(
    [manifest.sequence, manifest.kind, manifest.period.id, manifest.revision, manifest.supersedes],
    [5, "withdrawal", "2026-11-10", 2, 3],
  );
  assert.deepEqual(manifest.artifacts, []);
  assert.deepEqual(
    (await artifactsIn(world.store)).filter((name) => name.includes("2026-11-10")),
    [],
  );
  const report = await verified(world.store, day(14));
  assert.deepEqual(report.feeds[0]?.states.withdrawn, 4);
  assert.equal(report.feeds[0]?.states.missing, 0);
});

test("the period stays closed, whatever comes in, until it is published again", async (t) => {
  const world = await publishedWorld(t);
  await withdraw(world.publishWorld(day(14)), { ...tenth, sequence: 3 });
  await world.ingest("pot-3", capturesOf("203.0.113.10", "2026-11-10T09:00:00Z", 2));
  const selected = { partner: "twcert", feed: "spam-sources", period: "2026-11-10" };
  assert.deepEqual(await world.publish(day(16), selected), []);
  const [again] = await world.publish(day(16), { ...selected, again: true });
  assert.deepEqual([again?.revision, again?.input.again, again?.counts.rows], [3, 1, 3]);
  assert.deepEqual(await world.publish(day(16), { ...selected, again: true }), []);
  await world.publish(day(16), { partner: "twcert", feed: "spam-sources" });
  await verified(world.store, day(16));
});

test("what stands after a withdrawal keeps its files, also those that it shares with what was withdrawn", async (t) => {
  const world = await publishedWorld(t);
  await withdraw(world.publishWorld(day(14)), tenth);
  const selected = { partner: "twcert", feed: "spam-sources", period: "2026-11-10", again: true };
  const [again] = await world.publish(day(14), selected);
  const before = await contentsOf(world.store);
  // The CSV has the withdrawn one's bytes; the same call once more must not take it.
  const { outcome, manifest, deleted } = await withdraw(world.publishWorld(day(15)), tenth);
  assert.deepEqual([outcome, manifest.sequence, deleted], ["already", 5, 0]);
  assert.deepEqual(await contentsOf(world.store), before);
  await verified(world.store, day(15));
  const later = await withdraw(world.publishWorld(day(15)), { ...tenth, sequence: again?.sequence ?? 0 });
  assert.deepEqual(later.manifest.withdraws?.sequences, [1, 3, 6]);
  assert.equal(later.deleted, 2);
  await verified(world.store, day(15));
});

test("a period that is no longer open is found by going back", async (t) => {
  const world = await publishedWorld(t);
  const short = { partners: withFeed(world.partners, "spam-sources", () => ({ reviseFor: 2 * dayMs })) };
  await world.publish(day(15, 7), { partner: "twcert", feed: "spam-sources" }, short);
  const { manifest } = await withdraw(world.publishWorld(day(15, 7), short), tenth);
  assert.deepEqual(manifest.withdraws?.sequences, [1, 3]);
  assert.equal(manifest.period.id, "2026-11-10");
  await verified(world.store, day(15, 7));
});

test("--revoke publishes every indicator of the period once more, as revoked, later than any version of it", async (t) => {
  const world = await publishedWorld(t);
  const published = (await world.publish(day(13, 9), { partner: "ncc", feed: "spam-sources" }))[0];
  assert.ok(published);
  const own = world.store;
  const before = await stixOf(own, published);
  const request = { ...tenth, partner: "ncc", sequence: published.sequence, revoke: true };
  const { manifest } = await withdraw(world.publishWorld(day(14)), request);
  const revoked = (await stixOf(own, manifest)).filter(({ type }) => type === "indicator");
  const known = before.filter(({ type }) => type === "indicator");
  assert.deepEqual(revoked.map(({ id }) => id).sort(), known.map(({ id }) => id).sort());
  assert.ok(known.length === 2 && revoked.every((object) => object.revoked === true));
  for (const { id, modified } of revoked) {
    assert.ok((modified ?? "") > (known.find((object) => object.id === id)?.modified ?? "~"));
  }
  assert.deepEqual([manifest.withdraws?.revoked, manifest.input.revokes], [true, 1]);
  await verified(own, day(14));
});

test("a part that a store once says it doesn't hold is asked for again before anything is revoked without it", async (t) => {
  const world = await publishedWorld(t);
  const healthy = world.publishWorld(day(14));
  let denied = 0;
  const ill: Store = {
    ...world.store,
    async open(key, ...rest) {
      if (!key.endsWith(".stix.json.gz") || denied > 0) return world.store.open(key, ...rest);
      denied += 1;
      return undefined;
    },
    under: (prefix) => confine(ill, prefix),
  };
  const { manifest } = await withdraw({ ...healthy, store: ill }, { ...tenth, revoke: true });
  assert.deepEqual([denied, manifest.withdraws?.revoked, manifest.input.revokes], [1, true, 1]);
  await verified(world.store, day(14));
});

test("all versions of a period are revoked; partners with the same parts share bytes and record; ids are new after", async (t) => {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5));
  await world.publish(day(11, 7), { feed: "spam-sources" });
  const poisoned = await world.ingest("pot-2", capturesOf("203.0.113.66", "2026-11-10T05:00:00Z", 4));
  const [second] = await world.publish(day(12, 8), { feed: "spam-sources", period: "2026-11-10" });
  await world.lake.exclude({ v: 1, batch: poisoned.batch, reason: "made up", excluded_at: day(12) });
  const [third] = await world.publish(day(13, 9), { feed: "spam-sources", period: "2026-11-10" });
  assert.ok(second && third);
  // 203.0.113.66 stands only in the second version.
  const versions = [...(await stixOf(world.store, second)), ...(await stixOf(world.store, third))];
  const known = new Set(versions.filter(({ type }) => type === "indicator").map(({ id }) => id));
  assert.equal(known.size, 2);
  const withdrawn: Manifest[] = [];
  for (const partner of ["twcert", "ncc"]) {
    const request = { ...tenth, partner, revoke: true };
    withdrawn.push((await withdraw(world.publishWorld(day(14)), request)).manifest);
  }
  const [first, other] = withdrawn;
  assert.ok(first && other);
  assert.deepEqual(first.artifacts, other.artifacts);
  const revoked = (await stixOf(world.store, first)).filter(({ type }) => type === "indicator");
  assert.deepEqual(new Set(revoked.map(({ id }) => id)), known);
  const newest =
    versions
      .map(({ modified }) => modified ?? "")
      .sort()
      .at(-1) ?? "~";
  assert.ok(revoked.every(({ modified }) => (modified ?? "") > newest));
  const records = await readSliceRecords(world.store, {
    feed: "spam-sources",
    policyDigest: first.policy.digest,
    period: "2026-11-10",
  });
  assert.equal(records.revokes, 1);
  const [again] = await world.publish(day(14), { feed: "spam-sources", period: "2026-11-10", again: true });
  assert.ok(again);
  const fresh = (await stixOf(world.store, again)).filter(({ type }) => type === "indicator");
  assert.equal(fresh.length, 1);
  assert.ok(fresh.every(({ id }) => !known.has(id)));
  await world.publish(day(14), { feed: "spam-sources" });
  await verified(world.store, day(14));
});

test("what is published anew after a withdrawal can be revoked, though the files before it are gone", async (t) => {
  const world = await publishedWorld(t);
  await withdraw(world.publishWorld(day(14)), tenth);
  const selected = { partner: "twcert", feed: "spam-sources", period: "2026-11-10", again: true };
  const [again] = await world.publish(day(14), selected);
  assert.ok(again);
  const { manifest } = await withdraw(world.publishWorld(day(14)), {
    ...tenth,
    sequence: again.sequence,
    revoke: true,
  });
  const revoked = (await stixOf(world.store, manifest)).filter((object) => object.revoked === true);
  assert.equal(revoked.length, 2);
  await verified(world.store, day(14));
});

test("without indicators there is nothing to revoke, and no record", async (t) => {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5));
  const [published] = await world.publish(day(11, 7), { partner: "twcert", feed: "summary" });
  assert.ok(published);
  const request = { ...tenth, feed: "summary", sequence: published.sequence, revoke: true };
  const { manifest } = await withdraw(world.publishWorld(day(14)), request);
  assert.deepEqual([manifest.artifacts.length, manifest.withdraws?.revoked, manifest.input.revokes], [0, true, 0]);
  assert.equal((await withdraw(world.publishWorld(day(14)), request)).outcome, "already");
});

for (const revoke of [false, true]) {
  test(`killed before or after any change and run again, it gives the same${revoke ? ", with --revoke" : ""}`, async (t) => {
    const world = await publishedWorld(t);
    const request = { ...tenth, revoke };
    const run = (store: Store) => {
      // What was published to one copy says nothing of another.
      const marks = openDiskStore(join(world.root, basename(store.url)));
      return withdraw(world.publishWorld(day(14), { store, marks }), request);
    };
    const undisturbed = await copyOfStore(t, world);
    await run(undisturbed);
    const expected = await contentsOf(undisturbed);
    for (const after of [false, true]) {
      let [changes, killed] = [0, true];
      for (; killed; changes += 1) {
        const store = await copyOfStore(t, world);
        killed = await run(killedStore(store, changes, after)).then(
          () => false,
          (error) => error instanceof Killed || Promise.reject(error),
        );
        await run(store);
        assert.deepEqual(
          await contentsOf(store),
          expected,
          `killed ${after ? "after" : "before"} change ${changes + 1}`,
        );
      }
      assert.ok(changes > (revoke ? 6 : 4));
    }
  });
}

test("a withdrawal is noted: a store that lost it isn't published to", async (t) => {
  const world = await publishedWorld(t);
  const { manifest } = await withdraw(world.publishWorld(day(14)), tenth);
  await world.store.delete(`${feedPrefix("twcert", "spam-sources")}/${logKey(manifest.sequence)}`);
  const behind = (error: unknown) => isError(error, "log-behind");
  await assert.rejects(world.publish(day(15), { partner: "twcert", feed: "spam-sources" }), behind);
  await assert.rejects(withdraw(world.publishWorld(day(15)), tenth), behind);
});

/** The store, whose service says once, or always, that a publication isn't there. */
function forgetting(store: Store, key: string, times: number): Store {
  let left = times;
  return {
    ...store,
    under: (prefix) => confine(forgetting(store, key, times), prefix),
    async open(asked, ...rest) {
      if (asked === key && left > 0) {
        left -= 1;
        return undefined;
      }
      return store.open(asked, ...rest);
    },
  };
}

for (const sequence of [1, 3]) {
  test(`a withdrawal doesn't make a history shorter by publication ${sequence}, which a service denies to have`, async (t) => {
    const world = await publishedWorld(t);
    const key = `${feedPrefix("twcert", "spam-sources")}/${logKey(sequence)}`;
    const asked = (times: number) => ({ ...world.publishWorld(day(14)), store: forgetting(world.store, key, times) });
    await assert.rejects(withdraw(asked(Number.POSITIVE_INFINITY), tenth), (error) => isError(error, "log-behind"));
    const { manifest } = await withdraw(asked(1), tenth);
    assert.deepEqual(manifest.withdraws?.sequences, [1, 3]);
    await verified(world.store, day(15));
  });
}

/** The store, whose listing of records of slices is empty, once or always. */
function unlisting(store: Store, times: { left: number }): Store {
  return {
    ...store,
    under: (prefix) => confine(unlisting(store, times), prefix),
    async *list(prefix, ...rest) {
      if (prefix.startsWith("slices/") && times.left > 0) times.left -= 1;
      else yield* store.list(prefix, ...rest);
    },
  };
}

test("no content is made by fewer records than a publication counted, whatever a listing lacks", async (t) => {
  const world = await publishedWorld(t);
  const asked = (now: number, left: number) => ({
    ...world.publishWorld(now),
    store: unlisting(world.store, { left }),
  });
  const { manifest: withdrawal } = await withdraw(world.publishWorld(day(14)), { ...tenth, revoke: true });
  assert.equal(withdrawal.input.revokes, 1);
  const selected = { partner: "twcert", feed: "spam-sources", period: "2026-11-10", again: true };
  const refused = await publish(asked(day(14, 9), Number.POSITIVE_INFINITY), selected);
  assert.deepEqual(
    [refused.published, refused.failures.map(({ error }) => isError(error, "log-behind"))],
    [[], [true]],
  );
  const { published, failures } = await publish(asked(day(14, 9), 1), selected);
  assert.deepEqual(failures, []);
  assert.deepEqual(
    published.map(({ manifest }) => [manifest.input.again, manifest.input.revokes]),
    [[1, 1]],
  );
  const late = { ...tenth, sequence: published[0]?.manifest.sequence ?? 0 };
  for (const revoke of [true, false]) {
    const blind = withdraw(asked(day(15), Number.POSITIVE_INFINITY), { ...late, revoke });
    await assert.rejects(blind, (error) => isError(error, "log-behind"));
  }
  await verified(world.store, day(15));
});

test("two at once: one log, one withdrawal, both are told", async (t) => {
  const world = await publishedWorld(t);
  const clocks = [day(14), day(14, 1)];
  const outcomes = await Promise.all(clocks.map((now) => withdraw(world.publishWorld(now), tenth)));
  assert.deepEqual(outcomes.map(({ outcome }) => outcome).sort(), ["already", "withdrawn"]);
  assert.deepEqual(new Set(outcomes.map(({ manifest }) => manifest.sequence)), new Set([5]));
  await verified(world.store, day(15));
});

test("a publisher that is first is no obstacle", async (t) => {
  const world = await publishedWorld(t);
  const selected = { partner: "twcert", feed: "spam-sources" };
  const [{ manifest }] = await Promise.all([
    withdraw(world.publishWorld(day(14, 7)), tenth),
    world.publish(day(14, 7), selected),
  ]);
  assert.equal(manifest.kind, "withdrawal");
  await world.publish(day(14, 7), selected);
  await verified(world.store, day(14, 8));
});

test("what a partner got that is gone, or whose MoU is over, can be withdrawn; nothing more is promised", async (t) => {
  const world = await publishedWorld(t);
  const over = partnersOf(
    `partners:
  - id: twcert
    name: twcert
    economies: [TW]
    mou: { reference: M-new, signed: 2026-01-01, expires: 2026-11-12, purposes: [test], onward: none, retention_days: 9 }
    tlp_ceiling: AMBER+STRICT
    contacts: [{ name: Placeholder, email: feeds@twcert.example }]
    subscriptions: [{ feed: spam-sources, every: day, formats: [csv], tlp: AMBER+STRICT }]
`,
    world.feeds,
  );
  for (const [partners, sequence] of [
    [[], 1],
    [over, 2],
  ] as const) {
    const { manifest } = await withdraw(world.publishWorld(day(14), { partners }), { ...tenth, sequence });
    assert.equal(manifest.next_by, null);
    assert.deepEqual(manifest.mou, {
      reference: "M-twcert",
      purposes: ["test"],
      onward: "constituents",
      retention_days: 365,
    });
    assert.equal(manifest.tlp, "AMBER");
    await verified(world.store, Date.UTC(2027, 5, 1));
  }
});

test("what isn't there, or is withdrawn in other words, is refused with the next step", async (t) => {
  const world = await publishedWorld(t);
  const refused = (more: Partial<typeof tenth>, code: Parameters<typeof isError>[1]) =>
    assert.rejects(withdraw(world.publishWorld(day(14)), { ...tenth, ...more }), (error) => {
      assert.ok(isError(error, code) && error.hint !== undefined, String(error));
      return true;
    });
  const before = await contentsOf(world.store);
  await refused({ partner: "nobody" }, "not-found");
  await refused({ feed: "spam-urls" }, "not-found");
  await refused({ sequence: 5 }, "not-found");
  await refused({ sequence: 0 }, "not-found");
  await refused({ reason: " " }, "bad-argument");
  await refused({ partner: "../twcert" }, "bad-argument");
  await world.store.delete([...before.keys()].find((key) => key.includes("2026-11-10_tlp-amber_part-0001")) ?? "");
  await refused({ revoke: true, sequence: 1 }, "not-found");
  await withdraw(world.publishWorld(day(14)), tenth);
  await refused({ sequence: 5 }, "not-found");
  await refused({ reason: "Another." }, "already-exists");
  await refused({ revoke: true }, "already-exists");
});

/** How logs and lanes stand: the pure function, what is read for it, and that this doesn't grow with the log. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { noteAttempt, noteDelivered } from "../../../src/delivery/push/progress.ts";
import { type LogFacts, mouDaysLeft, overdueGrace, statusOf } from "../../../src/delivery/watch/status.ts";
import { newestTaken, noLake, readFacts } from "../../../src/delivery/watch/status-read.ts";
import { SpampotsError } from "../../../src/errors.ts";
import { periodAt } from "../../../src/feed/period.ts";
import { dayMs, hourMs } from "../../../src/model.ts";
import { sequenceName } from "../../../src/publication/log.ts";
import { selectedLogs } from "../../../src/publication/plan.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import type { Store } from "../../../src/store/store.ts";
import { partnersOf, projectFeeds } from "../../pipeline.ts";
import { aManifest, finder, newIssuer, publish, testNow } from "../../publication/issuer.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

const feeds = await projectFeeds();
const hook = { kind: "webhook", url: "https://hooks.partner.example/in" };

/** Facts of a weekly log of `twcert`, whose newest week ended this Monday. */
function factsOf(more: Partial<LogFacts> = {}, mou: object = {}): LogFacts {
  const [partner] = partnersOf(feeds, [
    {
      id: "twcert",
      economies: ["TW"],
      subscriptions: [{ feed: "spam-sources", every: "week", formats: ["csv"], deliveries: [hook] }],
      mou,
    },
  ]);
  const subscription = partner?.subscriptions[0];
  assert.ok(partner && subscription);
  return { partner, subscription, tip: aManifest({}), due: [], lanes: [], late: 0, ...more };
}

const week = periodAt("week", testNow);
const kinds = (facts: LogFacts, now: number) => statusOf(facts, now).wrong.map(({ kind }) => kind);

test("the next week is due when it is over and lag has passed, and overdue an hour after that", () => {
  const facts = factsOf();
  const dueAt = week.end + facts.subscription.feed.lag;
  assert.equal(statusOf(facts, testNow).nextDue, dueAt);
  assert.equal(statusOf(facts, dueAt - 1).dueSince, undefined);
  assert.equal(statusOf(facts, dueAt).dueSince, dueAt);
  assert.deepEqual(kinds(facts, dueAt + overdueGrace), []);
  assert.deepEqual(kinds(facts, dueAt + overdueGrace + 1), ["overdue"]);
});

test("an older period that is missing is due since then; one that is only to be revised isn't overdue", () => {
  const missing = periodAt("week", testNow - 21 * dayMs);
  const revised = { period: missing, previous: { period: missing.id } as never }; // only its being there counts
  assert.equal(statusOf(factsOf({ due: [revised] }), testNow).dueSince, undefined);
  const facts = factsOf({ due: [revised, { period: missing }] });
  assert.equal(statusOf(facts, testNow).dueSince, missing.end + facts.subscription.feed.lag);
  const { tip: _, ...unpublished } = facts;
  assert.equal(statusOf(unpublished, testNow).nextDue, missing.end + facts.subscription.feed.lag);
  assert.equal(statusOf({ ...unpublished, due: [] }, testNow + 3000 * dayMs).dueSince, undefined);
});

test("what the feed doesn't keep any more isn't due", () => {
  const facts = factsOf({}, { expires: "2036-12-31" });
  const now = testNow + 2 * facts.subscription.feed.retain;
  assert.ok((statusOf(facts, now).dueSince ?? 0) > now - facts.subscription.feed.retain - 8 * dayMs);
});

test("nothing is due, and nothing overdue, while the MoU isn't in force", () => {
  const later = testNow + 30 * dayMs;
  assert.deepEqual(kinds(factsOf({}, { suspended: true }), later), ["mou-suspended"]);
  assert.equal(statusOf(factsOf({}, { suspended: true }), later).nextDue, undefined);
  // Suspended since the lake was asked.
  assert.equal(statusOf(factsOf({ due: [{ period: week }] }, { suspended: true }), later).dueSince, undefined);
  assert.deepEqual(kinds(factsOf({}, { expires: "2026-11-20" }), later), ["mou-not-in-force"]);
  assert.deepEqual(kinds(factsOf({}, { signed: "2026-12-31" }), testNow), ["mou-not-in-force"]);
});

test("an MoU's days: 0 on its last day, told from 60 on", () => {
  const facts = factsOf({}, { expires: "2027-01-31" });
  const last = Date.UTC(2027, 0, 31);
  assert.equal(mouDaysLeft(facts.partner, last), 0);
  assert.equal(mouDaysLeft(facts.partner, last + dayMs - 1), 0);
  assert.equal(mouDaysLeft(facts.partner, last + dayMs), -1);
  assert.equal(mouDaysLeft(facts.partner, last - 1), 1);
  const at = (days: number) => statusOf(factsOf({ due: [] }, { expires: "2027-01-31" }), last - days * dayMs).wrong;
  assert.ok(at(60).some((trouble) => trouble.kind === "mou-expires" && trouble.days === 60));
  assert.ok(!at(61).some(({ kind }) => kind === "mou-expires"));
});

test("a destination is behind by what it lacks, and that is as old as its oldest; it is wrong where it failed", () => {
  const lane = { destination: "webhook", to: "https://hooks.partner.example/in", delivered: 3, waitingSince: testNow };
  const tip = aManifest({ sequence: 5, previous_sha256: "0".repeat(64) });
  const [found] = statusOf(factsOf({ tip, lanes: [lane] }), testNow + hourMs).lanes;
  assert.deepEqual([found?.behind, found?.age], [2, hourMs]);
  assert.deepEqual(kinds(factsOf({ tip, lanes: [lane] }), testNow), []);
  const failing = { since: testNow - 5, code: "delivery-refused", reason: "HTTP 403" };
  assert.deepEqual(statusOf(factsOf({ tip, lanes: [{ ...lane, failing }] }), testNow).wrong, [
    { kind: "delivery-failing", destination: "webhook", ...failing, behind: 2 },
  ]);
  // A note that outlived its delivery.
  assert.deepEqual(kinds(factsOf({ tip, lanes: [{ ...lane, delivered: 5, failing }] }), testNow), []);
});

test("a withdrawn newest period has no rows; late batches and a stopped log show, the worst first", () => {
  const { rows } = statusOf(factsOf({ newest: aManifest({}) }), testNow);
  assert.equal(rows, 2);
  const withdrawn = aManifest({ kind: "withdrawal", counts: {} });
  assert.equal(statusOf(factsOf({ newest: withdrawn }), testNow).rows, undefined);
  assert.deepEqual(kinds(factsOf({ late: 2, stopped: { code: "log-behind" } }), testNow), [
    "log-stopped",
    "late-captures",
  ]);
});

test("the newest receipt is found by names, whatever receipts there are", async (t) => {
  const root = await temporaryFolder(t);
  let n = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 12 }),
      fc.nat(30),
      async (sequences, more) => {
        n += 1;
        const store = openDiskStore(join(root, String(n)));
        for (const sequence of sequences) {
          const day = String(1 + (sequence % 28)).padStart(2, "0");
          await store.putOnce(
            `receipts/a/f/${sequenceName(sequence)}-202611${day}T060000Z-0123456789abcdef.jsonl`,
            new Uint8Array(),
          );
        }
        const greatest = Math.max(0, ...sequences);
        const found = await newestTaken(store, "a", "f", greatest + more);
        assert.equal(found?.sequence, greatest === 0 ? undefined : greatest);
        if (found) assert.equal(found.at, Date.UTC(2026, 10, 1 + (greatest % 28), 6));
      },
    ),
    { numRuns: 60 },
  );
});

/** The store, and how often it was asked. */
function counted(store: Store): { readonly store: Store; asked: number } {
  const counter = { asked: 0, store };
  const wrap = (inner: Store): Store =>
    new Proxy(inner, {
      get(target, name: keyof Store) {
        const member = target[name];
        if (typeof member !== "function") return member;
        return (...args: never[]) => {
          if (name === "under") return wrap(target.under(...(args as unknown as [string]))); // as it is called
          counter.asked += 1;
          return (member as (...given: never[]) => unknown).apply(target, args); // whichever it is
        };
      },
    });
  counter.store = wrap(store);
  return counter;
}

test("a partner who took nothing for long costs a few looks", async (t) => {
  const store = openDiskStore(await temporaryFolder(t));
  for (let sequence = 1; sequence <= 300; sequence += 1)
    await store.putOnce(`receipts/a/f/${sequenceName(sequence)}-20261101T060000Z-0.jsonl`, new Uint8Array());
  const counter = counted(store);
  assert.equal((await newestTaken(counter.store, "a", "f", 900))?.sequence, 300);
  assert.ok(counter.asked <= 20, String(counter.asked));
});

test("what is read of a log doesn't grow with it, and says how destinations stand", async (t) => {
  const { partner } = factsOf();
  const readings: number[] = [];
  for (const length of [3, 24]) {
    const issuer = await newIssuer(t);
    const { store, keyring } = issuer;
    for (let n = length; n > 0; n -= 1)
      await publish(issuer, { weeksAgo: n - 1, files: [], now: testNow - n * hourMs });
    const marks = openDiskStore(join(issuer.root, "../tips"));
    const lane = { partner: "twcert", feed: "spam-sources", destination: "webhook" };
    const receipt = (sequence: number) => ({
      at: "2026-11-16T05:00:00Z",
      feed: "spam-sources",
      sequence,
      sha256: "0".repeat(64),
      how: "push-webhook" as const,
      destination: "webhook",
      to: "https://hooks.partner.example/in",
    });
    for (let n = 1; n < length; n += 1) await noteDelivered(store, lane, n, [receipt(n)]);
    const error = new SpampotsError("delivery-failed", "It failed.", { reason: "HTTP 500" });
    await noteAttempt(store, lane, length - 1, { error, now: testNow - 9 * hourMs });
    await noteAttempt(store, lane, length, { error, now: testNow - hourMs });
    const counter = counted(store);
    const world = { store: counter.store, marks, keyOf: finder(keyring), lake: noLake, now: testNow };
    const [facts] = await readFacts(world, selectedLogs([partner]));
    readings.push(counter.asked);
    assert.ok(facts);
    const status = statusOf(facts, testNow);
    assert.deepEqual([status.sequence, status.rows, status.period?.id], [length, 2, "2026-W46"]);
    assert.deepEqual(status.taken, { sequence: length - 1, at: Date.UTC(2026, 10, 16, 5), how: "webhook" });
    assert.deepEqual(status.lanes, [
      {
        destination: "webhook",
        to: "https://hooks.partner.example/in",
        delivered: length - 1,
        deliveredAt: Date.UTC(2026, 10, 16, 5),
        waitingSince: testNow - hourMs,
        failing: { since: testNow - hourMs, code: "delivery-failed", reason: "HTTP 500" },
        behind: 1,
        age: hourMs,
      },
    ]);
  }
  assert.equal(readings[0], readings[1]);
});

test("a log that can't be read is a fact of its own", async (t) => {
  const issuer = await newIssuer(t);
  const { partner } = factsOf();
  await publish(issuer, { weeksAgo: 1 });
  await publish(issuer, {});
  await issuer.store.delete("partners/twcert/spam-sources/log/00000001.jws");
  const marks = openDiskStore(join(issuer.root, "../tips"));
  const world = { store: issuer.store, marks, keyOf: finder(issuer.keyring), lake: noLake, now: testNow };
  const [facts] = await readFacts(world, selectedLogs([partner]));
  assert.deepEqual(facts?.stopped, { code: "log-behind" });
});

test("a damaged note or receipt of one destination hides nothing else: it still fails, and others show", async (t) => {
  const issuer = await newIssuer(t);
  const { store } = issuer;
  const { partner } = factsOf();
  for (const weeksAgo of [1, 0]) await publish(issuer, { weeksAgo });
  for (const text of ["torn", "{}\n"]) {
    const receipt = "receipts/twcert/spam-sources/00000001-to-webhook.jsonl";
    const note = "attempts/twcert/spam-sources/webhook/00000002-delivery-refused.json";
    for (const key of [receipt, note]) {
      await store.delete(key);
      await store.putOnce(key, Buffer.from(text));
    }
    const noted = (await store.stat(note))?.modifiedAt ?? 0;
    const marks = openDiskStore(join(issuer.root, "../tips"));
    const world = { store, marks, keyOf: finder(issuer.keyring), lake: noLake, now: testNow };
    const [facts] = await readFacts(world, selectedLogs([partner], {}));
    const [lane] = facts?.lanes ?? [];
    assert.deepEqual([lane?.delivered, lane?.deliveredAt, lane?.failing?.code], [1, undefined, "delivery-refused"]);
    assert.equal(lane?.failing?.since, Math.floor(noted / 1000) * 1000);
    assert.equal(facts?.taken, undefined);
  }
});

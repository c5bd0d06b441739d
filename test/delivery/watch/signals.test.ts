/** Signals of a runner over a real store: readiness, and what it knows of what other runners do. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Registry } from "prom-client";
import { noteAttempt, noteDelivered } from "../../../src/delivery/push/progress.ts";
import type { Tick } from "../../../src/delivery/runner.ts";
import type { AlertMessage } from "../../../src/delivery/watch/alert-book.ts";
import { Signals } from "../../../src/delivery/watch/signals.ts";
import { SpampotsError } from "../../../src/errors.ts";
import type { Partner } from "../../../src/feed/partners.ts";
import { periodAt, secondsInstant } from "../../../src/feed/period.ts";
import { openLog } from "../../../src/log.ts";
import { dayMs, hourMs } from "../../../src/model.ts";
import type { PublishOutcome } from "../../../src/publication/publish.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import { partnersOf, projectFeeds } from "../../pipeline.ts";
import { finder, newIssuer, publish, testNow } from "../../publication/issuer.ts";

const feeds = await projectFeeds();
const [partner] = partnersOf(feeds, [
  {
    id: "twcert",
    economies: ["TW"],
    subscriptions: [
      {
        feed: "spam-sources",
        every: "week",
        formats: ["csv"],
        deliveries: [{ kind: "webhook", url: "https://hooks.partner.example/in" }],
      },
    ],
  },
]);
assert.ok(partner);
const lane = { partner: "twcert", feed: "spam-sources", destination: "webhook" };
const nextDue = periodAt("week", testNow).end + (partner.subscriptions[0]?.feed.lag ?? 0);

async function openSignals(t: Pick<TestContext, "after">) {
  const issuer = await newIssuer(t);
  const registry = new Registry();
  const told: AlertMessage[] = [];
  const clock = { now: testNow };
  const signals = new Signals({
    store: issuer.store,
    marks: openDiskStore(join(issuer.root, "../tips")),
    keyOf: finder(issuer.keyring),
    tell: async (message) => void told.push(message),
    registry,
    readyLagHours: 24,
    clock: () => clock.now,
    log: openLog("silent"),
  });
  const tick = async (
    now: number,
    more: Partial<PublishOutcome> = {},
    partners: readonly Partner[] = [partner as Partner],
  ) => {
    // it is there
    clock.now = now;
    const outcome = { published: [], failures: [], contested: 0, ...more } as PublishOutcome; // what else there is isn't looked at
    signals.ticked({ began: now - 1500, partners, outcome } satisfies Tick);
    await signals.idle();
  };
  const value = async (name: string, labels = 'partner="twcert",feed="spam-sources"') => {
    const line = (await registry.metrics())
      .split("\n")
      .find((one) => one.startsWith(`${name}${labels && `{${labels}}`} `));
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  };
  const states = () => told.map(({ alert, state }) => `${alert} ${state}`);
  return { issuer, signals, told, states, clock, tick, value };
}

test("a runner isn't ready once something has been due for too long, or nothing was looked at, until another publishes it", async (t) => {
  const { issuer, signals, clock, tick, value, states } = await openSignals(t);
  assert.ok(signals.ready());
  await publish(issuer, {});
  await tick(testNow);
  assert.deepEqual([signals.ready(), await value("spampots_lag_seconds")], [true, 0]);
  assert.equal(await value("spampots_tick_duration_seconds", ""), 1.5);
  clock.now = testNow + 24 * hourMs + 1;
  assert.ok(!signals.ready(), "nothing was looked at for a day");
  await tick(nextDue + 24 * hourMs);
  assert.deepEqual([signals.ready(), await value("spampots_lag_seconds")], [true, 86_400]);
  assert.deepEqual(states(), ["overdue firing"]);
  await tick(nextDue + 24 * hourMs + 1);
  assert.ok(!signals.ready());
  // Of the week after: another runner's.
  const week = periodAt("week", testNow);
  const [start, end] = [secondsInstant(week.start), secondsInstant(week.end)];
  const of = { period: { every: "week" as const, id: week.id, start, end }, covers: { from: start, to: end } };
  await publish(issuer, {
    now: clock.now,
    more: { ...of, revision: 0, supersedes: null, published_periods: [[start, end]] },
  });
  await tick(nextDue + 25 * hourMs);
  assert.deepEqual([signals.ready(), await value("spampots_lag_seconds")], [true, 0]);
  assert.equal(await value("spampots_newest_period_end_timestamp_seconds"), week.end / 1000);
  assert.deepEqual(states(), ["overdue firing", "overdue recovered"]);
});

test("a runner isn't ready either where nothing was ever published in a log that is stopped", async (t) => {
  const { signals, tick, value, states } = await openSignals(t);
  const error = new SpampotsError("unknown-sensor", "It isn't known.");
  const failures = [{ partner: "twcert", feed: "spam-sources", period: "2026-W45", error }];
  const due = Date.parse("2026-11-09T06:00:00Z");
  await tick(due + 2 * hourMs, { failures });
  assert.deepEqual([signals.ready(), await value("spampots_lag_seconds")], [true, 7200]);
  await tick(due + 25 * hourMs, { failures });
  assert.ok(!signals.ready());
  assert.deepEqual(states().sort(), ["overdue firing", "publishing-stopped firing"]);
});

test("how long a destination has failed is known to a runner that was only now started, and what others delivered", async (t) => {
  const { issuer, tick, value, states, told, signals } = await openSignals(t);
  await publish(issuer, { weeksAgo: 1, now: testNow - 3 * hourMs });
  await publish(issuer, { now: testNow - 2 * hourMs });
  const error = new SpampotsError("delivery-failed", "It failed.", { reason: "a\u202eb" });
  await noteAttempt(issuer.store, lane, 1, { error, now: testNow - 90 * 60_000 });
  const refused = new SpampotsError("delivery-refused", "It refused.");
  await noteAttempt(issuer.store, lane, 1, { error: refused, now: testNow - hourMs });
  const labels = 'partner="twcert",feed="spam-sources",destination="webhook"';
  await tick(testNow);
  assert.deepEqual(states(), ["delivery-failing firing"]);
  assert.deepEqual([told[0]?.since, told[0]?.code], ["2026-11-16T04:30:00Z", "delivery-refused"]);
  assert.equal(await value("spampots_delivery_behind", labels), 2);
  assert.equal(await value("spampots_delivery_age_seconds", labels), 3 * 3600);
  signals.deliveryFailed(lane, error);
  assert.equal(await value("spampots_delivery_failures_total", `${labels},code="delivery-failed"`), 1);
  const receipt = {
    at: "2026-11-16T06:00:00Z",
    feed: lane.feed,
    sequence: 1,
    sha256: "0".repeat(64),
    how: "push-webhook" as const,
    destination: "webhook",
    to: "https://hooks.partner.example/in",
  };
  await noteDelivered(issuer.store, lane, 1, [receipt]);
  await noteDelivered(issuer.store, lane, 2, [{ ...receipt, sequence: 2 }]);
  await tick(testNow + 60_000);
  assert.equal(await value("spampots_delivery_behind", labels), 0);
  assert.equal(await value("spampots_delivery_age_seconds", labels), 0);
  assert.deepEqual(states(), ["delivery-failing firing", "delivery-failing recovered"]);
});

test("a log that is stopped, a tick that fails, a store that is away: counted, told when it lasts, and over", async (t) => {
  const { issuer, signals, clock, tick, value, states } = await openSignals(t);
  await publish(issuer, {});
  const away = new SpampotsError("store-unavailable", "It is away.");
  const failures = [{ partner: "twcert", feed: "spam-sources", error: away }];
  await tick(testNow, { failures });
  await tick(testNow + hourMs - 1, { failures });
  assert.deepEqual(states(), []);
  await tick(testNow + hourMs, { failures });
  assert.deepEqual(states(), ["publishing-stopped firing"]);
  await tick(testNow + 2 * hourMs);
  await tick(testNow + 3 * hourMs, { failures });
  assert.deepEqual(states(), ["publishing-stopped firing", "publishing-stopped recovered"]);
  // Others are asked first, and then the store counts as away.
  await tick(testNow + 3 * hourMs + 60_000, { failures: [{ partner: "ncc", feed: "summary", error: away }] });
  await tick(testNow + 4 * hourMs, { failures });
  await tick(testNow + 4 * hourMs + 1);
  assert.deepEqual(states().slice(2), ["publishing-stopped firing", "publishing-stopped recovered"]);
  const failed = async (error: unknown, now: number) => {
    clock.now = now;
    signals.tickFailed(error);
    await signals.idle();
  };
  await failed(away, testNow + 4 * hourMs);
  await failed(new SpampotsError("store-denied", "It lets us not in."), testNow + 5 * hourMs);
  await failed(new SpampotsError("bad-configuration", "It is broken."), testNow + 5 * hourMs);
  await tick(testNow + 6 * hourMs);
  assert.deepEqual(states().slice(4), [
    "tick-failing firing",
    "tick-failing recovered",
    "configuration-broken firing",
    "configuration-broken recovered",
  ]);
  assert.equal(await value("spampots_store_unavailable_total", ""), 8);
  assert.equal(await value("spampots_ticks_total", 'outcome="failed"'), 3);
  assert.equal(await value("spampots_alerts_total", 'outcome="told"'), 8);
});

test("a partner whose MoU ends, or who is gone, is watched no more", async (t) => {
  const { tick, value } = await openSignals(t);
  const days = 'partner="twcert"';
  await tick(testNow);
  assert.equal(await value("spampots_mou_days_left", days), 410);
  await tick(testNow + 500 * dayMs);
  assert.equal(await value("spampots_mou_days_left", days), -90);
  await tick(testNow, {}, []);
  assert.equal(await value("spampots_mou_days_left", days), undefined);
});

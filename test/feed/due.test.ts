/** Due, over a fake lake and clock: every period exactly once and in order, and revisions as the feed allows. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Due, due, type LogState, type PublishedPeriod } from "../../src/feed/due.ts";
import { parseFeed } from "../../src/feed/feeds.ts";
import type { LakeState } from "../../src/feed/input-set.ts";
import { type Partner, parsePartners, type Subscription } from "../../src/feed/partners.ts";
import type { BatchRecord } from "../../src/lake/records.ts";
import { dayMs, hourMs } from "../../src/model.ts";

const root = join(import.meta.dirname, "..", "..");

function site(mou = "signed: 2025-01-01, expires: 2028-12-31"): { partner: Partner; subscription: Subscription } {
  const feed = parseFeed("spam-sources", "f", readFileSync(join(root, "feeds", "spam-sources.yaml"), "utf8")).value;
  assert.ok(feed);
  const text = `partners: [{ id: one, name: One, economies: [TW], mou: { reference: R, ${mou}, purposes: [p], onward: constituents, retention_days: 30 }, tlp_ceiling: AMBER, contacts: [{ name: N, email: a@b.example }], subscriptions: [{ feed: spam-sources, every: week, formats: [csv] }] }]`;
  const [partner] = parsePartners("p", text, new Map([[feed.id, feed]])).value ?? [];
  const [subscription] = partner?.subscriptions ?? [];
  assert.ok(partner && subscription);
  return { partner, subscription };
}

function batch(name: string, from: number, to: number, economy = "TW", generation = 1): BatchRecord {
  const hours: [number, number][] = [[from / hourMs, to / hourMs]];
  return {
    v: 1,
    batch: name.padEnd(64, "0"),
    generation,
    sensor: "s",
    sealed_at: to,
    simulated: false,
    first: from,
    last: to - 1,
    hours,
    captures: hours,
    requests: [],
    concerns: { source: { [economy]: hours }, target: {}, url: {} },
    counts: {},
    quarantined: {},
    made_with: "0".repeat(64),
    tables: [],
    files: [],
  };
}

const lakeOf = (batches: readonly BatchRecord[], excluded: readonly string[] = []): LakeState => ({
  batches,
  excluded: new Set(excluded),
  earliest: batches[0] === undefined ? undefined : Math.min(...batches.map((entry) => entry.first ?? 0)),
});

/** A log that takes what is due, as publishing does. */
class FakeLog {
  open: PublishedPeriod[] = [];
  closed: { from: number; to: number }[] = [];
  readonly order: string[] = [];

  take(entry: Due, now: number): void {
    const revision = entry.previous === undefined ? 0 : entry.previous.revision + 1;
    this.order.push(`${entry.period.id}${revision === 0 ? "" : `+${revision}`}`);
    this.open = this.open.filter((known) => known.period !== entry.period.id);
    this.open.push({
      period: entry.period.id,
      sequence: this.order.length,
      revision,
      inputDigest: entry.input.digest,
      publishedAt: now,
      state: "published",
    });
    this.closed.push({ from: entry.period.start, to: entry.period.end });
  }

  get state(): LogState {
    return { open: this.open, closed: this.closed };
  }
}

const monday = Date.parse("2026-11-09");

test("a week is due when its lag has passed, and not again", () => {
  const world = { ...site(), lake: lakeOf([batch("a", monday, monday + dayMs)]) };
  const log = new FakeLog();
  const at = (now: number) => due({ ...world, log: log.state, now });
  assert.deepEqual(at(monday + 7 * dayMs + 6 * hourMs - 1), []);
  const found = at(monday + 7 * dayMs + 6 * hourMs);
  assert.deepEqual(
    found.map((entry) => entry.period.id),
    ["2026-W46"],
  );
  for (const entry of found) log.take(entry, monday + 8 * dayMs);
  assert.deepEqual(at(monday + 9 * dayMs), []);
});

test("a late batch that concerns the partner makes one revision a day at most, and none after revise_for", () => {
  const { partner, subscription } = site();
  const first = batch("a", monday, monday + dayMs);
  const log = new FakeLog();
  const at = (now: number, batches: readonly BatchRecord[], excluded: readonly string[] = []) =>
    due({ partner, subscription, log: log.state, lake: lakeOf(batches, excluded), now }).filter(
      (entry) => entry.period.id === "2026-W46",
    );
  const published = monday + 7 * dayMs + 6 * hourMs;
  for (const entry of at(published, [first])) log.take(entry, published);
  const late = batch("b", monday + dayMs, monday + 2 * dayMs);
  assert.deepEqual(at(published + hourMs, [first, late]), [], "not before revise_every");
  assert.deepEqual(
    at(published + dayMs, [first, batch("c", monday, monday + dayMs, "JP")]),
    [],
    "another economy is no reason",
  );
  assert.equal(at(published + dayMs, [first, late])[0]?.previous?.revision, 0);
  assert.equal(
    at(published + dayMs, [batch("a", monday, monday + dayMs, "TW", 2)]).length,
    1,
    "a generation is a reason",
  );
  assert.equal(at(published + dayMs, [first], [first.batch]).length, 1, "an exclusion is a reason");
  assert.deepEqual(at(monday + 7 * dayMs + 28 * dayMs, [first, late]), [], "too late");
});

test("nothing is due outside the MoU, and only what it covers", () => {
  const { partner, subscription } = site("signed: 2026-11-11, expires: 2026-11-20");
  const lake = lakeOf([batch("a", monday - 70 * dayMs, monday + 70 * dayMs)]);
  const at = (day: string) => due({ partner, subscription, log: { open: [], closed: [] }, lake, now: Date.parse(day) });
  assert.deepEqual(at("2026-11-10T23:59:59Z"), [], "not in force yet");
  const [only, ...others] = at("2026-11-20T23:59:59Z");
  assert.equal(others.length, 0);
  assert.deepEqual(only?.policy.covers, { from: Date.parse("2026-11-11"), to: Date.parse("2026-11-16") });
  assert.deepEqual(at("2026-11-21"), [], "lapsed");
  assert.deepEqual(
    due({
      partner: { ...partner, mou: { ...partner.mou, suspended: true } },
      subscription,
      log: { open: [], closed: [] },
      lake,
      now: Date.parse("2026-11-18"),
    }),
    [],
  );
});

/**
 * The law of the year, by a clock that is only told: whatever the ticks (a month of none among them) and however late
 * captures come, every period is published once, oldest first, by the first tick that may; revisions keep the feed's
 * bounds; and what came too late for them is counted. Manifests are the publisher's own; nothing is rendered or stored.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type DueContext, due } from "../../src/feed/due.ts";
import { type Feed, parseFeed } from "../../src/feed/feeds.ts";
import type { LakeState } from "../../src/feed/input-set.ts";
import { lateAfterClose } from "../../src/feed/late.ts";
import { type Partner, parsePartners, type Subscription } from "../../src/feed/partners.ts";
import { parsePeriod, periodsBetween } from "../../src/feed/period.ts";
import { type BatchRecord, touches } from "../../src/lake/records.ts";
import { type Cadence, dayMs, hourMs } from "../../src/model.ts";
import { logStateOf, publicationManifest } from "../../src/publication/compose.ts";
import type { Publication } from "../../src/publication/log.ts";
import { encodeManifest, type Manifest, parseMicroseconds } from "../../src/publication/manifest.ts";

const root = join(import.meta.dirname, "..", "..");
const parsed = parseFeed("spam-sources", "f", readFileSync(join(root, "feeds", "spam-sources.yaml"), "utf8")).value;
assert.ok(parsed);
const feedAsIs: Feed = parsed;

function partnerOf(every: Cadence): Partner {
  const periods: Feed["periods"] = ["hour", "day", "week"];
  const text = `partners: [{ id: one, name: One, economies: [TW], mou: { reference: R, signed: 2025-01-01, expires: 2030-12-31, purposes: [p], onward: constituents, retention_days: 30 }, tlp_ceiling: AMBER, contacts: [{ name: N, email: a@b.example }], subscriptions: [{ feed: spam-sources, every: ${every}, formats: [csv] }] }]`;
  const { value, problems } = parsePartners("p", text, new Map([[feedAsIs.id, { ...feedAsIs, periods }]]));
  assert.ok(value?.[0], JSON.stringify(problems));
  return value[0];
}

/** A batch, and when the lake had it. */
interface Arrival {
  readonly record: BatchRecord;
  readonly at: number;
}

function arrival(number: number, from: number, to: number, at: number): Arrival {
  const hours: [number, number][] = [[Math.floor(from / hourMs), Math.ceil(to / hourMs)]];
  const record: BatchRecord = {
    v: 1,
    batch: number.toString(16).padStart(16, "0").padEnd(64, "0"),
    generation: 1,
    sensor: "s",
    sealed_at: to,
    simulated: false,
    hours,
    captures: hours,
    requests: [],
    concerns: { source: { TW: hours }, target: {}, url: {} },
    counts: {},
    quarantined: {},
    made_with: "0".repeat(64),
    tables: [],
    files: [],
  };
  return { record, at };
}

/** One course of a site, all times in milliseconds. */
interface Course {
  readonly every: Cadence;
  readonly feed: Pick<Feed, "lag" | "reviseEvery" | "reviseFor">;
  readonly ticks: readonly number[];
  readonly arrivals: readonly Arrival[];
}

interface Lived {
  readonly manifests: readonly Manifest[];
  readonly inputs: ReadonlyMap<number, ReadonlySet<string>>;
  readonly end: DueContext;
}

function live({ every, feed: bounds, ticks, arrivals }: Course): Lived {
  const partner = partnerOf(every);
  const [first] = partner.subscriptions;
  assert.ok(first);
  const subscription: Subscription = { ...first, feed: { ...first.feed, ...bounds } };
  const manifests: Manifest[] = [];
  const inputs = new Map<number, ReadonlySet<string>>();
  let tip: Publication | undefined;
  let lake: LakeState = { batches: [], excluded: new Set(), earliest: undefined };
  for (const now of ticks) {
    const batches = arrivals.filter(({ at }) => at <= now).map(({ record }) => record);
    if (batches.length !== lake.batches.length) {
      const earliest = Math.min(...batches.map(({ hours }) => hours[0]?.[0] ?? 0)) * hourMs;
      lake = { batches, excluded: new Set(), earliest: Math.floor(earliest / dayMs) * dayMs };
    }
    for (const entry of due({ partner, subscription, log: logStateOf(tip), lake, now })) {
      const manifest: Manifest = publicationManifest(
        { issuer: "I", partner, subscription, tip, now },
        {
          subscription,
          due: entry,
          rendered: { artifacts: [], counts: {}, notes: [] },
          records: { again: 0, revokes: 0 },
          coverage: { expected: 1, seen: 1 },
        },
      );
      tip = { manifest, payloadSha256: "0".repeat(64), kid: "k" };
      manifests.push(manifest);
      inputs.set(manifest.sequence, new Set(entry.input.batches.map(({ batch }) => batch)));
    }
  }
  const now = ticks.at(-1) ?? 0;
  return { manifests, inputs, end: { partner, subscription, log: logStateOf(tip), lake, now } };
}

/** Start of the day of a batch's first hour. */
const firstDayOf = ({ hours }: BatchRecord) => Math.floor(((hours[0]?.[0] ?? 0) * hourMs) / dayMs) * dayMs;

/** What must hold of every course. */
function check(course: Course): Lived {
  const lived = live(course);
  const { every, feed, ticks, arrivals } = course;
  const { manifests, inputs, end } = lived;
  const firsts = manifests.filter(({ revision }) => revision === 0);
  const expected = [...periodsBetween(every, end.lake.earliest ?? 0, end.now - feed.lag)];
  assert.deepEqual(
    firsts.map(({ period }) => period.id),
    expected.map(({ id }) => id),
    "every period once, oldest first",
  );
  const committed = new Map(arrivals.map(({ record, at }) => [record.batch.slice(0, 16), at]));
  const late = new Map(lateAfterClose(end, committed).map(({ period, batches }) => [period, batches]));
  for (const { id } of expected) {
    const period = parsePeriod(id);
    const own = manifests.filter((manifest) => manifest.period.id === id);
    const times = own.map((manifest) => Math.floor(parseMicroseconds(manifest.published_at) / 1000));
    // Nothing is due before the lake's first day, as far as that is known by what has arrived.
    const reached = Math.min(...arrivals.filter(({ record }) => firstDayOf(record) < period.end).map(({ at }) => at));
    assert.equal(
      times[0],
      ticks.find((tick) => tick >= Math.max(period.end + feed.lag, reached)),
      `${id} by the first tick that may`,
    );
    for (const [index, manifest] of own.entries()) {
      assert.equal(manifest.revision, index);
      assert.equal(manifest.supersedes, own[index - 1]?.sequence ?? null);
      if (index === 0) continue;
      assert.ok((times[index] ?? 0) - (times[index - 1] ?? 0) >= feed.reviseEvery, `${id}: at most one a revise_every`);
      assert.ok((times[index] ?? 0) < period.end + feed.reviseFor, `${id}: none after revise_for`);
      assert.notDeepEqual(inputs.get(manifest.sequence), inputs.get(own[index - 1]?.sequence ?? 0));
    }
    // Who is in no publication had no tick that could have made one, and is counted.
    const has = inputs.get(own.at(-1)?.sequence ?? 0);
    const last = times.at(-1) ?? 0;
    const missing = arrivals.filter(
      ({ record, at }) =>
        at <= end.now && touches(record.captures, period.start, period.end) && !has?.has(record.batch),
    );
    for (const { at } of missing) {
      const could = (tick: number) =>
        tick >= at && tick >= last + feed.reviseEvery && tick < period.end + feed.reviseFor;
      assert.ok(!ticks.some(could), `${id}: a late batch of ${new Date(at).toISOString()} was left out`);
    }
    const tooLate = missing.filter(({ at }) => at > period.end + feed.reviseFor).length;
    const counted = late.get(id) ?? 0;
    assert.ok(counted >= tooLate, `${id}: ${counted} of ${tooLate} counted`);
    const wasOff = (times[0] ?? 0) > period.end + feed.reviseFor;
    assert.ok(wasOff || counted <= missing.length, `${id}: ${counted} counted, ${missing.length} missing`);
  }
  assert.deepEqual(
    manifests.map(({ sequence }) => sequence),
    manifests.map((_, index) => index + 1),
  );
  const newest = manifests.at(-1);
  if (newest !== undefined) encodeManifest(newest);
  return lived;
}

/** Ticks through a course; none for `down.days` from day `down.from`. */
function ticksOf(
  start: number,
  days: number,
  steps: readonly number[],
  down: { from: number; days: number },
): number[] {
  const ticks: number[] = [];
  for (let now = start, step = 0; now < start + days * dayMs; step += 1) {
    now += steps[step % steps.length] ?? hourMs;
    const day = (now - start) / dayMs;
    if (day < down.from || day >= down.from + down.days) ticks.push(now);
  }
  return ticks;
}

/** What a course is made from: small, so that a counterexample can be read. */
const seeds = (days: number, stepsMs: { min: number; max: number }) =>
  fc.record({
    lag: fc.constantFrom(0, 6 * hourMs, 2 * dayMs),
    reviseEvery: fc.constantFrom(hourMs, dayMs, 3 * dayMs),
    reviseFor: fc.constantFrom(0, dayMs, 14 * dayMs, 28 * dayMs),
    steps: fc.array(fc.integer(stepsMs), { minLength: 5, maxLength: 40 }),
    downFrom: fc.integer({ min: 0, max: Math.floor(days * 0.9) }),
    delays: fc.array(fc.integer({ min: 0, max: 20 * hourMs }), { minLength: 5, maxLength: 20 }),
    lates: fc.array(
      fc.record({
        day: fc.integer({ min: 0, max: days - 1 }),
        hours: fc.integer({ min: 1, max: 60 }),
        delay: fc.integer({ min: 0, max: 45 * dayMs }),
      }),
      { maxLength: 30 },
    ),
  });

type Seed = typeof seeds extends (...args: never[]) => fc.Arbitrary<infer T> ? T : never;

function courseOf(every: Cadence, first: string, days: number, seed: Seed): Course {
  const { lag, reviseEvery, reviseFor, steps, downFrom, delays, lates } = seed;
  const start = Date.parse(first);
  const daily = Array.from({ length: days }, (_, day) => {
    const from = start + day * dayMs;
    return arrival(day + 1, from, from + dayMs, from + dayMs + (delays[day % delays.length] ?? 0));
  });
  const more = lates.map(({ day, hours, delay }, index) => {
    const from = start + day * dayMs;
    return arrival(10_000 + index, from, from + hours * hourMs, from + hours * hourMs + delay);
  });
  const ticks = ticksOf(start, days, steps, { from: downFrom, days: Math.min(31, days / 4) });
  return { every, feed: { lag, reviseEvery, reviseFor }, ticks, arrivals: [...daily, ...more] };
}

/** The same courses each time; another number tries others. */
const seed = Number(process.env.YEAR_SEED ?? 2026);

/** The week 53 of 2026, and 29 February 2028. */
const years = ["2026-03-02", "2027-06-07"];

for (const [every, numRuns, special] of [
  ["week", 30, ["2026-W53", "2028-W09"]],
  ["day", 10, ["2027-01-03", "2028-02-29"]],
] as const) {
  for (const [index, first] of years.entries()) {
    test(`a year from ${first} by the ${every}, with a month of downtime and late captures`, () => {
      fc.assert(
        fc.property(seeds(371, { min: hourMs, max: 40 * hourMs }), (drawn) => {
          const { manifests } = check(courseOf(every, first, 371, drawn));
          assert.ok(manifests.some(({ period }) => period.id === special[index]));
        }),
        { numRuns, seed },
      );
    });
  }
}

test("three weeks by the hour, around the leap day", () => {
  fc.assert(
    fc.property(seeds(21, { min: 10 * 60_000, max: 5 * hourMs }), (drawn) => {
      const { manifests } = check(courseOf("hour", "2028-02-18", 21, drawn));
      assert.ok(manifests.some(({ period }) => period.id === "2028-02-29T00"));
    }),
    { numRuns: 5, seed },
  );
});

test("what comes too late is counted, whole periods and standing batches alone", () => {
  const start = Date.parse("2026-11-09");
  const feed = { lag: 6 * hourMs, reviseEvery: dayMs, reviseFor: 14 * dayMs };
  const end = start + 7 * dayMs;
  const arrivals = [
    arrival(1, start, start + dayMs, start + dayMs),
    arrival(2, start, start + dayMs, end + 13 * dayMs),
    arrival(3, start, start + dayMs, end + 15 * dayMs),
    arrival(4, start, start + 9 * dayMs, end + 16 * dayMs),
  ];
  const ticks = ticksOf(start, 30, [hourMs], { from: 100, days: 0 });
  const { end: context } = check({ every: "week", feed, ticks, arrivals });
  const committed = new Map(arrivals.map(({ record, at }) => [record.batch.slice(0, 16), at]));
  assert.deepEqual(lateAfterClose(context, committed), [{ period: "2026-W46", batches: 2 }]);
  const excluded = { ...context.lake, excluded: new Set([arrivals[2]?.record.batch ?? ""]) };
  assert.deepEqual(lateAfterClose({ ...context, lake: excluded }, committed), [{ period: "2026-W46", batches: 1 }]);
  assert.deepEqual(lateAfterClose({ ...context, now: end + 15 * dayMs - 1 }, committed), []);
  assert.deepEqual(lateAfterClose(context, committed, end + 15 * dayMs - hourMs), [{ period: "2026-W46", batches: 1 }]);
  assert.deepEqual(lateAfterClose(context, committed, end + 16 * dayMs - hourMs), []);
  assert.equal(lateAfterClose(context, committed, end + 15 * dayMs - hourMs - 1)[0]?.batches, 2);
});

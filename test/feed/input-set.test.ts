/** Input sets that are remembered are those that would be worked out afresh, whatever the lake went through. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type Feed, parseFeed } from "../../src/feed/feeds.ts";
import { inputDigest, inputSet, type LakeState, takeOver } from "../../src/feed/input-set.ts";
import { periodAt } from "../../src/feed/period.ts";
import type { Policy } from "../../src/feed/policy.ts";
import type { BatchRecord } from "../../src/lake/records.ts";
import { dayMs, hourMs } from "../../src/model.ts";

const folder = join(import.meta.dirname, "..", "..", "feeds");
const feeds = ["spam-sources", "spam-events", "summary"].map((id): Feed => {
  const feed = parseFeed(id, id, readFileSync(join(folder, `${id}.yaml`), "utf8")).value;
  assert.ok(feed);
  return feed;
});
const monday = Date.parse("2026-11-09");
const economies = ["TW", "JP"];
const sides = ["source", "target", "url"] as const;

interface Drawn {
  readonly number: number;
  readonly generation: number;
  readonly from: number;
  readonly hours: number;
  readonly economy: number;
  readonly side: number;
}

function recordOf({ number, generation, from, hours, economy, side }: Drawn): BatchRecord {
  const ranges: [number, number][] = [[monday / hourMs + from, monday / hourMs + from + hours]];
  const concerns = {
    source: {},
    target: {},
    url: {},
    [sides[side] ?? "source"]: { [economies[economy] ?? "TW"]: ranges },
  };
  return {
    v: 1,
    batch: number.toString(16).padStart(64, "0"),
    generation,
    sensor: "s",
    sealed_at: 0,
    simulated: false,
    hours: [],
    captures: ranges,
    requests: [],
    concerns,
    counts: {},
    quarantined: {},
    made_with: "0".repeat(64),
    tables: [],
    files: [],
  };
}

const drawn = fc.record({
  number: fc.integer({ min: 0, max: 30 }),
  generation: fc.integer({ min: 1, max: 3 }),
  from: fc.integer({ min: -40, max: 24 * 8 }),
  hours: fc.integer({ min: 1, max: 50 }),
  economy: fc.nat(1),
  side: fc.nat(2),
});

const policies = economies.map(
  (code): Policy => ({
    economies: [{ code }],
    covers: { from: monday - 90 * dayMs, to: monday + 90 * dayMs },
    tlp: "AMBER",
    masks: [],
    digest: code,
  }),
);

test("whatever was taken over from earlier states of the lake, digests are those of a lake that was never seen", () => {
  const step = fc.oneof(
    fc.record({ commit: drawn }),
    fc.record({ exclude: fc.integer({ min: 0, max: 30 }) }),
    fc.constant({ look: true }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const records = new Map<string, BatchRecord>();
      const excluded = new Set<string>();
      const stateOf = (): LakeState => ({
        batches: [...records.values()].sort((a, b) => (a.batch < b.batch ? -1 : 1)),
        excluded: new Set(excluded),
        earliest: monday,
      });
      let lake = stateOf();
      for (const one of steps) {
        if ("commit" in one) records.set(recordOf(one.commit).batch, recordOf(one.commit));
        if ("exclude" in one) excluded.add(one.exclude.toString(16).padStart(64, "0"));
        const next = stateOf();
        takeOver(lake, next);
        lake = next;
        for (const feed of feeds) {
          for (const every of ["day", "week"] as const) {
            for (const at of [monday, monday + 3 * dayMs]) {
              for (const policy of policies) {
                const period = periodAt(every, at);
                const whole = { ...policy, covers: { from: period.start, to: period.end } };
                const fresh = inputSet(stateOf(), feed, whole, period);
                assert.equal(inputDigest(lake, feed, whole, period), fresh.digest);
                assert.deepEqual(inputSet(lake, feed, whole, period), fresh);
              }
            }
          }
        }
      }
    }),
    { numRuns: 60 },
  );
});

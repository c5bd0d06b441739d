/** Withdrawing: what is signed, what is deleted, what revokes, and that a killed run is finished by the next. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openOperatorWorld, capturesOf } from "./operator-world.ts";

const day = (n: number, hour = 0) => Date.UTC(2026, 10, n, hour);

test("smoke", async (t) => {
  const world = await openOperatorWorld(t);
  const done = await world.ingest("pot-1", [...capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5), ...capturesOf("198.51.100.7", "2026-11-10T02:00:00Z", 5)]);
  console.log(done);
  const m = await world.publish(day(11, 7));
  console.log(m.map((x) => [x.partner, x.feed, x.period.id, x.counts, x.artifacts.map((a) => a.name)]));
  assert.ok(m.length);
});

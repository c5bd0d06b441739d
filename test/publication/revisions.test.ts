/** What an excluded batch means for published periods: agrees with what publishing then does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dayMs } from "../../src/model.ts";
import { logStateOf } from "../../src/publication/compose.ts";
import { readTip } from "../../src/publication/log.ts";
import { feedPrefix } from "../../src/publication/manifest.ts";
import { selectedLogs } from "../../src/publication/plan.ts";
import { affectedBy } from "../../src/publication/revisions.ts";
import { keyFinder } from "../../src/publication/sign.ts";
import { withdraw } from "../../src/publication/withdraw.ts";
import { capturesOf, openOperatorWorld } from "./operator-world.ts";

/** An instant of November 2026. */
const day = (number: number, hour = 0) => Date.UTC(2026, 10, number, hour);

test("published periods with the batch are named with the time of their revision, and those past it too", async (t) => {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-09T01:00:00Z", 2));
  const { batch } = await world.ingest("pot-1", [
    ...capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 2),
    ...capturesOf("203.0.113.7", "2026-11-11T01:00:00Z", 2),
    ...capturesOf("198.51.100.7", "2026-11-12T01:00:00Z", 2),
  ]);
  await world.publish(day(13, 7), { partner: "twcert" });
  const record = (await world.lake.batches(day(10), day(11))).find((entry) => entry.batch === batch);
  assert.ok(record);
  const { keyring } = world.publishWorld(day(13));
  const affected = async (feed: string, now: number) => {
    const [log] = selectedLogs(world.partners, { partner: "twcert", feed });
    assert.ok(log);
    const place = world.store.under(feedPrefix("twcert", feed));
    const tip = await readTip(place, keyFinder(keyring.keys));
    return affectedBy(record, { ...log, log: logStateOf(tip), now }).map(({ period, revisedFrom }) => [
      period.slice(-2),
      revisedFrom,
    ]);
  };
  // Nothing of the twelfth is of the partner's economy; the summary of the thirteenth isn't published yet.
  const soon = [day(14, 7) + 1, day(14, 7) + 1];
  assert.deepEqual(await affected("spam-sources", day(13, 8)), [
    ["10", soon[0]],
    ["11", soon[1]],
  ]);
  assert.deepEqual(
    (await affected("summary", day(15))).map(([period, from]) => [period, from === day(15)]),
    [
      ["10", true],
      ["11", true],
      ["12", true],
    ],
  );
  await withdraw(world.publishWorld(day(14)), {
    partner: "twcert",
    feed: "spam-sources",
    sequence: 3,
    reason: "Wrong.",
    revoke: false,
  });
  assert.deepEqual(await affected("spam-sources", day(11) + 28 * dayMs), [["10", undefined]]);
  assert.deepEqual(await affected("spam-sources", Date.UTC(2030, 0, 1)), [["10", undefined]]);
  await world.lake.exclude({ v: 1, batch, reason: "made up", excluded_at: day(15) });
  const made = await world.publish(day(15), { partner: "twcert" });
  assert.deepEqual(
    made.filter(({ revision }) => revision > 0).map(({ feed, period }) => `${feed} ${period.id.slice(-2)}`),
    ["spam-sources 10", "summary 10", "summary 11", "summary 12"],
  );
});

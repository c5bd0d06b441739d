/** Bounded concurrency: order, bound, and what is under way when something fails. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { mapAtOnce } from "../src/at-once.ts";

test("results are in the order of the items, and no more are under way than may be", async () => {
  const waits = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(waits, fc.integer({ min: 1, max: 5 }), async (items, most) => {
      let [running, greatest] = [0, 0];
      const made = await mapAtOnce(items, most, async (ms) => {
        running += 1;
        greatest = Math.max(greatest, running);
        await sleep(ms);
        running -= 1;
        return ms * 2;
      });
      assert.deepEqual(
        made,
        items.map((ms) => ms * 2),
      );
      assert.ok(greatest <= most && (items.length === 0 || greatest > 0));
    }),
    { numRuns: 30 },
  );
});

test("after a failure nothing more is begun, and what is under way ends first", async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const work = async (item: number) => {
    begun.push(item);
    await sleep(item === 1 ? 1 : 20);
    ended.push(item);
    if (item === 1) throw new Error("one fails");
  };
  await assert.rejects(mapAtOnce([0, 1, 2, 3], 2, work), /one fails/);
  assert.deepEqual(
    [begun, ended.toSorted()],
    [
      [0, 1],
      [0, 1],
    ],
  );
});

/**
 * The queue of a run's slices, whatever others are at meanwhile: everything comes, each log's periods in order, what is
 * another's waits with what comes after it, and what fails stops its own log alone.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logName, type Planned } from "../../src/publication/plan.ts";
import { SliceQueue } from "../../src/publication/slice-queue.ts";

/** As much of a planned publication as the queue looks at. */
const planned = (partner: string, feed: string, policy: string, day: number) =>
  ({
    partner: { id: partner },
    subscription: { feed: { id: feed } },
    due: {
      policy: { digest: policy },
      period: { id: String(day), start: day, end: day + 1 },
      input: { digest: `${policy}${day}` },
    },
  }) as unknown as Planned; // nothing else is read

const nameOf = ({ partner, subscription }: Planned) => logName(partner.id, subscription.feed.id);
const dayOf = ({ due }: Planned) => due.period.start;

/** Partners of two policies, each with two feeds that begin on some day, oldest period first. */
const plans = fc
  .array(fc.record({ policy: fc.constantFrom("p", "q"), from: fc.integer({ min: 0, max: 4 }) }), { maxLength: 5 })
  .map((partners) =>
    partners
      .flatMap(({ policy, from }, index) =>
        ["f", "g"].flatMap((feed) =>
          Array.from({ length: 5 - from }, (_, day) => planned(`partner-${index}`, feed, policy, from + day)),
        ),
      )
      .sort((a, b) => dayOf(a) - dayOf(b)),
  );

test("whatever others are at, for as long as they are: all of it comes once, each log in order", () => {
  fc.assert(
    fc.property(plans, fc.array(fc.nat({ max: 3 }), { minLength: 1 }), (plan, chances) => {
      const queue = new SliceQueue(plan);
      const made: Planned[] = [];
      let turns = 0;
      for (let rounds = 0; queue.left > 0 && rounds < 1000; rounds += 1) {
        for (let open = queue.next(); open !== undefined; open = queue.next()) {
          const keys = new Set(open.map(({ subscription, due }) => `${subscription.feed.id} ${due.input.digest}`));
          assert.equal(keys.size, 1, "one slice");
          turns += 1;
          if (chances[turns % chances.length] === 0 && turns < 500) queue.pass(open);
          else {
            made.push(...open);
            queue.done(open);
          }
        }
        // All that is left is elsewhere: what the next run would begin with.
        if (queue.left > 0) queue.done([]);
      }
      assert.deepEqual(new Set(made), new Set(plan));
      assert.equal(made.length, plan.length);
      for (const [name, own] of Map.groupBy(made, nameOf)) {
        assert.deepEqual(own.map(dayOf), own.map(dayOf).toSorted(), name);
      }
    }),
  );
});

test("what is passed waits with all that comes after it in its logs, until another slice is done", () => {
  const [a0, b0, a1, b1] = [0, 1].flatMap((day) => [planned("a", "f", "p", day), planned("b", "f", "q", day)]);
  assert.ok(a0 && b0 && a1 && b1);
  const queue = new SliceQueue([a0, b0, a1, b1]);
  assert.deepEqual(queue.next(), [a0]);
  queue.pass([a0]);
  assert.deepEqual(queue.next(), [b0]);
  queue.done([b0]);
  assert.deepEqual(queue.next(), [a0], "asked for again, as the oldest");
  queue.pass([a0]);
  assert.deepEqual(queue.next(), [b1]);
  queue.pass([b1]);
  assert.equal(queue.next(), undefined);
  assert.deepEqual([queue.size, queue.left], [4, 3]);
});

test("of a slice those logs go on that may; the others have it later; a stopped log has nothing more", () => {
  const [a0, a1, b1, c1] = [
    planned("a", "f", "p", 0),
    ...["a", "b", "c"].map((partner) => planned(partner, "f", "p", 1)),
  ];
  assert.ok(a0 && a1 && b1 && c1);
  const queue = new SliceQueue([a0, a1, b1, c1]);
  queue.stop(logName("c", "f"));
  queue.pass([a0]);
  assert.deepEqual(queue.next(), [b1]);
  queue.done([b1]);
  assert.deepEqual(queue.next(), [a0]);
  queue.done([a0]);
  assert.deepEqual(queue.next(), [a1]);
  queue.done([a1]);
  assert.equal(queue.next(), undefined);
  assert.equal(queue.left, 0);
});

/** Steps of ranges, against the plain reading of the rule: of the rows that hold an address, the one that counts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { precedence, type Row, steps } from "../../src/enrich/ranges.ts";

const greatest = 63n;
const value = fc.constantFrom("", "AU", "JP", "TW");
const row = fc
  .tuple(fc.bigInt(0n, greatest), fc.bigInt(0n, greatest), value)
  .map(([a, b, text]): Row => ({ first: a < b ? a : b, last: a < b ? b : a, value: text }));
const rows = fc.array(row, { maxLength: 12 });

const naive = (list: readonly Row[], address: bigint) =>
  list
    .filter(({ first, last }) => first <= address && address <= last)
    .toSorted(precedence)
    .at(-1)?.value ?? "";

const asked = (list: readonly Row[], address: bigint) =>
  steps(list, greatest).findLast(({ start }) => start <= address)?.value;

test("every address has the value of the row that counts", () => {
  fc.assert(
    fc.property(rows, (list) => {
      for (let address = 0n; address <= greatest; address += 1n)
        assert.equal(asked(list, address), naive(list, address));
    }),
  );
});

test("the order of rows, and rows given twice, change nothing", () => {
  const shuffled = rows.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 })),
  );
  fc.assert(fc.property(shuffled, ([list, other]) => assert.deepEqual(steps(other, greatest), steps(list, greatest))));
});

test("steps are the fewest: they begin at 0, rise, and neighbours differ", () => {
  fc.assert(
    fc.property(rows, (list) => {
      const made = steps(list, greatest);
      assert.equal(made[0]?.start, 0n);
      made.slice(1).forEach((step, place) => {
        assert.ok(step.start > (made[place]?.start ?? 0n) && step.start <= greatest);
        assert.notEqual(step.value, made[place]?.value);
      });
    }),
  );
});

test("two adjacent ranges meet without a gap, and merge where they say the same", () => {
  const adjacent = fc.tuple(fc.bigInt(0n, 30n), fc.bigInt(31n, 61n), fc.bigInt(62n, greatest), value, value);
  fc.assert(
    fc.property(adjacent, ([first, last, end, left, right]) => {
      const list = [
        { first, last, value: left },
        { first: last + 1n, last: end, value: right },
      ];
      assert.equal(asked(list, last), left);
      assert.equal(asked(list, last + 1n), right);
      if (left === right) assert.ok(steps(list, greatest).every(({ start }) => start !== last + 1n));
    }),
  );
});

test("narrower rows count, then later starts, then the lesser text", () => {
  const wide = { first: 0n, last: 40n, value: "JP" };
  assert.equal(asked([{ first: 5n, last: 9n, value: "TW" }, wide], 7n), "TW");
  assert.equal(asked([{ first: 5n, last: 9n, value: "" }, wide], 7n), "", "unknown hides what is around it");
  assert.equal(asked([wide, { first: 20n, last: 60n, value: "TW" }], 30n), "TW");
  assert.equal(asked([{ first: 0n, last: 40n, value: "TW" }, wide], 3n), "JP");
});

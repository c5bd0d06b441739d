/** Periods: laws over instants, and the calendar's corners by name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isError } from "../../src/errors.ts";
import { parsePeriod, periodAt, periodsBetween, previousPeriod, secondsInstant } from "../../src/feed/period.ts";
import { cadences, earliestInstant, latestInstant } from "../../src/model.ts";

const instant = fc.integer({ min: earliestInstant, max: latestInstant - 1 });
const cadence = fc.constantFrom(...cadences);

test("a period holds its instant, and its neighbours touch it", () => {
  fc.assert(
    fc.property(cadence, instant, (every, at) => {
      const period = periodAt(every, at);
      assert.ok(period.start <= at && at < period.end);
      assert.equal(previousPeriod(period).end, period.start);
      assert.equal(periodAt(every, period.end).start, period.end);
    }),
  );
});

test("an id names one period, and ids sort as time does", () => {
  fc.assert(
    fc.property(cadence, instant, instant, (every, a, b) => {
      const [one, other] = [periodAt(every, a), periodAt(every, b)];
      assert.deepEqual(parsePeriod(one.id), one);
      assert.equal(one.id < other.id, one.start < other.start);
    }),
  );
});

test("ISO weeks at the ends of years", () => {
  const week = (day: string) => periodAt("week", Date.parse(day)).id;
  assert.equal(week("2026-11-15"), "2026-W46");
  assert.equal(week("2026-12-31"), "2026-W53");
  assert.equal(week("2027-01-03"), "2026-W53");
  assert.equal(week("2027-01-04"), "2027-W01");
  assert.equal(week("2024-12-30"), "2025-W01");
  assert.equal(week("2020-02-29"), "2020-W09");
});

test("what names no period is refused", () => {
  for (const id of ["2025-W53", "2026-W00", "2026-02-30", "2026-11-10T24", "2026-11", "W46", "", "2026-11-10T1"]) {
    assert.throws(
      () => parsePeriod(id),
      (error) => isError(error, "bad-argument"),
      id,
    );
  }
});

test("periods between two instants are whole, and end before the second", () => {
  const days = [...periodsBetween("day", Date.parse("2028-02-28T05:00:00Z"), Date.parse("2028-03-02T04:00:00Z"))];
  assert.deepEqual(
    days.map((day) => day.id),
    ["2028-02-28", "2028-02-29", "2028-03-01"],
  );
});

test("instants leave in whole seconds, cut off", () => {
  assert.equal(secondsInstant(Date.parse("2026-11-10T03:12:44.999Z")), "2026-11-10T03:12:44Z");
});

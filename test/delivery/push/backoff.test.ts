/** Pauses: laws over random failures, and what destinations ask for in earnest and in malice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pauseAfter, retryAfter } from "../../../src/delivery/push/backoff.ts";
import { SpampotsError } from "../../../src/errors.ts";
import { dayMs, hourMs } from "../../../src/model.ts";

const failed = (retryAfterMs?: number) =>
  new SpampotsError("delivery-failed", "", retryAfterMs === undefined ? {} : { retryAfterMs });
const refused = new SpampotsError("delivery-refused", "");
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("law: a pause is positive, bounded, no shorter than the one before it, and not before what was asked", () => {
  const asked = fc.option(fc.double({ noNaN: false }), { nil: undefined });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), chance, asked, (failures, luck, ms) => {
      const pause = pauseAfter(failed(ms), failures, luck);
      assert.ok(Number.isInteger(pause) && pause >= 7_500 && pause <= dayMs + 15_000, `${pause}`);
      assert.ok(pauseAfter(failed(ms), failures + 1, luck) >= pause);
      if (ms !== undefined && ms > 0) assert.ok(pause >= Math.min(ms, dayMs));
    }),
  );
});

test("pauses double from 15 s to 6 h, half of each at random", () => {
  assert.deepEqual(
    [1, 2, 3, 11, 12, 99].map((failures) => pauseAfter(failed(), failures, 1)),
    [15_000, 30_000, 60_000, 15_360_000, 6 * hourMs, 6 * hourMs],
  );
  assert.equal(pauseAfter(failed(), 1, 0), 7_500);
  assert.notEqual(pauseAfter(failed(hourMs), 1, 0.2), pauseAfter(failed(hourMs), 1, 0.7));
});

test("what is refused is tried rarely from the start; a fault of our own isn't taken for a refusal", () => {
  assert.equal(pauseAfter(refused, 1, 1), 3 * hourMs);
  assert.equal(pauseAfter(refused, 50, 0), 1.5 * hourMs);
  assert.equal(pauseAfter(new SpampotsError("verify-failed", ""), 1, 1), 15_000);
  assert.equal(pauseAfter(new Error("?"), 1, 1), 15_000);
});

test("Retry-After in seconds and as a date of each form; anything else says nothing", () => {
  const now = Date.UTC(2026, 10, 16, 6);
  const cases: readonly (readonly [string | undefined, number | undefined])[] = [
    ["0", 0],
    ["120", 120_000],
    ["99999999999999999999", 1e23],
    ["Mon, 16 Nov 2026 06:02:00 GMT", 120_000],
    ["Monday, 16-Nov-26 06:02:00 GMT", 120_000],
    ["Mon Nov 16 06:02:00 2026", 120_000],
    ["Mon, 16 Nov 2026 05:00:00 GMT", 0],
    ["Fri, 31 Dec 9999 23:59:59 GMT", Date.UTC(9999, 11, 31, 23, 59, 59) - now],
    ...["", "-1", "1.5", "1e9", "soon", "0x10", "Infinity", "9".repeat(1000)].map((text) => [text, undefined] as const),
    [undefined, undefined],
  ];
  for (const [header, ms] of cases) assert.equal(retryAfter(header, now), ms, header);
  for (const [header] of cases) assert.ok(pauseAfter(failed(retryAfter(header, now)), 1, 0) <= dayMs + 15_000);
});

test("law: no header makes a pause that isn't bounded", () => {
  fc.assert(
    fc.property(fc.string(), chance, (header, luck) => {
      const ms = retryAfter(header, 0);
      const pause = pauseAfter(ms === undefined ? failed() : failed(ms), 1, luck);
      assert.ok(pause > 0 && pause <= dayMs + 15_000);
    }),
  );
});

/** Remembered answers are the answers, and their number is bounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { remembered } from "../../src/enrich/recent.ts";

test("answers are those of the function, undefined ones too", () => {
  const text = fc.constantFrom("a", "b", "c", "d", "e", "f");
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(text), (limit, texts) => {
      const length = (given: string) => (given === "a" ? undefined : given.charCodeAt(0));
      const ask = remembered(limit, length);
      for (const given of texts) assert.equal(ask(given), length(given));
    }),
  );
});

test("what repeats is asked once, among any number of texts that don't", () => {
  let asked = 0;
  const ask = remembered(100, (text) => {
    if (text === "often") asked += 1;
  });
  for (let index = 0; index < 10_000; index += 1) {
    ask("often");
    ask(`once ${index}`);
  }
  assert.equal(asked, 1);
});

test("what isn't asked again is forgotten", () => {
  let asked = 0;
  const ask = remembered(10, () => {
    asked += 1;
  });
  for (let round = 0; round < 2; round += 1) for (let index = 0; index < 25; index += 1) ask(String(index));
  assert.equal(asked, 50);
});

/** How long a refusal takes tells nobody which partners there are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAssertion } from "../../src/partner/auth/assertion.ts";
import { assertionClaims, newClientKey, openServed, signed } from "./served.ts";

test("an assertion for a partner that doesn't exist is refused as slowly as one for a partner that does", async (t) => {
  const served = await openServed(t);
  const partners = [...served.registry.partners.values()];
  const context = { partners, audiences: [served.url], now: served.now(), since: 0 };
  for (const [alg, known, other] of [
    ["EdDSA", "twcert", "ncc"],
    ["ES256", "ncc", "twcert"],
  ] as const) {
    const stranger = await newClientKey(alg);
    // `other` exists, with a key of the other algorithm.
    const ids = [known, "nobody", other];
    const assertions = await Promise.all(ids.map((id) => signed(assertionClaims(served, id), stranger)));
    const times = ids.map((): number[] => []);
    for (let round = 0; round < 200; round += 1) {
      for (const [at, assertion] of assertions.entries()) {
        const begun = performance.now();
        assert.equal(await checkAssertion(assertion, undefined, context), undefined);
        times[at]?.push(performance.now() - begun);
      }
    }
    const medians = times.map((each) => each.sort((a, b) => a - b)[100] ?? 0);
    assert.ok(Math.max(...medians) < 2 * Math.min(...medians), `${alg}: ${medians.map((ms) => ms.toFixed(3))} ms`);
  }
});

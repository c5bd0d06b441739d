/** Recipients of a capture: what addresses are read quickly comes to the same as what the plain rules say of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEnricher } from "../../../src/enrich/enricher.ts";
import { mapsOf } from "../../../src/enrich/maps.ts";
import { recipientNumber } from "../../../src/lake/rows/recipient-number.ts";
import { type Recipients, recipientsOf } from "../../../src/lake/rows/recipients.ts";

const enricher = createEnricher({ files: [] }, mapsOf({ "hinet.net": "TW" }, [], []));

/** The rules, without haste: one mailbox written in several ways is one recipient. */
function mailbox(address: string): string {
  const bare = address.normalize("NFKC").trim().toLowerCase().replace(/^<|>$/g, "").replaceAll('"', "");
  return bare.replace(/\.$/, "").replace(/\+[^@]*@/, "@");
}

function expected(rcptTo: readonly string[]) {
  const mailboxes = [...new Set(rcptTo.map(mailbox))];
  const domains: Record<string, number> = {};
  const economies: Record<string, number> = {};
  for (const box of mailboxes) {
    const found = enricher.recipientDomain(box);
    const economy = found?.economy ?? "ZZ";
    economies[economy] = (economies[economy] ?? 0) + 1;
    if (found !== undefined) domains[found.domain] = (domains[found.domain] ?? 0) + 1;
  }
  const sample = Float64Array.from(mailboxes, recipientNumber).sort().slice(0, 8);
  const sorted = (counts: Record<string, number>) => Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
  return { distinct: mailboxes.length, sample: [...sample], domains: sorted(domains), economies: sorted(economies) };
}

const shown = ({ distinct, sample, domains, economies }: Recipients) => ({
  distinct,
  sample: [...sample],
  domains: domains.map(({ domain, count }) => [domain.domain, count]),
  economies: economies.map(({ economy, count }) => [economy, count]),
});

const local = fc.constantFrom("a", "B", "a.b", "x_y-1", "a+tag", '"a"', "<a", "ａ", "", "@", "é", "a b");
const host = fc.constantFrom(
  ...["example.tw", "EXAMPLE.tw", "example.jp", "ms1.hinet.net", "hinet.net", "example.tw.", "example.tw>", "tw", ""],
  ...["a.b@example.jp", "exam ple.tw", "例え.jp", "[192.0.2.1]", "-x.tw", "x..tw"],
);
const address = fc.oneof(
  fc.tuple(local, host).map(([left, right]) => `${left}@${right}`),
  fc.tuple(local, fc.nat(40)).map(([left, number]) => `${left}${number}@example.tw`),
  fc.constantFrom("nobody", "@", ".", `${"a".repeat(321)}@example.jp`, `${"b".repeat(1000)}`),
  fc.string({ maxLength: 12, unit: "binary" }),
);

test("law: what is read quickly comes to what the rules say, whatever was asked before", () => {
  fc.assert(
    fc.property(fc.array(address, { maxLength: 60 }), (rcptTo) => {
      assert.deepEqual(shown(recipientsOf(rcptTo, enricher)), expected(rcptTo));
    }),
    { numRuns: 3000 },
  );
});

test("many recipients: twice the same in other letters is one, the sample is the least eight", () => {
  const rcptTo = Array.from(
    { length: 3000 },
    (_, index) => `user${index % 1500}@${index < 1500 ? "a" : "A"}.example.tw`,
  );
  const found = shown(recipientsOf(rcptTo, enricher));
  assert.deepEqual(found, expected(rcptTo));
  assert.equal(found.distinct, 1500);
  assert.equal(found.sample.length, 8);
});

test("no recipients come to nothing", () => {
  assert.deepEqual(shown(recipientsOf([], enricher)), { distinct: 0, sample: [], domains: [], economies: [] });
});

/** What `check` refuses: every problem at once, each with its line and what to write instead. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfiguration } from "../../src/feed/configuration.ts";
import { type Feed, parseFeed } from "../../src/feed/feeds.ts";
import { parsePartners } from "../../src/feed/partners.ts";

const root = join(import.meta.dirname, "..", "..");
// Without its last line, so that the tests can add others.
const feedText = readFileSync(join(root, "feeds", "spam-sources.yaml"), "utf8").replace(/\.\.\.\n$/, "");

function feedProblems(change: (text: string) => string, id = "spam-sources"): string[] {
  const changed = change(feedText);
  assert.notEqual(changed, feedText, "the change must change something");
  return parseFeed(id, "f.yaml", changed).problems.map((problem) => `${problem.path}: ${problem.message}`);
}

function feeds(): ReadonlyMap<string, Feed> {
  const feed = parseFeed("spam-sources", "f.yaml", feedText).value;
  assert.ok(feed);
  return new Map([[feed.id, feed]]);
}

const partnerText = `partners:
  - id: one
    name: One
    economies: [TW]
    mou: { reference: R, signed: 2026-01-01, expires: 2026-12-31, purposes: [p], onward: constituents, retention_days: 30 }
    tlp_ceiling: AMBER
    contacts: [{ name: N, email: a@b.example }]
    subscriptions:
      - { feed: spam-sources, every: week, formats: [csv] }
`;

function partnerProblems(
  change: (text: string) => string,
): { path: string; line: number | undefined; message: string }[] {
  const changed = change(partnerText);
  assert.notEqual(changed, partnerText, "the change must change something");
  return parsePartners("p.yaml", changed, feeds()).problems.map(({ path, line, message }) => ({ path, line, message }));
}

test("the configuration that ships is fine", async () => {
  const { partners, feeds: shipped } = await loadConfiguration(root);
  assert.deepEqual([...shipped.keys()], ["spam-events", "spam-sources", "spam-targets", "spam-urls", "summary"]);
  assert.equal(partners.length, 9);
  assert.equal(parsePartners("p.yaml", partnerText, feeds()).problems.length, 0);
});

test("a feed that names what isn't released, or what the grain hasn't, is refused", () => {
  assert.match(
    feedProblems((text) => text.replace("- sensors", "- sensor"))[0] ?? "",
    /columns\[\d+\]: This field is not released/,
  );
  assert.match(feedProblems((text) => text.replace("- sensors", "- subject"))[0] ?? "", /has no such column/);
});

test("a feed's label is neither RED nor CLEAR", () => {
  assert.match(feedProblems((text) => text.replace("tlp: AMBER", "tlp: RED"))[0] ?? "", /named persons/);
  assert.match(feedProblems((text) => text.replace("tlp: AMBER", "tlp: CLEAR"))[0] ?? "", /TLP:CLEAR/);
});

test("unknown keys, reserved ids and thresholds below the floor are refused", () => {
  assert.match(feedProblems((text) => `${text}\nsecret: 1\n`)[0] ?? "", /secret: There is no such key/);
  assert.match(feedProblems((text) => `${text}\n`, "keys")[0] ?? "", /file's name is the feed's id/);
  assert.match(
    feedProblems((text) => `${text}\ncommon_text: { sensors: 1, recipients: 2 }\n`).join(),
    /two|2 or more.*3 or more/,
  );
});

test("all problems of a file come at once, with their lines", () => {
  const problems = partnerProblems((text) =>
    text.replace("TW", "EU").replace("2026-12-31", "2026-02-31").replace("AMBER", "PURPLE"),
  );
  assert.equal(problems.length, 3);
  assert.deepEqual(
    problems.map(({ line }) => line),
    [4, 5, 6],
  );
});

test("a label above the ceiling, and an onward use that the label doesn't allow, are refused", () => {
  assert.match(
    partnerProblems((text) => text.replace("tlp_ceiling: AMBER", "tlp_ceiling: GREEN"))[0]?.message ?? "",
    /above this partner's ceiling/,
  );
  assert.match(
    partnerProblems((text) => text.replace("onward: constituents", "onward: none"))[0]?.message ?? "",
    /AMBER\+STRICT/,
  );
});

test("private keys are refused, as JWK and as PEM", () => {
  const jwk = "keys: [{ kty: OKP, crv: Ed25519, x: AAAA, d: BBBB }]";
  assert.match(
    partnerProblems((text) => text.replace("contacts:", `${jwk}\n    contacts:`))[0]?.message ?? "",
    /private key/,
  );
  const pem = "# -----BEGIN PRIVATE KEY-----";
  assert.match(partnerProblems((text) => `${text}${pem}\n`)[0]?.message ?? "", /Private keys never stand/);
});

test("duplicate ids and ids that begin another are refused", () => {
  const second = (id: string) => (text: string) =>
    text + text.replace("partners:\n", "").replace("id: one", `id: ${id}`);
  assert.match(partnerProblems(second("one"))[0]?.message ?? "", /taken by an earlier partner/);
  assert.match(partnerProblems(second("one-more"))[0]?.message ?? "", /beginning of one-more/);
});

test("a feed that isn't there, twice, or not made like that, is refused", () => {
  assert.match(
    partnerProblems((text) => text.replace("feed: spam-sources", "feed: spam-sauces"))[0]?.message ?? "",
    /no feed spam-sauces/,
  );
  assert.match(
    partnerProblems((text) => `${text}      - { feed: spam-sources, every: day, formats: [csv] }\n`)[0]?.message ?? "",
    /subscribed already/,
  );
  assert.match(
    partnerProblems((text) => text.replace("formats: [csv]", "formats: [json]"))[0]?.message ?? "",
    /made as csv or stix/,
  );
});

test("a destination that can't be right is refused, with what to write", () => {
  const problems = (delivery: string) =>
    partnerProblems((text) =>
      text.replace("formats: [csv] }", `formats: [csv, stix], deliveries: [${delivery}] }`),
    ).map(({ message }) => message);
  const keys = "credentials: { access_key: A_KEY, secret_key: A_SECRET }";
  const collection = "https://t.example/api/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116";
  for (const delivery of [
    "{ kind: s3, bucket: a-bucket }",
    `{ kind: s3, bucket: a-bucket, role: { arn: "arn:aws:iam::1:role/r" } }`,
    `{ kind: s3, bucket: a-bucket, endpoint: "https://s3.example", ${keys}, acl: bucket-owner-full-control }`,
    `{ kind: taxii, url: "${collection}/" }`,
    `{ kind: taxii, url: "${collection}" }`,
  ]) {
    assert.deepEqual(problems(delivery), [], delivery);
  }
  for (const [delivery, message] of [
    [`{ kind: s3, bucket: a-bucket, endpoint: "https://s3.example" }`, /Our own.*for AWS alone/],
    [
      `{ kind: s3, bucket: a-bucket, endpoint: "https://s3.example", role: { arn: "arn:aws:iam::1:role/r" } }`,
      /Our own.*for AWS alone/,
    ],
    [`{ kind: s3, bucket: a-bucket, region: "x.example/" }`, /name of a region/],
    [`{ kind: s3, bucket: a-bucket, acl: public-read }`, /bucket-owner-full-control/],
    [`{ kind: taxii, url: "https://t.example/api/" }`, /URL of a TAXII 2.1 collection/],
    [`{ kind: taxii, url: "https://t.example/api/collections/x/objects/" }`, /URL of a TAXII 2.1 collection/],
  ] as const) {
    const found = problems(delivery);
    assert.equal(found.length, 1, delivery);
    assert.match(found[0] ?? "", message);
  }
});

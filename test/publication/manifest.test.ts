/** The manifest: one spelling, its schema as zod and as JSON Schema, and the instants of publications. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { isError } from "../../src/errors.ts";
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  manifestJsonSchema,
  microsecondInstant,
  nextPublishedAt,
  parseMicroseconds,
  tlpInName,
} from "../../src/publication/manifest.ts";
import { aManifest, sha256, withdrawal } from "./issuer.ts";

const artifact = {
  name: "spam-sources_2026-W46_tlp-amber.csv.gz",
  media_type: "text/csv; charset=utf-8; header=present",
  content_encoding: "gzip",
  bytes: 10,
  sha256: sha256("a"),
  content_bytes: 20,
  content_sha256: sha256("b"),
  rows: 2,
} as const;
const part = {
  ...artifact,
  name: "spam-sources_2026-W46_tlp-amber.stix.json.gz",
  media_type: "application/stix+json;version=2.1",
  objects: 5,
  part: 1,
};
const { rows: _, ...stix } = part;
const full = aManifest({ artifacts: [artifact, stix], notes: ["No STIX: more than 50,000 rows."] });

const text = (manifest: Manifest) => Buffer.from(encodeManifest(manifest)).toString();
const bad = (error: unknown) => isError(error, "bad-manifest") && error.problems.length > 0;

test("a manifest is read as it was written, on one line, whatever the order it was built in", () => {
  assert.deepEqual(decodeManifest(encodeManifest(full)), full);
  assert.doesNotMatch(text(full), /\n/);
  const shuffled = (value: unknown, turn: number): unknown => {
    if (Array.isArray(value)) return value.map((item) => shuffled(item, turn));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(([name, item]) => [name, shuffled(item, turn)] as const);
    return Object.fromEntries(
      [...entries.slice(turn % entries.length), ...entries.slice(0, turn % entries.length)].reverse(),
    );
  };
  for (let turn = 0; turn < 30; turn += 1) {
    assert.equal(text(shuffled(full, turn) as Manifest), text(full)); // The same members in another order.
  }
});

test("no other spelling of the same manifest is read", () => {
  const ours = text(full);
  const cases = {
    "white space": `${ours} `,
    "a repeated member": ours.replace('"v":1', '"v":1,"v":1'),
    "a repeated member of a record": ours.replace('"captures":9', '"captures":9,"captures":9'),
    "another order": ours.replace('"v":1,"type":"spampots-manifest"', '"type":"spampots-manifest","v":1'),
    "another order in a record": ours.replace('"captures":9,"rows":2', '"rows":2,"captures":9'),
    "a number with a fraction": ours.replace('"rows":2', '"rows":2.0'),
    "a number with an exponent": ours.replace('"rows":2', '"rows":2e0'),
    "minus zero": ours.replace('"revision":0', '"revision":-0'),
    "an escape": ours.replace("CERT.br", "CERT\\u002ebr"),
    "an unknown member": ours.replace('"v":1', '"v":1,"extra":1'),
    "a prototype": ours.replace('"captures":9', '"__proto__":9,"captures":9'),
    "bytes that aren't UTF-8": Buffer.from(ours.replace("CERT.br", "CERT\u00e9br"), "latin1"),
    "deep nesting": ours.replace('"title":"Spam sources"', `"title":${"[".repeat(50_000)}${"]".repeat(50_000)}`),
  };
  assert.deepEqual(decodeManifest(Buffer.from(ours)), full);
  for (const [name, other] of Object.entries(cases)) {
    assert.notEqual(Buffer.from(other).toString("latin1"), Buffer.from(ours).toString("latin1"), name);
    assert.throws(() => decodeManifest(Buffer.from(other)), bad, name);
  }
});

test("what contradicts itself is refused, with every problem", () => {
  const wrong: Record<string, Partial<Manifest>> = {
    "a first with a previous": { previous_sha256: sha256("x") },
    "a later without": { sequence: 2 },
    "a period that ends first": { period: { ...full.period, end: full.period.start } },
    "more than the period": { covers: { ...full.covers, to: "2026-11-17T00:00:00Z" } },
    "a revision of nothing": { revision: 1 },
    "superseding itself": { revision: 1, supersedes: 1 },
    "a withdrawal of nothing": { kind: "withdrawal" },
    "withdrawing a later one": withdrawal([1]),
    "a policy of another label": { tlp: "GREEN" },
    "a name twice": { artifacts: [artifact, artifact] },
    "CSV without rows": { artifacts: [{ ...stix, media_type: "text/csv" }] },
    "rows that aren't CSV": { artifacts: [{ ...artifact, media_type: "application/json" }] },
    "a path as name": { artifacts: [{ ...artifact, name: "../escape.csv" }] },
    "a content that isn't the file": { artifacts: [{ ...artifact, content_encoding: undefined } as never] },
    "a fraction": { counts: { rows: 0.5 } },
    "a fraction in the feed": { feed_definition: { share: 0.5 } },
    "no such day": { next_by: "2026-02-30T00:00:00Z" },
    milliseconds: { published_at: "2026-11-16T06:00:00.000Z" },
  };
  for (const [name, change] of Object.entries(wrong)) {
    assert.throws(() => encodeManifest({ ...full, ...change }), bad, name);
  }
  try {
    encodeManifest({ ...full, revision: 1, tlp: "GREEN" });
    assert.fail();
  } catch (error) {
    assert.ok(isError(error, "bad-manifest"));
    assert.deepEqual(error.problems.map((problem) => problem.path).sort(), ["supersedes", "tlp"]);
  }
});

test("the JSON Schema takes the same manifests", () => {
  const ajv = new Ajv2020({ strict: false, formats: { date: /^\d{4}-\d{2}-\d{2}$/ } });
  const validate = ajv.compile(manifestJsonSchema());
  const accepts = (value: unknown) => validate(JSON.parse(JSON.stringify(value)));
  assert.ok(accepts(full), JSON.stringify(validate.errors));
  assert.ok(accepts({ ...full, policy: { ...full.policy, economies: "all" }, next_by: null }));
  assert.ok(!accepts({ ...full, extra: 1 }));
  assert.ok(!accepts({ ...full, sequence: 0 }));
  assert.ok(!accepts({ ...full, artifacts: [{ ...artifact, name: "a/b" }] }));
  assert.ok(!accepts({ ...full, feed_definition: { share: 0.5 } }));
});

test("instants in microseconds go there and back", () => {
  assert.equal(microsecondInstant(Date.UTC(2026, 10, 16) * 1000 + 7), "2026-11-16T00:00:00.000007Z");
  fc.assert(
    fc.property(fc.integer({ min: 946_684_800_000_000, max: 4_102_444_800_000_000 }), (micros) => {
      assert.equal(parseMicroseconds(microsecondInstant(micros)), micros);
    }),
  );
});

test("published_at leaves a microsecond for each STIX object before it, and is never before the clock", () => {
  const previous = aManifest({
    artifacts: [
      { ...stix, objects: 5000 },
      { ...stix, name: "spam-sources_2026-W46_tlp-amber-2.stix.json.gz", objects: 7 },
    ],
  });
  const at = parseMicroseconds(previous.published_at);
  assert.equal(nextPublishedAt(at - 10_000_000, previous), at + 5008);
  assert.equal(nextPublishedAt(at + 5008, previous), at + 5008);
  assert.equal(nextPublishedAt(at + 9999, previous), at + 9999);
  assert.equal(nextPublishedAt(at), at);
});

test("labels stand in file names as rendering writes them", () => {
  assert.deepEqual((["CLEAR", "GREEN", "AMBER", "AMBER+STRICT"] as const).map(tlpInName), [
    "tlp-clear",
    "tlp-green",
    "tlp-amber",
    "tlp-amber-strict",
  ]);
});

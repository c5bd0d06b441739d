/** What a preview says is what is published afterwards, and what a change of policy does. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Partner } from "../../src/feed/partners.ts";
import { lakeState } from "../../src/publication/plan.ts";
import { asIfInForce, lastPeriod, previewDifference, previewFeed } from "../../src/publication/preview.ts";
import { capturesOf, type OperatorWorld, openOperatorWorld, partnersOf } from "./operator-world.ts";

const now = Date.UTC(2026, 10, 12, 12);

const yamlOf = (economies: string, more = "", mou = "signed: 2026-01-01, expires: 2027-12-31", tlp = "AMBER") =>
  `partners:
  - id: twcert
    name: twcert
    economies: ${economies}
    mou: { reference: M, ${mou}, purposes: [test], onward: constituents, retention_days: 365 }
    tlp_ceiling: AMBER+STRICT
    contacts: [{ name: Placeholder, email: feeds@twcert.example }]
    ${more}
    subscriptions:
      - { feed: spam-sources, every: day, formats: [csv, stix], split_by: source_asn, tlp: ${tlp} }
      - { feed: spam-targets, every: day, formats: [stix], tlp: ${tlp} }
      - { feed: summary, every: day, formats: [json], tlp: ${tlp} }
...
`;

async function worldOf(t: Parameters<typeof openOperatorWorld>[0]): Promise<OperatorWorld> {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", [
    ...capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3),
    ...capturesOf("203.0.113.8", "2026-11-11T01:00:00Z", 4),
    ...capturesOf("198.51.100.9", "2026-11-11T02:00:00Z", 5),
  ]);
  await world.ingest("pot-2", [
    ...capturesOf("203.0.113.20", "2026-11-11T03:00:00Z", 2),
    ...capturesOf("192.0.2.4", "2026-11-11T03:00:00Z", 2),
  ]);
  return world;
}

function partnerOf(world: OperatorWorld, yaml: string): Partner {
  const [partner] = partnersOf(yaml, world.feeds);
  assert.ok(partner);
  return partner;
}

/** Previews of the partner's feeds by their ids. */
async function previewsOf(world: OperatorWorld, partner: Partner, at = now) {
  const publishing = world.publishWorld(at, { partners: [partner] });
  const lake = await lakeState(publishing, at);
  const made = partner.subscriptions.map(async (subscription) => {
    const period = lastPeriod(partner, subscription, lake, at);
    assert.ok(period);
    const preview = await previewFeed(publishing, lake, { partner, subscription, period, now: at });
    assert.ok(preview);
    return [subscription.feed.id, { subscription, preview }] as const;
  });
  return { publishing, lake, previews: new Map(await Promise.all(made)) };
}

test("rows, files, sizes and digests of a preview are those of the publication made afterwards", async (t) => {
  const world = await worldOf(t);
  const partner = partnerOf(world, yamlOf("[TW]"));
  const before = await readdir(world.root, { recursive: true });
  const { previews } = await previewsOf(world, partner);
  assert.deepEqual(await readdir(world.root, { recursive: true }), before, "a preview stores nothing");
  const published = await world.publish(now, {}, { partners: [partner] });
  for (const [feed, { preview }] of previews) {
    const last = published.filter((manifest) => manifest.feed === feed).at(-1);
    assert.ok(last);
    assert.equal(last.period.id, "2026-11-11");
    for (const name of [
      "period",
      "covers",
      "tlp",
      "policy",
      "input",
      "coverage",
      "counts",
      "artifacts",
      "notes",
    ] as const)
      assert.deepEqual(preview.manifest[name], last[name], `${feed} ${name}`);
  }
  const sources = previews.get("spam-sources")?.preview;
  assert.equal(sources?.manifest.counts.rows, 2);
  assert.equal(sources?.manifest.artifacts.filter(({ name }) => name.includes("_AS")).length, 1);
  assert.ok(sources && "rows" in sources.sample);
  const { columns, rows } = sources.sample;
  const at = columns.indexOf("source_ip");
  assert.deepEqual(
    rows.map((row) => row[at]),
    ["203.0.113.20", "203.0.113.8"],
  );
  assert.ok(rows.every((row) => row.length === columns.length));
  // What isn't asked for is made for the sample alone.
  const targets = previews.get("spam-targets")?.preview;
  assert.ok(targets?.manifest.artifacts.every(({ name }) => name.endsWith(".json.gz")));
  assert.ok(targets && "rows" in targets.sample && targets.sample.rows.length > 0);
});

test("a change of economies, label or masks says what is added, taken and emptied", async (t) => {
  const world = await worldOf(t);
  const differences = async (from: string, to: string, feed = "spam-sources") => {
    const before = await previewsOf(world, partnerOf(world, from));
    const after = await previewsOf(world, partnerOf(world, to));
    const [old, fresh] = [before.previews.get(feed), after.previews.get(feed)];
    assert.ok(old && fresh);
    return previewDifference(before.publishing, old.subscription, old.preview, fresh.preview);
  };
  const none = { emptied: [], filled: [] };
  assert.deepEqual(await differences(yamlOf("[TW]"), yamlOf("[TW, JP]")), {
    rows: { added: 1, removed: 0, changed: 0 },
    ...none,
  });
  assert.deepEqual(await differences(yamlOf("[TW, JP]"), yamlOf("[AU]")), {
    rows: { added: 1, removed: 3, changed: 0 },
    ...none,
  });
  assert.deepEqual(await differences(yamlOf("[TW]"), yamlOf("[TW]")), {
    rows: { added: 0, removed: 0, changed: 0 },
    ...none,
  });
  assert.deepEqual(await differences(yamlOf("[TW]"), yamlOf("[TW]", "masks: [exemplars, captures]")), {
    rows: { added: 0, removed: 0, changed: 0 },
    emptied: ["captures", "exemplars"],
    filled: [],
  });
  const lower = await differences(yamlOf("[TW]"), yamlOf("[TW]", "", undefined, "GREEN"));
  assert.ok(lower.emptied.includes("source_ip") && !lower.emptied.includes("captures"));
  assert.deepEqual((await differences(yamlOf("[TW]", "", undefined, "GREEN"), yamlOf("[TW]"))).filled, lower.emptied);
  assert.deepEqual(await differences(yamlOf("[TW]"), yamlOf("[TW, JP]"), "summary"), none);
  // Sources of what TW is the target of are the same; JP's own targets are new.
  const targets = await differences(yamlOf("[TW]"), yamlOf("all"), "spam-targets");
  assert.ok(targets.rows && targets.rows.added > 0 && targets.rows.removed === 0);
});

test("before its MoU begins a partner is shown what there is as if it were in force", async (t) => {
  const world = await worldOf(t);
  const later = partnerOf(
    world,
    yamlOf("[{ code: TW, since: 2026-12-01 }]", "", "signed: 2026-11-12, expires: 2027-12-31"),
  );
  const lake = await lakeState(world.publishWorld(now, { partners: [later] }), now);
  for (const subscription of later.subscriptions) assert.equal(lastPeriod(later, subscription, lake, now), undefined);
  const { previews } = await previewsOf(world, asIfInForce(later, now));
  const { previews: real } = await previewsOf(world, partnerOf(world, yamlOf("[TW]")));
  for (const [feed, { preview }] of previews) {
    assert.equal(preview.due.period.id, "2026-11-11");
    assert.deepEqual(preview.manifest.artifacts, real.get(feed)?.preview.manifest.artifacts);
  }
});

test("a preview that fails leaves nothing behind", async (t) => {
  const world = await worldOf(t);
  const partner = partnerOf(world, yamlOf("[TW]"));
  const publishing = world.publishWorld(now, { partners: [partner], sensorIds: new Set() });
  const lake = await lakeState(publishing, now);
  const [subscription] = partner.subscriptions;
  assert.ok(subscription);
  const period = lastPeriod(partner, subscription, lake, now);
  assert.ok(period);
  await assert.rejects(previewFeed(publishing, lake, { partner, subscription, period, now }), {
    code: "unknown-sensor",
  });
  assert.deepEqual(await readdir(join(world.root, ".tmp")).catch(() => []), []);
});

/** Slices in their two forms: what an engine that inlines relations is asked reads the captures a few times at most. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { periodAt } from "../../src/feed/period.ts";
import { policyOf } from "../../src/feed/policy.ts";
import { buildSlice } from "../../src/feed/slice.ts";
import { summarySql } from "../../src/feed/summary-sql.ts";
import { partnersOf, projectFeeds } from "../pipeline.ts";

/** Queries by feed: each grain's and the summary's, as an engine that inlines them is asked. */
async function inlined(): Promise<ReadonlyMap<string, string>> {
  const feeds = await projectFeeds();
  const subscriptions = [...feeds.values()].map(({ id, formats }) => ({ feed: id, every: "week", formats }));
  const [partner = assert.fail()] = partnersOf(feeds, [{ id: "someone", economies: ["TW"], subscriptions }]);
  const week = periodAt("week", Date.UTC(2026, 10, 11));
  return new Map(
    partner.subscriptions.map((subscription) => {
      const { feed } = subscription;
      const policy = policyOf(partner, subscription, week) ?? assert.fail();
      const sql = feed.grain === "summary" ? summarySql(feed, policy) : buildSlice(feed, policy, week, []).sql.inlined;
      return [feed.id, sql];
    }),
  );
}

/** A query's relations, each from its name on; the last one has the query itself behind it. */
const relationsOf = (sql: string): readonly string[] => sql.split(/,\n(?=\w+ AS \()/);

/** How often a relation is read where each relation that names it is worked out anew wherever it is named itself. */
function reads(sql: string, relation: string): number {
  const heads = relationsOf(sql);
  const last = heads.at(-1) ?? "";
  const end = last.search(/\nSELECT /);
  const query = last.slice(end);
  const bodies = new Map(
    heads.map((head) => [/^\w+/.exec(head)?.[0] ?? "", head === last ? head.slice(0, end) : head]),
  );
  const readsOf = (text: string, known: readonly string[]): number =>
    [...text.matchAll(/\b(?:FROM|JOIN) (\w+)/g)].reduce((sum, [, name = ""]) => {
      if (name === relation) return sum + 1;
      const body = known.includes(name) ? bodies.get(name) : undefined;
      return body === undefined ? sum : sum + readsOf(body, known.slice(0, known.indexOf(name)));
    }, 0);
  return readsOf(query, [...bodies.keys()]);
}

test("an engine that inlines relations reads the captures twice for a slice, and six times for a summary", async () => {
  const found = [...(await inlined())].map(([feed, sql]) => [feed, reads(sql, "captures")]);
  assert.deepEqual(Object.fromEntries(found), {
    "spam-sources": 2,
    "spam-targets": 2,
    "spam-urls": 2,
    "spam-events": 2,
    summary: 6,
  });
});

test("no row is kept for each distinct value of something else: 73,000 rows took more than three gigabytes", async () => {
  const sql = (await inlined()).get("spam-sources") ?? assert.fail();
  const aggregated = relationsOf(sql).filter((relation) => /max\(CAST\(row\(/.test(relation));
  assert.ok(aggregated.length > 0);
  for (const relation of aggregated) assert.doesNotMatch(relation, /DISTINCT/);
});

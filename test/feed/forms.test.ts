/** Slices in their two forms: what an engine that inlines relations is asked reads the captures a few times at most. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { periodAt } from "../../src/feed/period.ts";
import { policyOf } from "../../src/feed/policy.ts";
import { buildSlice } from "../../src/feed/slice.ts";
import { summarySql } from "../../src/feed/summary-sql.ts";
import { openDuckdb } from "../../src/lake/duckdb.ts";
import type { Dataset } from "../../src/lake/records.ts";
import { columnsOf } from "../../src/lake/relation.ts";
import { partnersOf, projectFeeds } from "../pipeline.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** The project's summary of a week for TW. */
async function summaryOfWeek(): Promise<string> {
  const feeds = await projectFeeds();
  const subscriptions = [{ feed: "summary", every: "week", formats: ["json"] }];
  const [partner = assert.fail()] = partnersOf(feeds, [{ id: "someone", economies: ["TW"], subscriptions }]);
  const [subscription = assert.fail()] = partner.subscriptions;
  const week = periodAt("week", Date.UTC(2026, 10, 11));
  return summarySql(subscription.feed, policyOf(partner, subscription, week) ?? assert.fail());
}

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

test("hosts of one network with as many captures stand in the order of what is said of them, and are cut by it", async (t) => {
  const sql = await summaryOfWeek();
  const engine = await openDuckdb({ threads: 2, memoryMb: 200, temporary: await temporaryFolder(t) });
  t.after(() => engine.close());
  const columns = (dataset: Dataset, cells: Readonly<Record<string, string>>) =>
    columnsOf[dataset].map(({ name, type }) => `${cells[name] ?? `CAST(NULL AS ${type})`} AS ${name}`).join(", ");
  const captures = columns("captures", {
    captured_at: String(Date.UTC(2026, 10, 11)),
    probe: "FALSE",
    source_ip: "'203.0.113.' || CAST(i AS VARCHAR)",
    source_economy: "CASE (i * 7) % 3 WHEN 0 THEN 'KR' WHEN 1 THEN 'TW' ELSE 'JP' END",
    target_economies: "['TW']",
    recipients: "1",
    sensor: "'pot-1'",
    session: "CAST(i AS VARCHAR)",
  });
  const relations = `captures AS (SELECT ${captures} FROM range(30) t(i)), requests AS (SELECT ${columns("requests", {})} WHERE FALSE)`;
  const economies: unknown[] = [];
  for await (const { rows, columns: cells } of engine.rows({}, `${relations},\n${sql}`)) {
    for (let row = 0; row < rows; row += 1) if (cells[0]?.[row] === "sources") economies.push(cells[3]?.[row]);
  }
  assert.deepEqual(economies, [...Array(10).fill("JP"), ...Array(10).fill("KR")]);
});

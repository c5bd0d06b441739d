/**
 * The same bytes from DuckDB and from Trino: random lakes, feeds and policies, published by both.
 *
 * `SAME_SECONDS` lets it go on for longer than it does by default; `SAME_SEED` and `SAME_PATH` make the
 * case again that a failure named.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { parse } from "yaml";
import { loadMaps } from "../../src/enrich/maps.ts";
import { type Feed, parseFeed } from "../../src/feed/feeds.ts";
import { grainColumns } from "../../src/fields.ts";
import { compact } from "../../src/lake/compact.ts";
import { dayMs, hourMs } from "../../src/model.ts";
import { lastDay, sensorsFile } from "../laws/captures.ts";
import {
  documentationTables,
  openSite,
  openWorkshop,
  partnersOf,
  projectRoot,
  type Read,
  type Site,
  type Workshop,
} from "../pipeline.ts";
import { type Ground, openBoth, openGround, openPair } from "./same-site.ts";
import { wildFiles, wildLines } from "./wild-captures.ts";

/** Takes what ends later, and ends it in the reverse order. */
function openEnding() {
  const ends: (() => unknown)[] = [];
  return {
    after: (end: () => unknown) => ends.push(end),
    async end() {
      for (const end of ends.reverse()) await end();
    },
  };
}

const ending = openEnding();
let ground: Ground;
let workshop: Workshop;
/** With tables of a later day, by which networks moved from one economy to another. */
let later: Workshop;

before(async () => {
  const maps = await loadMaps(join(projectRoot, "feeds", "maps"));
  const parts = { maps, sensors: sensorsFile };
  workshop = await openWorkshop(ending, { ...parts, tables: documentationTables });
  const moved = documentationTables.economy.replaceAll(/TW|JP/g, (code) => (code === "TW" ? "JP" : "TW"));
  later = await openWorkshop(ending, { ...parts, tables: { ...documentationTables, economy: moved } });
  ground = await openGround(ending);
});
after(() => ending.end());

const feedIds = ["spam-sources", "spam-targets", "spam-urls", "spam-events", "summary"] as const;

const some = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1 });

/** What a feed asks, beside what the project's own of its grain does. */
const asked = fc.record({
  sides: some(["source", "target", "url"] as const),
  every: fc.oneof(
    { weight: 6, arbitrary: fc.constant("week" as const) },
    { weight: 1, arbitrary: fc.constant("day" as const) },
  ),
  filters: fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: some(["socks4", "http", "smtp"]).map((service) => ({ service })) },
    { weight: 1, arbitrary: some([25, 8080]).map((abused_port) => ({ abused_port })) },
    { weight: 1, arbitrary: some([64_500, 64_510]).map((source_asn) => ({ source_asn })) },
    { weight: 1, arbitrary: some(["connect-25", "get"]).map((request_type) => ({ request_type })) },
    { weight: 1, arbitrary: some([25, 587]).map((destination_port) => ({ destination_port })) },
    { weight: 1, arbitrary: some(["en", "it's"]).map((language) => ({ language })) },
  ),
  columns: fc.option(fc.infiniteStream(fc.boolean()), { freq: 2 }),
  common_text: fc.record({ sensors: fc.constantFrom(2, 2, 3), recipients: fc.constantFrom(3, 3, 4, 8) }),
  exemplars: fc.constantFrom(0, 1, 5),
});

const code = fc.constantFrom("TW", "JP", "HK", "PL", "US", "UY");
const policy = fc.record({
  economies: fc.oneof(
    fc.constant("all" as const),
    fc.uniqueArray(fc.record({ code, since: fc.constantFrom(undefined, undefined, "2026-11-14", "2026-11-15") }), {
      minLength: 1,
      maxLength: 3,
      selector: (economy) => economy.code,
    }),
  ),
  masks: fc.subarray(["source_ip", "subject", "url_host", "captures", "day", "destination_fqdn", "exemplars", "helo"], {
    maxLength: 3,
  }),
  tlp: fc.constantFrom("GREEN", "AMBER", "AMBER+STRICT"),
  // Every period since then is due.
  mou: fc.constantFrom(
    { signed: "2026-11-02" },
    { signed: "2026-11-12" },
    { signed: "2026-11-15" },
    { signed: "2026-11-11", expires: "2026-11-14" },
  ),
});

const cases = fc.record({
  lines: wildLines,
  overlap: fc.nat(3),
  feeds: fc.tuple(asked, asked, asked, asked, asked),
  policies: fc.array(policy, { minLength: 2, maxLength: 2 }),
  again: fc.constantFrom("never", "before compaction", "after it"),
  excluded: fc.boolean(),
  compacted: fc.boolean(),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;
type Asked = Case["feeds"][number];

/** One of the project's feeds, changed. */
async function feedOf(id: (typeof feedIds)[number], more: Asked): Promise<Feed> {
  const text = await readFile(join(projectRoot, "feeds", `${id}.yaml`), "utf8");
  const own = parse(text.replace(/\.\.\.\n$/, ""));
  const possible = grainColumns[own.grain as keyof typeof grainColumns]; // the project's own file names a grain
  const { columns: kept } = more;
  const columns = kept === null || id === "summary" ? own.columns : possible.filter(() => kept.next().value === true);
  const changed = {
    ...own,
    ...(id === "spam-sources" ? { exemplars: more.exemplars } : {}),
    ...(id === "spam-sources" || id === "spam-targets" ? {} : { sides: more.sides }),
    ...(id === "summary" ? {} : { filters: more.filters, columns }),
    ...(own.common_text === undefined ? {} : { common_text: more.common_text }),
  };
  const { value, problems } = parseFeed(id, `feeds/${id}.yaml`, JSON.stringify(changed));
  return value ?? assert.fail(JSON.stringify(problems));
}

/**
 * Puts the case's lines into the lake of a site: batches that overlap, some excluded, some merged, and some attributed
 * again by the site of a later day.
 */
async function fill(site: Site, ofLater: Site, one: Case): Promise<void> {
  const batches: string[] = [];
  const files = wildFiles(one.lines, one.overlap);
  for (const [index, file] of files.entries()) batches.push((await site.ingest(`${index}.ndjson`, file)).batch);
  // Every second file, the last one among them: the first one may be excluded.
  const again = files.filter((_, index) => index % 2 === (files.length - 1) % 2);
  const ingestAgain = async () => {
    for (const [index, file] of again.entries()) {
      const { generation } = await ofLater.ingest(`again-${index}.ndjson`, file, { again: true });
      assert.equal(generation, 2);
    }
  };
  if (one.again === "before compaction") await ingestAgain();
  if (one.excluded) await site.exclude(batches[0] ?? "", "drawn", lastDay);
  if (one.compacted) {
    const options = { now: lastDay + dayMs, retainDays: 400, temporary: workshop.folder, smallBytes: 1 << 30 };
    await compact(site.lake, workshop.world.engine, options);
  }
  if (one.again === "after it") await ingestAgain();
}

const now = lastDay + 30 * hourMs;

/** Publishes the case by both engines; @returns how many artifacts were the same. */
async function checkSame(one: Case): Promise<number> {
  const own = openEnding();
  try {
    const { duckdb, trino, both } = await openPair(own, ground, workshop);
    await fill(duckdb, await openSite(own, later, undefined, both.duckdb), one);
    const feeds = new Map<string, Feed>();
    for (const [index, id] of feedIds.entries()) feeds.set(id, await feedOf(id, one.feeds[index] ?? assert.fail()));
    const partners = partnersOf(
      feeds,
      one.policies.map((drawn, index) => ({
        id: `partner-${index}`,
        economies:
          drawn.economies === "all"
            ? "all"
            : drawn.economies.map(({ code: own, since }) => (since === undefined ? own : { code: own, since })),
        masks: drawn.masks,
        mou: drawn.mou,
        subscriptions: feedIds.map((feed, place) => ({
          feed,
          every: one.feeds[place]?.every ?? "week",
          formats: feed === "summary" ? ["json"] : ["csv", "stix"],
          tlp: drawn.tlp,
        })),
      })),
    );
    for (const site of [duckdb, trino]) await site.publish(partners, now);
    return compare(await duckdb.publications(), await trino.publications());
  } finally {
    await own.end();
  }
}

function compare(wanted: readonly Read[], found: readonly Read[]): number {
  const place = ({ partner, feed, manifest }: Read) => `${partner}/${feed}/${manifest.sequence}`;
  assert.deepEqual(found.map(place), wanted.map(place));
  let artifacts = 0;
  for (const [index, publication] of wanted.entries()) {
    const other = found[index] ?? assert.fail();
    for (const [name, bytes] of publication.files) {
      artifacts += 1;
      if (bytes.equals(other.files.get(name) ?? Buffer.of())) continue;
      assert.equal(String(other.files.get(name)), String(bytes), `${place(publication)} ${name}`);
      assert.fail(`${place(publication)} ${name}: other bytes of the same text`);
    }
    assert.equal(
      Buffer.from(other.payload).toString(),
      Buffer.from(publication.payload).toString(),
      place(publication),
    );
  }
  return artifacts;
}

const seconds = Number(process.env.SAME_SECONDS ?? 75);
const seed = Number(process.env.SAME_SEED ?? Date.now() % 2 ** 31);

test("random lakes, feeds and policies: artifacts and manifests of both engines are the same, byte for byte", async (t) => {
  let [runs, artifacts] = [0, 0];
  t.diagnostic(`SAME_SEED=${seed}`);
  const deadline = performance.now() + seconds * 1000;
  const property = fc.asyncProperty(cases, async (one) => {
    // What has begun is carried to its end, however slow the machine is.
    if (runs > 0 && performance.now() > deadline) return;
    artifacts += await checkSame(one);
    runs += 1;
  });
  const found = await fc.check(property, {
    seed,
    numRuns: Math.max(2, seconds),
    endOnFailure: true,
    ...(process.env.SAME_PATH === undefined ? {} : { path: process.env.SAME_PATH }),
  });
  t.diagnostic(`${runs} lakes, ${artifacts} artifacts`);
  // The case itself is longer than anyone reads: the seed makes it again.
  if (found.counterexamplePath !== null)
    assert.fail(
      `SAME_SEED=${found.seed} SAME_PATH=${found.counterexamplePath}\n${inspect(found.errorInstance, { depth: 4 })}`,
    );
  assert.ok(artifacts > 0);
});

test("whole numbers beyond 32 and 53 bits come from both engines as they are", async (t) => {
  const { duckdb, trino } = await openBoth(t, ground, workshop);
  const sql = `numbers AS (SELECT * FROM (VALUES (4611686018427387904, 2147483648, 1), (4611686018427387903, 2147483648, -3)) t(a, b, c))
SELECT CAST(sum(a) AS BIGINT) AS a, CAST(sum(b) AS BIGINT) AS b, CAST(min(-a) AS BIGINT) AS least, CAST(sum(c) * 9007199254740993 AS BIGINT) AS c, CAST(CAST(sum(a) AS BIGINT) AS VARCHAR) AS text FROM numbers`;
  const found: unknown[] = [];
  for (const { lake, engine } of [duckdb, trino]) {
    using captures = await lake.select("captures", [], 0, lastDay);
    for await (const { columns } of engine.rows({ captures }, sql)) found.push(columns.map(([cell]) => cell));
  }
  const exact = [9223372036854775807n, 4294967296, -4611686018427387904n, -18014398509481986n, "9223372036854775807"];
  assert.deepEqual(found, [exact, exact]);
});

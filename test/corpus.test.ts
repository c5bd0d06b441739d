/**
 * Real spam through the whole path: archive, ingest, publish, verify. Nothing may be lost on the way, texts come out
 * right where the charset is known, and sources are attributed as independent observers attribute them.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadMaps } from "../src/enrich/maps.ts";
import type { Ingested } from "../src/ingest.ts";
import { archiveToSpool } from "../src/ingest-archive.ts";
import { type Cell, dayMs } from "../src/model.ts";
import {
  csvRows,
  openSite,
  openWorkshop,
  partnersOf,
  projectFeeds,
  projectRoot,
  type Site,
  type Workshop,
} from "./pipeline.ts";

const shared = join(projectRoot, "..", "shared", "data");
const charsetFolder = join(shared, "spam");
const consensusFile = join(shared, "geo", "consensus.csv");
const corpusFolder = join(projectRoot, "node_modules", "@stdlib", "datasets-spam-assassin", "data");
const needed = (path: string) => ({
  skip: existsSync(path) ? false : `${path.slice(projectRoot.length - 1)} isn't there`,
});

const ends: (() => unknown)[] = [];
let workshop: Workshop;
let site: Site;

before(async () => {
  const maps = await loadMaps(join(projectRoot, "feeds", "maps"));
  const sensors = "sensors:\n  - { id: archive, addresses: [{ address: 203.0.113.200 }] }\n";
  const t = { after: (end: () => unknown) => ends.push(end) };
  workshop = await openWorkshop(t, { maps, sensors });
  site = await openSite(t, workshop);
});

after(async () => {
  for (const end of ends.reverse()) await end();
});

const wholeTime = [Date.UTC(1999, 11, 31), Date.UTC(2100, 0, 1)] as const;

/** Columns of every capture in the lake. */
async function lakeRows(columns: readonly string[]): Promise<Record<string, Cell>[]> {
  const batches = await site.lake.batches(...wholeTime);
  const captures = await site.lake.select("captures", batches, ...wholeTime);
  const sql = `nothing AS (SELECT 1) SELECT ${columns.join(", ")} FROM captures`;
  const rows: Record<string, Cell>[] = [];
  for await (const { rows: count, columns: cells } of workshop.world.engine.rows({ captures }, sql)) {
    for (let row = 0; row < count; row += 1) {
      rows.push(Object.fromEntries(columns.map((name, column) => [name, cells[column]?.[row] ?? null])));
    }
  }
  return rows;
}

async function ingestArchive(folder: string): Promise<Ingested> {
  const flags = { sensor: "archive", service: "smtp", trustedHops: 1 } as const;
  return site.ingestPath(await archiveToSpool(folder, flags, site.settings));
}

/** Every message of the archive is in the lake, in quarantine, or one that is in the lake already. */
function checkNoneLost({ counts }: Ingested, messages: number, rows: number): void {
  const { lines, captures = 0, quarantined = 0, duplicates = 0 } = counts;
  assert.equal(lines, messages);
  assert.equal(captures + quarantined, messages);
  assert.equal(rows, captures - duplicates);
}

test(
  "the 179 messages in many charsets: none lost, subjects right where the manifest declares a charset",
  needed(charsetFolder),
  async (t) => {
    const files = readdirSync(charsetFolder).filter((name) => name.endsWith(".eml"));
    const done = await ingestArchive(charsetFolder);
    const rows = await lakeRows(["message_sha256", "subject", "charset", "language"]);
    checkNoneLost(done, files.length, rows.length);
    const [, ...lines] = readFileSync(join(charsetFolder, "manifest.csv"), "utf8").trim().split(/\r?\n/);
    const declared = new Set(
      lines.map((line) => line.split(",")).flatMap(([, sha256, , , charset]) => (charset ? [sha256] : [])),
    );
    const known = rows.filter((row) => declared.has(String(row.message_sha256)));
    const damaged = known.filter(({ subject }) => String(subject).includes("\ufffd"));
    t.diagnostic(
      `${files.length} messages: ${rows.length} captures, quarantine ${JSON.stringify(done.quarantined)}; ${known.length} of declared charset, ${damaged.length} damaged subjects`,
    );
    assert.deepEqual(damaged, []);
    assert.ok(known.length > 60, `${known.length} messages with a declared charset were looked at`);
  },
);

test("the 1,896 spams of a public corpus: none lost, and once more changes nothing", async (t) => {
  const folders = ["spam-1", "spam-2"].map((name) => join(corpusFolder, name));
  const before = (await lakeRows(["capture_id"])).length;
  const done: Ingested[] = [];
  for (const folder of folders) done.push(await ingestArchive(folder));
  const count = (name: string) => done.reduce((sum, { counts }) => sum + (counts[name] ?? 0), 0);
  const rows = await lakeRows(["capture_id"]);
  const between = count("captures") - count("duplicates") - (rows.length - before);
  t.diagnostic(
    `${count("lines")} messages: ${count("captures")} captures, ${count("duplicates")} twice in one archive, ${between} in the lake already, quarantine ${JSON.stringify(done.map(({ quarantined }) => quarantined))}, ${count("probes")} probes`,
  );
  assert.equal(count("lines"), 1896);
  assert.equal(count("captures") + count("quarantined"), 1896);
  assert.equal(new Set(rows.map((row) => row.capture_id)).size, rows.length);
  assert.ok(between >= 0 && between < 179, "what both hold counts once");
  for (const folder of folders) assert.equal((await ingestArchive(folder)).outcome, "known");
});

test("economies of sources agree with independent observers", needed(consensusFile), async (t) => {
  const consensus = new Map(
    readFileSync(consensusFile, "utf8")
      .trim()
      .split(/\r?\n/)
      .slice(1)
      .map((line) => line.split(",") as [string, string]), // two columns
  );
  const rows = await lakeRows(["source_ip", "source_economy"]);
  const sources = new Map(rows.map((row) => [String(row.source_ip), row.source_economy]));
  const known = [...sources].filter(([ip]) => consensus.has(ip));
  const equal = known.filter(([ip, economy]) => consensus.get(ip) === economy);
  const unknown = [...sources.values()].filter((economy) => economy === null).length;
  t.diagnostic(
    `${sources.size} source addresses, ${unknown} of unknown economy; ${known.length} in the consensus, ${equal.length} agree`,
  );
  assert.equal(equal.length, known.length);
});

test("a year of it, published for everyone and for TW, verifies; nobody's address stands in it", async (t) => {
  const rows = await lakeRows(["captured_at", "probe", "handshake"]);
  const now = Date.UTC(2003, 0, 6, 7);
  const feeds = await projectFeeds();
  const subscriptions = (tlp: string) =>
    ["spam-sources", "spam-events", "spam-urls"]
      .map((feed) => ({ feed, every: "week", formats: ["csv"], tlp }))
      .map((one) => (one.feed === "spam-events" ? { ...one } : one));
  const mou = { signed: "2001-01-01", expires: "2010-12-31" };
  const partners = partnersOf(feeds, [
    { id: "everyone", economies: "all", mou, subscriptions: subscriptions("AMBER+STRICT") },
    { id: "tw-only", economies: ["TW"], mou, subscriptions: subscriptions("AMBER").slice(0, 1) },
  ]);
  await site.publish(partners, now);
  const found = await site.publications();
  const report = await site.verify(now);
  assert.ok(report.ok, JSON.stringify(report.problems));
  const events = found.filter(({ partner, feed }) => partner === "everyone" && feed === "spam-events");
  const [from, to] = [
    events.map(({ manifest }) => Date.parse(manifest.period.start)),
    events.map(({ manifest }) => Date.parse(manifest.period.end)),
  ];
  const inside = rows.filter(
    ({ captured_at: at, probe }) => !probe && Number(at) >= Math.min(...from) && Number(at) < Math.max(...to),
  );
  const leaving = events.flatMap(csvRows);
  t.diagnostic(
    `${found.length} publications over ${Math.round((Math.max(...to) - Math.min(...from)) / dayMs)} days, ${leaving.length} events`,
  );
  assert.equal(leaving.length, inside.length);
  for (const { partner, files, feed } of found) {
    for (const [name, content] of files) assert.doesNotMatch(content.toString(), /@|%40/, name);
    if (partner === "tw-only") {
      for (const row of csvRows({ files })) assert.equal(row.source_economy, "TW", feed);
    }
  }
});

/**
 * Real spam through the whole path: archive, ingest, publish, verify. Nothing may be lost on the way, texts come out
 * right where the charset is known, and sources are attributed as independent observers attribute them.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadMaps } from "../src/enrich/maps.ts";
import { periodAt } from "../src/feed/period.ts";
import type { Ingested } from "../src/ingest.ts";
import { archiveToSpool } from "../src/ingest-archive.ts";
import { type Cell, dayMs, hourMs } from "../src/model.ts";
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
async function lakeRows(columns: readonly string[], of = site): Promise<Record<string, Cell>[]> {
  const batches = await of.lake.batches(...wholeTime);
  const captures = await of.lake.select("captures", batches, ...wholeTime);
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
    assert.ok(known.length > 50, `${known.length} messages with a declared charset were looked at`);
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

/** Economies whose agreement is stated one by one: those of the partners. */
const partnerEconomies = ["TW", "JP", "AU", "UY", "PL", "HK"];

test("economies of sources agree with independent observers", needed(consensusFile), async (t) => {
  const pairs = readFileSync(consensusFile, "utf8")
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(","));
  const consensus = new Map(pairs.map(([ip = "", economy = ""]) => [ip, economy]));
  const inCorpus = (await lakeRows(["source_ip"])).filter(({ source_ip: ip }) => consensus.has(String(ip)));
  // The corpora are twenty years older than the observations: addresses of these go the same way into a lake of their own.
  const ours = [...consensus].filter(([, economy], index) => partnerEconomies.includes(economy) || index % 50 === 0);
  const observed = await openSite({ after: (end) => ends.push(end) }, workshop);
  await observed.ingest("observed.ndjson", spoolOf(ours.map(([ip]) => ip)));
  const rows = await lakeRows(["source_ip", "source_economy"], observed);
  assert.equal(rows.length, ours.length);
  const agrees = ({ source_ip: ip, source_economy: economy }: Record<string, Cell>) =>
    consensus.get(String(ip)) === economy;
  const shares = partnerEconomies.map((economy) => {
    const of = rows.filter(({ source_ip: ip }) => consensus.get(String(ip)) === economy);
    return { economy, addresses: of.length, agreed: of.filter(agrees).length };
  });
  t.diagnostic(`${inCorpus.length} sources of the corpora are in the consensus`);
  t.diagnostic(shares.map(({ economy, addresses, agreed }) => `${economy} ${agreed}/${addresses}`).join(", "));
  t.diagnostic(`all: ${rows.filter(agrees).length} of ${rows.length}`);
  for (const { economy, addresses, agreed } of shares) assert.ok(agreed >= addresses * 0.95, economy);
  assert.ok(rows.filter(agrees).length >= rows.length * 0.97);
});

/** A spool file with one capture of each address, without a message. */
function spoolOf(addresses: readonly string[]): string {
  const at = "2026-06-20T00:00:00Z";
  const lines = addresses.map((ip, index) => ({
    kind: "message",
    id: `observed-${index}`,
    session: `observed-${index}`,
    connected_at: at,
    captured_at: at,
    source: { ip, port: 40_000 },
    handshake: true,
    service: { name: "smtp", port: 25 },
    envelope: { rcpt_to: [] },
  }));
  return [{ v: 1, sensor: "archive", sealed_at: at }, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
}

const weeks = 12;

test("its busiest twelve weeks, published for everyone and for TW, verify; nobody's address stands in them", async (t) => {
  const rows = await lakeRows(["captured_at", "probe", "source_ip"]);
  const end = busiest(rows.map(({ captured_at: at }) => Number(at)));
  const now = end + 7 * hourMs;
  const retain = { retain: `${weeks * 7}d` };
  const feedIds = ["spam-sources", "spam-events", "spam-urls"];
  const feeds = await projectFeeds(Object.fromEntries(feedIds.map((feed) => [feed, retain])));
  const mou = { signed: "2000-01-01", expires: "2020-12-31" };
  const subscriptions = (tlp: string) =>
    feedIds.map((feed) => ({ feed, every: "week", formats: ["csv", "stix"], tlp }));
  const partners = partnersOf(feeds, [
    { id: "everyone", economies: "all", mou, subscriptions: subscriptions("AMBER+STRICT") },
    { id: "tw-only", economies: ["TW"], mou, subscriptions: subscriptions("AMBER").slice(0, 1) },
  ]);
  await site.publish(partners, now);
  const found = await site.publications();
  const report = await site.verify(now);
  assert.ok(report.ok, JSON.stringify(report.problems));
  const leaving = found
    .filter(({ partner, feed }) => partner === "everyone" && feed === "spam-events")
    .flatMap((one) => csvRows(one));
  const inside = rows.filter(({ captured_at: at, probe }) => {
    return !probe && Number(at) >= end - weeks * 7 * dayMs && Number(at) < end;
  });
  const shown = (column: string) => leaving.filter((row) => row[column] !== "").length;
  t.diagnostic(
    `${found.length} publications up to ${new Date(end).toISOString()}: ${leaving.length} events, ${shown("subject")} with subject, ${shown("url_hosts")} with URL hosts`,
  );
  assert.equal(leaving.length, inside.length);
  assert.ok(leaving.length > 500);
  assert.equal(shown("subject") + shown("helo") + shown("url_hosts"), 0, "one sensor's texts stay");
  for (const { partner, files } of found) {
    for (const [name, content] of files) assert.doesNotMatch(content.toString(), /@|%40/, name);
    if (partner !== "tw-only") continue;
    for (const row of csvRows({ files })) assert.equal(row.source_economy, "TW");
  }
});

/** End of the run of {@link weeks} ISO weeks that holds most of the instants. */
function busiest(instants: readonly number[]): number {
  const ends = [...new Set(instants.map((at) => periodAt("week", at).end))];
  const held = (end: number) => instants.filter((at) => at >= end - weeks * 7 * dayMs && at < end).length;
  return ends.reduce((best, end) => (held(end) > held(best) ? end : best), ends[0] ?? 0);
}

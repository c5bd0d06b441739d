/**
 * A whole small installation in a folder of its own: real disk stores, DuckDB, parsing threads and keys. Tables hold
 * documentation networks alone; spools are written by hand, so that each test knows every capture.
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext } from "node:test";
import { sensorPatterns } from "../../src/capture/probe.ts";
import { loadMaps } from "../../src/enrich/maps.ts";
import { importTable } from "../../src/enrich/table-import.ts";
import { loadTables } from "../../src/enrich/table-load.ts";
import { type Feed, parseFeed } from "../../src/feed/feeds.ts";
import { type Partner, parsePartners } from "../../src/feed/partners.ts";
import { type Ingested, type IngestWorld, ingestFile } from "../../src/ingest.ts";
import { type Duckdb, openDuckdb } from "../../src/lake/duckdb.ts";
import { type Lake, openLake } from "../../src/lake/lake.ts";
import { openThreads } from "../../src/lake/rows/threads.ts";
import { openLog } from "../../src/log.ts";
import type { Sensor } from "../../src/model.ts";
import { issuerIdentity } from "../../src/publication/issuer.ts";
import { newKeys, openKeyring, readSiteKey } from "../../src/publication/keys.ts";
import type { Manifest } from "../../src/publication/manifest.ts";
import { type PublishWorld, publish } from "../../src/publication/publish.ts";
import { readSettings, type Settings } from "../../src/settings.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import type { Store } from "../../src/store/store.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const project = join(import.meta.dirname, "../..");

/** 203.0.113.0/24 is TW's, 198.51.100.0/24 JP's, 192.0.2.0/24 AU's; one AS each. */
const networks = [
  ["203.0.113.0,203.0.113.255", "TW", "64501,EXAMPLE-TW"],
  ["198.51.100.0,198.51.100.255", "JP", "64502,EXAMPLE-JP"],
  ["192.0.2.0,192.0.2.255", "AU", "64503,EXAMPLE-AU"],
] as const;

export const sensors: readonly Sensor[] = ["pot-1", "pot-2", "pot-3"].map((id, index) => ({
  id,
  addresses: [{ address: `192.88.99.${index + 1}` }],
  names: [],
}));

/** One captured message, told by as much as the tests care for. */
export interface Captured {
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
  readonly ip: string;
  readonly to?: readonly string[];
}

/** Two partners with equal policies. */
export const partnersYaml = `partners:
${["twcert", "ncc"]
  .map(
    (id) => `  - id: ${id}
    name: ${id}
    economies: [TW]
    mou: { reference: M-${id}, signed: 2026-01-01, expires: 2027-12-31, purposes: [test], onward: constituents, retention_days: 365 }
    tlp_ceiling: AMBER+STRICT
    contacts: [{ name: Placeholder, email: feeds@${id}.example }]
    subscriptions:
      - { feed: spam-sources, every: day, formats: [csv, stix] }
      - { feed: summary, every: day, formats: [json] }
`,
  )
  .join("")}...
`;

export interface OperatorWorld {
  readonly root: string;
  readonly settings: Settings;
  readonly lake: Lake;
  readonly engine: Duckdb;
  readonly store: Store;
  readonly feeds: ReadonlyMap<string, Feed>;
  readonly partners: readonly Partner[];
  /**
   * Ingests a batch of one sensor; the same captures give the same batch. `again` with other means than before, whose
   * rows are the same: the next generation. `into` another lake than its own.
   */
  ingest(sensor: string, captures: readonly Captured[], again?: string, into?: Lake): Promise<Ingested>;
  publishWorld(now: number, more?: Partial<PublishWorld>): PublishWorld;
  /** Publishes what is due, and gives the manifests in order; fails where anything failed. */
  publish(now: number, selected?: Parameters<typeof publish>[1], more?: Partial<PublishWorld>): Promise<Manifest[]>;
}

interface Shared {
  readonly engine: Duckdb;
  close(): Promise<void>;
  readonly ingest: Omit<IngestWorld, "settings" | "lake">;
  readonly feeds: ReadonlyMap<string, Feed>;
  readonly partners: readonly Partner[];
  readonly benignHosts: readonly string[];
}

let shared: Promise<Shared> | undefined;
// Of the file that imports this one: a hook set up inside a test would be that test's.
after(async () => (await shared)?.close());

/** Engine, threads and tables: opened once for a test file. */
async function openShared(): Promise<Shared> {
  const folder = await mkdtemp(join(tmpdir(), "spampots-shared-"));
  const tableStore = openDiskStore(join(folder, "tables"));
  for (const [kind, column] of [
    ["economy", 1],
    ["asn", 2],
  ] as const) {
    const file = join(folder, `${kind}.csv`);
    await writeFile(file, networks.map((row) => `${row[0]},${row[column]}\n`).join(""));
    await importTable({ files: [file], kind, name: `test-${kind}`, date: "2026-01-01", store: tableStore });
  }
  const tables = await loadTables(tableStore);
  const maps = await loadMaps(join(project, "feeds/maps"));
  await mkdir(join(folder, "spill"));
  const engine = await openDuckdb({ threads: 1, memoryMb: 600, temporary: join(folder, "spill") });
  const threads = openThreads(1, { tables: tables.shared(), maps, sensors });
  const close = async () => {
    engine.close();
    await threads.close();
    await rm(folder, { recursive: true, force: true });
  };
  const feeds = new Map<string, Feed>();
  for (const id of ["spam-sources", "spam-targets", "summary"]) {
    const parsed = parseFeed(id, id, await readFile(join(project, `feeds/${id}.yaml`), "utf8"));
    if (parsed.value) feeds.set(id, parsed.value);
  }
  return {
    engine,
    close,
    ingest: { writer: engine, threads, tables, maps, sensors, log: openLog("silent") },
    feeds,
    partners: partnersOf(partnersYaml, feeds),
    benignHosts: [...maps.benignHosts].sort(),
  };
}

/** Partners of a text like the one above. */
export function partnersOf(yaml: string, feeds: ReadonlyMap<string, Feed>): readonly Partner[] {
  const parsed = parsePartners("partners.yaml", yaml, feeds);
  if (parsed.value) return parsed.value;
  throw new Error(JSON.stringify(parsed.problems));
}

/** A fresh installation with keys and an empty lake, in its folder or elsewhere, removed after the test. */
export async function openOperatorWorld(t: Pick<TestContext, "after">, elsewhere?: Lake): Promise<OperatorWorld> {
  shared ??= openShared();
  const { engine, ingest, feeds, partners, benignHosts } = await shared;
  const root = await temporaryFolder(t);
  const settings = readSettings({ SPAMPOTS_DATA: root, SPAMPOTS_LOG: "silent", SPAMPOTS_THREADS: "1" });
  await newKeys({ folder: settings.keys }, { now: Date.UTC(2026, 0, 1) });
  const keyring = await openKeyring({ folder: settings.keys });
  const siteKey = await readSiteKey(settings.keys);
  const lake = elsewhere ?? (await openLake(settings.lake));
  const store = openDiskStore(settings.store);
  const publishWorld = (now: number, more: Partial<PublishWorld> = {}): PublishWorld => ({
    store,
    partners,
    sensorIds: new Set(sensors.map((sensor) => sensor.id)),
    lake,
    engine,
    sensors: sensorPatterns(sensors),
    benignHosts,
    siteKey,
    threads: 1,
    keyring,
    issuer: { name: "CERT.br", identityId: issuerIdentity },
    temporary: root,
    marks: openDiskStore(join(root, "tips")),
    clock: () => now,
    log: openLog("silent"),
    ...more,
  });
  return {
    root,
    settings,
    lake,
    engine,
    store,
    feeds,
    partners,
    async ingest(sensor, captures, again, into = lake) {
      const path = join(root, "batch.ndjson");
      await writeFile(path, spoolText(sensor, captures));
      const maps = again === undefined ? ingest.maps : { ...ingest.maps, digest: again };
      return ingestFile(path, { ...ingest, settings, lake: into, maps }, { again: again !== undefined });
    },
    publishWorld,
    async publish(now, selected = {}, more = {}) {
      const { published, failures } = await publish(publishWorld(now, more), selected);
      const failed = failures[0];
      if (failed) throw failed.error;
      return published.map(({ manifest }) => manifest);
    },
  };
}

/** The partners, a feed of theirs changed; its definition only where the change says so. */
export function withFeed(partners: readonly Partner[], id: string, change: (feed: Feed) => Partial<Feed>): Partner[] {
  return partners.map((partner) => ({
    ...partner,
    subscriptions: partner.subscriptions.map((subscription) => {
      const { feed } = subscription;
      return feed.id === id ? { ...subscription, feed: { ...feed, ...change(feed) } } : subscription;
    }),
  }));
}

/** A copy of the installation's store, times of files included, removed after the test. */
export async function copyOfStore(t: Pick<TestContext, "after">, { settings }: OperatorWorld): Promise<Store> {
  const folder = await temporaryFolder(t);
  await cp(settings.store, folder, { recursive: true, preserveTimestamps: true });
  return openDiskStore(folder);
}

function spoolText(sensor: string, captures: readonly Captured[]): string {
  const last = captures.map((capture) => Date.parse(capture.at)).reduce((a, b) => Math.max(a, b), 0);
  const header = { v: 1, sensor, sealed_at: new Date(last + 60_000).toISOString() };
  const lines = captures.map(({ id, at, ip, to = ["one@mail.tw", "two@mail.jp"] }) => ({
    kind: "message",
    id,
    session: `session-${id}`,
    connected_at: at,
    captured_at: at,
    handshake: true,
    source: { ip, port: 40_000 },
    service: { name: "socks5", port: 1080 },
    request: { type: "connect-25", ip: "198.51.100.25", port: 25, result: "granted" },
    envelope: { rcpt_to: to },
  }));
  return [header, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** Captures of one source, a minute apart. */
export function capturesOf(ip: string, from: string, count: number, prefix = "c"): Captured[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${prefix}-${ip}-${index}`,
    at: new Date(Date.parse(from) + index * 60_000).toISOString(),
    ip,
  }));
}

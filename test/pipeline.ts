/**
 * A whole site in a temporary folder, for tests of the path from spool to publication: real lake, engine, threads, keys
 * and store, a fixed clock and fixed keys, and small tables over documentation addresses. No mocks.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { sensorPatterns } from "../src/capture/probe.ts";
import { parseSensors } from "../src/capture/sensors.ts";
import type { Maps } from "../src/enrich/maps.ts";
import { importTable } from "../src/enrich/table-import.ts";
import { loadTables } from "../src/enrich/table-load.ts";
import { type Feed, parseFeed } from "../src/feed/feeds.ts";
import { type Partner, parsePartners } from "../src/feed/partners.ts";
import { type Ingested, type IngestOptions, type IngestWorld, ingestFile } from "../src/ingest.ts";
import { type Duckdb, openDuckdb } from "../src/lake/duckdb.ts";
import type { Engine } from "../src/lake/engine.ts";
import { type Lake, openLake } from "../src/lake/lake.ts";
import { openThreads } from "../src/lake/rows/threads.ts";
import { openLog } from "../src/log.ts";
import type { Sensor } from "../src/model.ts";
import { issuerIdentity } from "../src/publication/issuer.ts";
import { newKeys, openKeyring, readSiteKey } from "../src/publication/keys.ts";
import { artifactKey, decodeManifest, type Manifest } from "../src/publication/manifest.ts";
import type { Selected } from "../src/publication/plan.ts";
import { type PublishOutcome, publish } from "../src/publication/publish.ts";
import { keyFinder, openJws } from "../src/publication/sign.ts";
import { verify } from "../src/publication/verify.ts";
import type { VerifyReport } from "../src/publication/verify-report.ts";
import { readSettings, type Settings } from "../src/settings.ts";
import { openDiskStore } from "../src/store/disk.ts";
import type { Store } from "../src/store/store.ts";
import { type Ending, temporaryFolder } from "./temporary-folder.ts";

/** The project's root. */
export const projectRoot = resolve(import.meta.dirname, "..");

/** The key pair of RFC 8037 appendix A: published, so that nobody takes it for a secret. */
export const testKey = {
  kty: "OKP",
  crv: "Ed25519",
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
  kid: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
  alg: "EdDSA",
  use: "sig",
  d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
};

/** When the keys of every test site were made. */
const keysMade = Date.UTC(2026, 0, 1);

/** Economies and networks of the documentation addresses (RFC 5737, RFC 3849). */
export const documentationTables = {
  economy: `192.0.2.0,192.0.2.255,TW
198.51.100.0,198.51.100.255,JP
203.0.113.0,203.0.113.127,US
203.0.113.128,203.0.113.255,HK
2001:db8:1::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,TW
2001:db8:2::,2001:db8:2:ffff:ffff:ffff:ffff:ffff,JP
`,
  asn: `192.0.2.0,192.0.2.127,64500,Formosa Test Net
192.0.2.128,192.0.2.255,64501,Jade Test Net
198.51.100.0,198.51.100.255,64510,Fuji Test Net
203.0.113.0,203.0.113.127,64520,Potomac Test Net
2001:db8:1::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,64500,Formosa Test Net
2001:db8:2::,2001:db8:2:ffff:ffff:ffff:ffff:ffff,64510,Fuji Test Net
`,
};

/** What sites share: engine, threads, tables, keys. Opening them costs more than all a small site does. */
export interface Workshop {
  readonly folder: string;
  readonly maps: Maps;
  readonly sensors: readonly Sensor[];
  readonly world: Pick<IngestWorld, "threads" | "tables"> & { readonly engine: Duckdb };
  readonly keys: string;
}

export interface WorkshopParts {
  readonly maps: Maps;
  /** Text of the sensors file. */
  readonly sensors: string;
  /** CSV by kind; without, the default tables of the packages. */
  readonly tables?: typeof documentationTables;
}

/** Opens what sites share; it is closed after the test. */
export async function openWorkshop(t: Ending, parts: WorkshopParts): Promise<Workshop> {
  const folder = await temporaryFolder(t);
  const tableStore = openDiskStore(join(folder, "tables"));
  for (const kind of ["economy", "asn"] as const) {
    if (parts.tables === undefined) continue;
    const file = join(folder, `${kind}.csv`);
    await writeFile(file, parts.tables[kind]);
    await importTable({ files: [file], kind, name: "documentation", date: "2026-01-01", store: tableStore });
  }
  const keys = join(folder, "keys");
  await mkdir(keys, { mode: 0o700 });
  await writeFile(join(keys, "site.key"), `${"5b".repeat(32)}\n`, { mode: 0o600 });
  await writeFile(join(keys, `${testKey.kid}.jwk`), `${JSON.stringify(testKey, undefined, 2)}\n`, { mode: 0o600 });
  await newKeys({ folder: keys }, { now: keysMade });
  const tables = await loadTables(tableStore);
  const sensors = parseSensors(parts.sensors, "sensors.yaml");
  const temporary = join(folder, "engine");
  await mkdir(temporary);
  const engine = await openDuckdb({ threads: 1, memoryMb: 700, temporary });
  const threads = openThreads(1, { tables: tables.shared(), maps: parts.maps, sensors });
  t.after(async () => {
    await threads.close();
    engine.close();
  });
  return { folder, maps: parts.maps, sensors, world: { engine, threads, tables }, keys };
}

/** A publication as a partner reads it. */
export interface Read {
  readonly partner: string;
  readonly feed: string;
  readonly manifest: Manifest;
  readonly payload: Uint8Array;
  readonly jws: Uint8Array;
  /** Uncompressed content by artifact name; absent where the store has the artifact no more. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** One site: a lake and a store of its own. */
export interface Site {
  readonly settings: Settings;
  readonly lake: Lake;
  readonly store: Store;
  /** Writes a spool file and ingests it. */
  ingest(name: string, content: string | Uint8Array, options?: IngestOptions): Promise<Ingested>;
  ingestPath(path: string, options?: IngestOptions): Promise<Ingested>;
  exclude(batch: string, reason: string, now: number): Promise<unknown>;
  publish(partners: readonly Partner[], now: number, selected?: Selected): Promise<PublishOutcome>;
  verify(now: number, partner?: string): Promise<VerifyReport>;
  /** Every publication of the store, by partner, feed and sequence. */
  publications(): Promise<readonly Read[]>;
}

/** Where a site's lake is and what answers its slices, where it isn't the folder and DuckDB. */
export interface Elsewhere {
  readonly lake: Lake;
  readonly engine: Engine;
}

/** Opens a site in a folder of its own, by default one that is removed after the test. */
export async function openSite(t: Ending, workshop: Workshop, folder?: string, elsewhere?: Elsewhere): Promise<Site> {
  const data = folder ?? (await temporaryFolder(t));
  const settings = readSettings({ SPAMPOTS_DATA: data, SPAMPOTS_THREADS: "1", SPAMPOTS_LOG: "silent" });
  const lake = elsewhere?.lake ?? (await openLake(settings.lake));
  const store = openDiskStore(settings.store);
  const log = openLog("silent");
  const { engine: writer, threads, tables } = workshop.world;
  const engine = elsewhere?.engine ?? writer;
  const { maps, sensors } = workshop;
  const ingestPath = (path: string, options?: IngestOptions) =>
    ingestFile(path, { settings, lake, writer, threads, tables, maps, sensors, log }, options);
  return {
    settings,
    lake,
    store,
    ingestPath,
    async ingest(name, content, options) {
      await mkdir(settings.spool, { recursive: true });
      const path = join(settings.spool, name);
      await writeFile(path, content);
      return ingestPath(path, options);
    },
    exclude: (batch, reason, now) => lake.exclude({ v: 1, batch, reason, excluded_at: now }),
    async publish(partners, now, selected = {}) {
      await mkdir(join(data, ".tmp"), { recursive: true });
      const world = {
        store,
        partners,
        sensorIds: new Set(sensors.map((sensor) => sensor.id)),
        lake,
        engine,
        sensors: sensorPatterns(sensors),
        benignHosts: [...maps.benignHosts].sort(),
        siteKey: await readSiteKey(workshop.keys),
        threads: 1,
        keyring: await openKeyring({ folder: workshop.keys }),
        issuer: { name: settings.issuer, identityId: issuerIdentity },
        temporary: data,
        marks: openDiskStore(join(data, "tips")),
        clock: () => now,
        log,
      };
      const outcome = await publish(world, selected);
      const [failure] = outcome.failures;
      if (failure !== undefined) throw failure.error;
      return outcome;
    },
    verify: (now, partner) =>
      verify(store, {
        trust: { keys: [], anchors: new Set([testKey.kid]) },
        now,
        deep: true,
        ...(partner === undefined ? {} : { partner }),
      }),
    publications: () => readPublications(store, workshop),
  };
}

async function readPublications(store: Store, workshop: Workshop): Promise<Read[]> {
  const { keys } = await openKeyring({ folder: workshop.keys });
  const found: Read[] = [];
  for await (const { key } of store.list("partners/")) {
    const [, partner = "", feed = "", place] = key.split("/");
    if (place !== "log" || !key.endsWith(".jws")) continue;
    const jws = (await store.get(key)) ?? new Uint8Array();
    const { payload } = await openJws(jws, "spampots-manifest+jws", keyFinder(keys));
    const manifest = decodeManifest(payload);
    const files = new Map<string, Buffer>();
    for (const artifact of manifest.artifacts) {
      const bytes = await store.get(`partners/${partner}/${feed}/${artifactKey(artifact)}`);
      if (bytes === undefined) continue;
      files.set(artifact.name, artifact.content_encoding === "gzip" ? gunzipSync(bytes) : Buffer.from(bytes));
    }
    found.push({ partner, feed, manifest, payload, jws, files });
  }
  return found.sort((a, b) =>
    `${a.partner} ${a.feed} ${a.manifest.sequence + 1e8}` < `${b.partner} ${b.feed} ${b.manifest.sequence + 1e8}`
      ? -1
      : 1,
  );
}

/** The whole CSV of a publication (not a split one's), as records by column. */
export function csvRows({ files }: Pick<Read, "files">): Record<string, string>[] {
  const [, content] =
    [...files].find(([name]) => name.endsWith(".csv.gz") && !/_AS(\d+|-unknown)\.csv/.test(name)) ?? [];
  return content === undefined ? [] : parse(content, { columns: true });
}

/** Partners from what would stand in `partners.yaml`; members that don't matter here are filled in. */
export function partnersOf(
  feeds: ReadonlyMap<string, Feed>,
  entries: readonly (Readonly<Record<string, unknown>> & { readonly id: string; readonly mou?: object })[],
): readonly Partner[] {
  const whole = entries.map((entry) => ({
    name: entry.id,
    tlp_ceiling: "AMBER+STRICT",
    contacts: [{ name: "Placeholder", email: "feeds@partner.example" }],
    ...entry,
    mou: {
      reference: `MOU-${entry.id}`,
      signed: "2026-01-01",
      expires: "2027-12-31",
      purposes: ["incident response"],
      onward: "constituents",
      retention_days: 365,
      ...entry.mou,
    },
  }));
  const { value, problems } = parsePartners("partners.yaml", JSON.stringify({ partners: whole }), feeds);
  if (value === undefined) throw new Error(JSON.stringify(problems));
  return value;
}

/** The project's own feeds, some members replaced. */
export async function projectFeeds(
  replaced: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): Promise<ReadonlyMap<string, Feed>> {
  const feeds = new Map<string, Feed>();
  for (const id of ["spam-sources", "spam-targets", "spam-urls", "spam-events", "summary"]) {
    let text = (await readFile(join(projectRoot, "feeds", `${id}.yaml`), "utf8")).replace(/\.\.\.\n$/, "");
    for (const [name, value] of Object.entries(replaced[id] ?? {})) {
      text = `${text.replace(new RegExp(`^${name}:.*\\n`, "m"), "")}${name}: ${value}\n`;
    }
    const { value, problems } = parseFeed(id, `feeds/${id}.yaml`, text);
    if (value === undefined) throw new Error(JSON.stringify(problems));
    feeds.set(id, value);
  }
  return feeds;
}

export const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

/** A small issuer for tests: a key folder, a store on disk, and publications of made-up files. Not the real publisher. */
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { periodAt, secondsInstant } from "../../src/feed/period.ts";
import { dayMs, hourMs } from "../../src/model.ts";
import { ensureAnnounced } from "../../src/publication/announce.ts";
import { type Keyring, newKeys, openKeyring } from "../../src/publication/keys.ts";
import { append, readManifest, readTip } from "../../src/publication/log.ts";
import {
  type Artifact,
  artifactKey,
  feedPrefix,
  type Manifest,
  microsecondInstant,
  nextPublishedAt,
} from "../../src/publication/manifest.ts";
import { type KeyFinder, keyFinder } from "../../src/publication/sign.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import type { Store } from "../../src/store/store.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** The clock of these tests: a Monday. */
export const testNow = Date.UTC(2026, 10, 16, 6);

export const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

export interface Issuer {
  readonly root: string;
  readonly keys: string;
  readonly store: Store;
  readonly keyring: Keyring;
}

export async function newIssuer(t: Pick<TestContext, "after">, alg: "EdDSA" | "ES256" = "EdDSA"): Promise<Issuer> {
  const folder = await temporaryFolder(t);
  const [root, keys] = [join(folder, "store"), join(folder, "keys")];
  await newKeys({ folder: keys }, { alg, now: testNow });
  return { root, keys, store: openDiskStore(root), keyring: await openKeyring({ folder: keys }) };
}

/** A finder over every key of a keyring. */
export const finder = ({ keys }: Keyring): KeyFinder => keyFinder(keys);

export interface File {
  readonly suffix: string;
  readonly mediaType: string;
  readonly content: string;
  readonly facts?: Partial<Artifact>;
}

export const csvFile = (rows: number, seed = "a"): File => ({
  suffix: ".csv.gz",
  mediaType: "text/csv; charset=utf-8; header=present",
  content: `row_id,subject,tlp\r\n${Array.from({ length: rows }, (_, row) => `${seed}${row},"a ""quoted""\r\ntext",AMBER\r\n`).join("")}`,
  facts: { rows },
});

export const stixFile = (objects: number): File => ({
  suffix: ".stix.json.gz",
  mediaType: "application/stix+json;version=2.1",
  content: JSON.stringify({
    type: "bundle",
    id: "bundle--1",
    objects: Array.from({ length: objects }, (_, id) => ({ id, text: '{"}' })),
  }),
  facts: { objects, part: 1 },
});

const nothing = sha256("");

/** A manifest that is right in itself; members may be replaced. */
export function aManifest(more: Partial<Manifest> = {}): Manifest {
  const period = periodAt("week", testNow - 7 * dayMs);
  const [start, end] = [secondsInstant(period.start), secondsInstant(period.end)];
  return {
    v: 1,
    type: "spampots-manifest",
    issuer: "CERT.br",
    partner: "twcert",
    feed: "spam-sources",
    sequence: 1,
    previous_sha256: null,
    kind: "publication",
    period: { every: "week", id: period.id, start, end },
    covers: { from: start, to: end },
    revision: 0,
    supersedes: null,
    simulated: false,
    tlp: "AMBER",
    mou: { reference: "MoU 2026/1", purposes: ["incident response"], onward: "constituents", retention_days: 90 },
    feed_definition: { title: "Spam sources", sides: ["source"], filters: { abused_port: [25] } },
    policy: { digest: nothing, economies: [{ code: "TW" }], covers: { from: start, to: end }, tlp: "AMBER", masks: [] },
    schema_version: 1,
    renderer_version: 1,
    input: { batches: 3, digest: nothing, generations: 3, exclusions: 0, again: 0, revokes: 0 },
    tables: [{ kind: "economy", name: "delegated-extended", date: "2026-11-01", rows: 10, sha256: nothing }],
    coverage: { sensor_hours_expected: 1680, sensor_hours_seen: 1680 },
    counts: { rows: 2, captures: 9 },
    artifacts: [],
    notes: [],
    published_at: microsecondInstant(testNow * 1000),
    next_by: secondsInstant(testNow + 8 * dayMs),
    retain_until: secondsInstant(testNow + 90 * dayMs),
    open_periods: [],
    published_periods: [[start, end]],
    ...more,
  };
}

export interface PublishRequest {
  readonly partner?: string;
  readonly feed?: string;
  readonly files?: readonly File[];
  /** Weeks before the one that has just ended. */
  readonly weeksAgo?: number;
  readonly more?: Partial<Manifest>;
  readonly now?: number;
}

/** Publishes files as the next publication of a feed. Revisions are worked out by reading the whole log. */
export async function publish(issuer: Issuer, request: PublishRequest = {}): Promise<Manifest> {
  const {
    partner = "twcert",
    feed = "spam-sources",
    files = [csvFile(3)],
    weeksAgo = 0,
    more = {},
    now = testNow,
  } = request;
  const { store, keyring } = issuer;
  await ensureAnnounced(store, partner, { issuer: "CERT.br", keyring, now });
  const own = store.under(feedPrefix(partner, feed));
  const keyOf = finder(keyring);
  const tip = await readTip(own, keyOf);
  const week = periodAt("week", testNow - (7 + 7 * weeksAgo) * dayMs);
  const before = await newestOf(own, keyOf, week.id);
  const artifacts = await Promise.all(files.map((file) => put(own, `${feed}_${week.id}_tlp-amber`, file)));
  const [start, end] = [secondsInstant(week.start), secondsInstant(week.end)];
  const manifest = aManifest({
    partner,
    feed,
    sequence: (tip?.manifest.sequence ?? 0) + 1,
    previous_sha256: tip?.payloadSha256 ?? null,
    period: { every: "week", id: week.id, start, end },
    covers: { from: start, to: end },
    revision: before ? before.revision + 1 : 0,
    supersedes: before?.sequence ?? null,
    artifacts,
    published_at: microsecondInstant(nextPublishedAt(now * 1000, tip?.manifest)),
    ...more,
  });
  await append(own, manifest, keyring.signer);
  return manifest;
}

async function newestOf(store: Store, keyOf: KeyFinder, period: string): Promise<Manifest | undefined> {
  const tip = await readTip(store, keyOf);
  for (let sequence = tip?.manifest.sequence ?? 0; sequence > 0; sequence -= 1) {
    const manifest = (await readManifest(store, sequence, keyOf))?.manifest;
    if (manifest?.period.id === period) return manifest;
  }
  return undefined;
}

async function put(store: Store, stem: string, { suffix, mediaType, content, facts }: File): Promise<Artifact> {
  const packed = suffix.endsWith(".gz");
  const bytes = packed ? gzipSync(content) : Buffer.from(content);
  const artifact: Artifact = {
    name: `${stem}${suffix}`,
    media_type: mediaType,
    ...(packed ? { content_encoding: "gzip" } : {}),
    bytes: bytes.length,
    sha256: sha256(bytes),
    content_bytes: Buffer.byteLength(content),
    content_sha256: sha256(content),
    ...facts,
  };
  const folder = await mkdtemp(join(tmpdir(), "spampots-"));
  const path = join(folder, "file");
  await writeFile(path, bytes);
  await store.putFile(artifactKey(artifact), { path, bytes: bytes.length });
  await rm(folder, { recursive: true });
  return artifact;
}

/** A withdrawal of publications of the newest week. */
export const withdrawal = (sequences: [number, ...number[]]): Partial<Manifest> => ({
  kind: "withdrawal",
  withdraws: { sequences, reason: "A sensor's clock was wrong.", revoked: false },
});

export const later = (hours: number) => testNow + hours * hourMs;

/**
 * What each step on a row's way costs this process, one after another on one thread: rows of a slice are read into
 * memory, then made into CSV and STIX files; what these hold is compressed and digested once more, alone; manifests are
 * signed. Processor time is that of the whole process.
 *
 * `node stages.ts <partner> <feed> <period> <now> <rows> <folder>`: the last line is a list of stages.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateRawSync, gunzipSync } from "node:zlib";
import { sensorPatterns } from "../../../src/capture/probe.ts";
import { buildSlice } from "../../../src/feed/slice.ts";
import type { Chunk, Query } from "../../../src/model.ts";
import { besideForCsv, csvRenderer } from "../../../src/publication/csv.ts";
import { gzipOptions } from "../../../src/publication/gzip.ts";
import { issuerIdentity } from "../../../src/publication/issuer.ts";
import { openKeyring, readSiteKey } from "../../../src/publication/keys.ts";
import type { RenderedArtifact } from "../../../src/publication/render.ts";
import { renderContext } from "../../../src/publication/slices.ts";
import { stixRenderer } from "../../../src/publication/stix.ts";
import type { Stage } from "../results.ts";
import { dueSlice } from "./due-slice.ts";

const [partner = "", feed = "", period = "", now = "", limit = "1", folder = ""] = process.argv.slice(2);
const { world, lake, engine, benignHosts, subscription, entry } = await dueSlice({ partner, feed, period, now });
const slice = buildSlice(subscription.feed, entry.policy, entry.period, benignHosts);
const { from, to } = entry.policy.covers;

const stages: Stage[] = [];

/** Runs a step and notes what it took; `units` may depend on what came of it. */
async function step<T>(
  facts: Pick<Stage, "stage" | "what" | "unit">,
  work: () => T | Promise<T>,
  units: (made: T) => Pick<Stage, "units" | "bytes" | "gzipped_bytes">,
): Promise<T> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const made = await work();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - began) / 1000;
  stages.push({ ...facts, ...units(made), cpu_seconds: (user + system) / 1e6, seconds });
  return made;
}

/** The first rows of a query. */
async function rowsOf(sql: Query): Promise<Chunk[]> {
  using captures = await lake.select("captures", entry.input.batches, from, to);
  const chunks: Chunk[] = [];
  let left = Number(limit);
  for await (const chunk of engine.rows({ captures }, sql)) {
    const count = Math.min(left, chunk.rows);
    left -= count;
    if (count > 0) chunks.push({ rows: count, columns: chunk.columns.map((column) => column.slice(0, count)) });
    if (left === 0) break;
  }
  return chunks;
}

const count = (chunks: readonly Chunk[]) => chunks.reduce((sum, { rows }) => sum + rows, 0);

const sensors = sensorPatterns(await world.sensors());
const siteKey = await readSiteKey(world.settings.keys);
const issuer = { name: "CERT.br", identityId: issuerIdentity };
const job = {
  feed: { ...subscription.feed, stixMaxRows: Number.MAX_SAFE_INTEGER },
  due: entry,
  records: { again: 0, revokes: 0 },
  formats: new Set(["csv", "stix"] as const),
  split: false,
};

async function rendered(kind: "csv" | "stix", chunks: readonly Chunk[]): Promise<readonly RenderedArtifact[]> {
  const place = join(folder, kind);
  await mkdir(place, { recursive: true });
  const context = renderContext(job, slice.columns, place, { sensors, siteKey, threads: 1, issuer });
  const renderer = kind === "csv" ? csvRenderer(context) : stixRenderer(context);
  for (const chunk of chunks) await renderer.write(chunk);
  return renderer.finish();
}

/** Bytes of files, before and after gzip. */
const bytesOf = (files: readonly RenderedArtifact[]) => ({
  bytes: files.reduce((sum, file) => sum + file.contentBytes, 0),
  gzipped_bytes: files.reduce((sum, file) => sum + file.bytes, 0),
});

const packed = await rowsOf(slice.packed({ beside: besideForCsv(slice.columns), alone: [] }));
const csv = await step(
  { stage: "csv", what: "rows in memory to a gzipped CSV with its digests, flushed to disk", unit: "rows" },
  () => rendered("csv", packed),
  (files) => ({ units: count(packed), ...bytesOf(files) }),
);
const plain = await rowsOf(slice.sql);
await step(
  { stage: "stix", what: "rows in memory to gzipped STIX 2.1 parts with their digests, flushed to disk", unit: "rows" },
  () => rendered("stix", plain),
  (files) => ({ units: count(plain), ...bytesOf(files) }),
);
const [whole] = csv;
const content = gunzipSync(await readFile(whole?.path ?? ""));
await step(
  { stage: "gzip", what: "deflate of that CSV, alone", unit: "bytes" },
  () => deflateRawSync(content, gzipOptions),
  () => ({ units: content.length }),
);
await step(
  { stage: "hash", what: "SHA-256 of that CSV, alone", unit: "bytes" },
  () => createHash("sha256").update(content).digest(),
  () => ({ units: content.length }),
);
const { signer } = await openKeyring({ folder: world.settings.keys });
const manifest = Buffer.alloc(4096, "a");
await step(
  { stage: "sign", what: "a manifest of 4 kB into a flattened JWS, Ed25519", unit: "manifests" },
  async () => {
    for (let n = 0; n < 500; n += 1) await signer.sign(manifest, "spampots-manifest+jws");
  },
  () => ({ units: 500 }),
);
await world.close();
process.stdout.write(`${JSON.stringify(stages)}\n`);

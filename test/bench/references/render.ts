/**
 * Our side of the figures on rendering: the rows of a slice are read into memory, then rendered, hashed, compressed,
 * written and flushed. What is timed begins with the rows in memory and ends with the last file on disk.
 *
 * `node render.ts <format> <unit> <data folder> <sensors file> <config folder> <folder for files> [<rows>]`: the
 * configuration makes one slice due; `format` is csv or stix, `unit` what is counted: rows or objects.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sensorPatterns } from "../../../src/capture/probe.ts";
import { parseSensors } from "../../../src/capture/sensors.ts";
import { buildSlice } from "../../../src/feed/slice.ts";
import { openDuckdb } from "../../../src/lake/duckdb.ts";
import type { Chunk } from "../../../src/model.ts";
import { besideForCsv, csvRenderer } from "../../../src/publication/csv.ts";
import { issuerIdentity } from "../../../src/publication/issuer.ts";
import { readSiteKey } from "../../../src/publication/keys.ts";
import { renderContext } from "../../../src/publication/slices.ts";
import { stixRenderer } from "../../../src/publication/stix.ts";
import { planOf } from "../queries.ts";

const [format, unit, data = "", sensors = "", config = "", folder = "", rows = "Infinity"] = process.argv.slice(2);
const { planned, lake, benignHosts } = await planOf({ data, sensors, config });
const [first] = planned;
if (first === undefined || planned.length > 1) throw new Error(`${planned.length} slices are due, not one`);
const { feed } = first.subscription;
const { policy, period, input } = first.due;
const slice = buildSlice(feed, policy, period, benignHosts);

/** The slice's first rows, as the engine gives them. */
async function firstRows(limit: number): Promise<Chunk[]> {
  const engine = await openDuckdb({ threads: 2, memoryMb: 600, temporary: join(folder, "engine") });
  const captures = await lake.select("captures", input.batches, policy.covers.from, policy.covers.to);
  const chunks: Chunk[] = [];
  let left = limit;
  const sql = format === "csv" ? slice.packed({ beside: besideForCsv(slice.columns), alone: [] }) : slice.sql;
  for await (const chunk of engine.rows({ captures }, sql)) {
    const count = Math.min(left, chunk.rows);
    left -= count;
    if (count > 0) chunks.push({ rows: count, columns: chunk.columns.map((column) => column.slice(0, count)) });
  }
  engine.close();
  return chunks;
}

const chunks = await firstRows(Number(rows));
const patterns = sensorPatterns(parseSensors(await readFile(sensors, "utf8"), sensors));
const siteKey = await readSiteKey(join(data, "keys"));
const issuer = { name: "CERT.br", identityId: issuerIdentity };
const records = { again: 0, revokes: 0 };
await mkdir(folder, { recursive: true });

const started = performance.now();
const job = { feed, due: first.due, records, formats: new Set(["csv", "stix"] as const), split: false };
const context = renderContext(job, slice.columns, folder, { sensors: patterns, siteKey, threads: 2, issuer });
const renderer = format === "csv" ? csvRenderer(context) : stixRenderer(context);
for (const chunk of chunks) await renderer.write(chunk);
const files = await renderer.finish();
const seconds = (performance.now() - started) / 1000;
const objects = files.reduce((sum, file) => sum + (file.objects ?? 0), 0);
const units = unit === "rows" ? chunks.reduce((sum, chunk) => sum + chunk.rows, 0) : objects;
process.stdout.write(`${JSON.stringify({ seconds, units })}\n`);

/** Many files at once: one is read while the rows of another are committed, and the lake comes out the same. */
import assert from "node:assert/strict";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { mapsOf } from "../src/enrich/maps.ts";
import { type IngestWorld, ingestFile, readFile } from "../src/ingest.ts";
import { openDuckdb } from "../src/lake/duckdb.ts";
import { openLog } from "../src/log.ts";
import { documentationTables, openSite, openWorkshop } from "./pipeline.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const sensors = "sensors:\n  - { id: s1, addresses: [{ address: 203.0.113.200 }] }\n";

function spoolOf(name: string, captures: number): string {
  const at = "2026-06-20T00:00:00Z";
  const lines = Array.from({ length: captures }, (_, index) => ({
    kind: "message",
    id: `${name}-${index}`,
    session: name,
    connected_at: at,
    captured_at: at,
    source: { ip: "192.0.2.9", port: 40_000 },
    handshake: true,
    service: { name: "smtp", port: 25 },
    envelope: { rcpt_to: ["a@example.tw"] },
  }));
  return [{ v: 1, sensor: "s1", sealed_at: at }, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
}

const parts = { maps: mapsOf({}, [], []), sensors, tables: documentationTables };

test("files read before the one before is committed: each is there once, the same bytes are one batch", async (t) => {
  const workshop = await openWorkshop(t, parts);
  const { settings, lake } = await openSite(t, workshop);
  const { engine, threads, tables } = workshop.world;
  const { maps } = parts;
  const log = openLog("silent");
  const world: IngestWorld = { settings, lake, writer: engine, threads, tables, maps, sensors: workshop.sensors, log };
  const folder = await temporaryFolder(t);
  const paths = ["a", "b", "c"].map((name) => join(folder, `${name}.ndjson`));
  for (const [index, path] of paths.entries())
    await writeFile(path, spoolOf(index === 1 ? "b" : "a", 20 + (index % 2)));
  const names = await lake.names();
  const read = [];
  for (const path of paths) read.push(await readFile(path, world, { names }));
  const done = [];
  for (const file of read.toReversed()) done.push(await file.commit());
  assert.deepEqual(
    done.map(({ outcome, counts }) => [outcome, counts.captures]),
    [
      ["ingested", 20],
      ["ingested", 21],
      ["known", undefined],
    ],
  );
  const files = await readdir(join(settings.lake, "captures", "day=2026-06-20"));
  assert.equal(files.length, 2, "no Parquet file that no record names");
  assert.deepEqual(await readdir(join(settings.data, ".tmp")), []);
  const [path = ""] = paths;
  assert.equal((await ingestFile(path, world)).outcome, "known");
});

test("captures with ten thousand recipients of as many domains, and the least memory", async (t) => {
  const folder = await temporaryFolder(t);
  const engine = await openDuckdb({ threads: 2, memoryMb: 256, temporary: folder });
  t.after(() => engine.close());
  const workshop = await openWorkshop(t, parts);
  const { settings, lake } = await openSite(t, workshop);
  const { threads, tables } = workshop.world;
  const world: IngestWorld = {
    ...{ settings, lake, writer: engine, threads, tables, maps: parts.maps, sensors: workshop.sensors },
    log: openLog("silent"),
  };
  const many = Array.from({ length: 10_000 }, (_, index) => `a@${`d${index}`.padEnd(60, "x")}.tw`);
  const [header = "", line = ""] = spoolOf("long", 1).split("\n");
  const lines = Array.from({ length: 12 }, (_, index) => {
    const capture = JSON.parse(line);
    return JSON.stringify({ ...capture, id: `long-${index}`, envelope: { rcpt_to: many } });
  });
  const path = join(folder, "long.ndjson");
  await writeFile(path, [header, ...lines, ...spoolOf("short", 3000).split("\n").slice(1)].join("\n"));
  const { counts } = await ingestFile(path, world);
  assert.deepEqual([counts.captures, counts.duplicates, counts.quarantined], [3012, 0, 0]);
});

test("a file that can't be read leaves nothing behind", async (t) => {
  const workshop = await openWorkshop(t, parts);
  const site = await openSite(t, workshop);
  await assert.rejects(site.ingest("x.ndjson", '{"v":1,"sensor":"nobody","sealed_at":"2026-06-20T00:00:00Z"}\n'));
  assert.deepEqual(await readdir(join(site.settings.data, ".tmp")), []);
  await assert.rejects(stat(join(site.settings.lake, "captures")));
});

/**
 * What there is at the end of a case, as a list of facts that can be compared with an undisturbed run's: rows of the
 * lake, every object of the store by digest, marks, raw files, quarantine, spool; and what should not be there.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after } from "node:test";
import { openDuckdb } from "../../src/lake/duckdb.ts";
import type { Engine } from "../../src/lake/engine.ts";
import { openLake } from "../../src/lake/lake.ts";
import { datasets } from "../../src/lake/records.ts";
import type { Site } from "./world.ts";

/** Facts by name. Equal facts mean equal sites, for everyone but the clock. */
export type EndState = ReadonlyMap<string, string>;

const digestOf = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 24);

/** Everything that an interrupted run must leave as an undisturbed one does. */
export async function endState(site: Site): Promise<EndState> {
  const state = new Map<string, string>(await lakeFacts(site));
  for (const folder of ["store", "done", "quarantine", "spool"]) {
    for (const path of await filesBelow(join(site.data, folder)))
      state.set(relative(site.data, path), digestOf(await readFile(path)));
  }
  // Of a log's marks the newest counts; an older one goes when the next is put. The folder is named after the store's place.
  for (const path of await filesBelow(join(site.data, "tips"))) {
    const [, , partner, feed, mark = ""] = relative(site.data, path).split("/");
    state.set(`mark of ${partner} ${feed}`, mark);
  }
  return state;
}

let engine: Promise<Engine> | undefined;
let spill = "";
after(async () => {
  (await engine)?.close();
  if (spill !== "") await rm(spill, { recursive: true, force: true });
});

async function opened(): Promise<Engine> {
  spill = await mkdtemp(join(tmpdir(), "spampots-spill-"));
  return openDuckdb({ threads: 1, memoryMb: 300, temporary: spill });
}

/** Batches by generation, exclusions, and the rows that queries see; which files hold them is the lake's own business. */
async function lakeFacts(site: Site): Promise<[string, string][]> {
  engine ??= opened();
  await mkdir(join(site.data, "lake"), { recursive: true });
  const lake = await openLake(join(site.data, "lake"));
  const batches = await lake.batches(Date.UTC(2000), Date.UTC(2099));
  const facts = batches.map(({ files, ...record }): [string, string] => [
    `batch ${record.batch.slice(0, 16)}`,
    `${record.generation} ${digestOf(JSON.stringify(record))}`,
  ]);
  for (const [batch, record] of await lake.exclusions()) facts.push([`excluded ${batch}`, JSON.stringify(record)]);
  for (const dataset of datasets) {
    const selection = await lake.select(dataset, batches, Date.UTC(2000), Date.UTC(2099));
    const hash = createHash("sha256");
    let rows = 0;
    for await (const chunk of (await engine).rows(
      { [dataset]: selection },
      `all_rows AS (SELECT * FROM ${dataset}) SELECT * FROM all_rows ORDER BY ALL`,
    )) {
      rows += chunk.rows;
      // Rows rather than columns: how they come in chunks doesn't count.
      for (let row = 0; row < chunk.rows; row += 1)
        hash.update(`${chunk.columns.map((column) => String(column[row])).join("\u001f")}\n`);
    }
    facts.push([`rows of ${dataset}`, `${rows} ${hash.digest("hex").slice(0, 24)}`]);
  }
  return facts;
}

/** Files below a folder, without temporary ones; none where it is missing. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !isTemporary(path))
    .sort();
}

const isTemporary = (path: string) => /\/\.(tmp|new-)/.test(path);

/** Half-made files and folders of the site: whatever stands in a `.tmp` folder, and drafts of keys. */
export async function temporaries(site: Site): Promise<string[]> {
  const entries = await readdir(site.data, { recursive: true });
  return entries.filter((path) => /(^|\/)\.tmp\/[^/]+$|(^|\/)\.new-[^/]*$|\.part$/.test(path)).sort();
}

/** Files of the lake that no record names: what a killed run may leave until `sweep` finds them a day old. */
export async function unnamedLakeFiles(site: Site): Promise<string[]> {
  const lake = await openLake(join(site.data, "lake"));
  const batches = await lake.batches(Date.UTC(2000), Date.UTC(2099));
  const named = new Set(batches.flatMap((record) => record.files.map((file) => file.key)));
  for (const day of new Set(batches.flatMap((record) => record.files.map((file) => file.day))))
    for (const { file } of await lake.compactions(day)) named.add(file.key);
  const found: string[] = [];
  for (const dataset of datasets)
    for await (const { key } of lake.store.list(`${dataset}/`)) if (!named.has(key)) found.push(key);
  return found;
}

/** Fails with the facts that differ, and no others. */
export function assertSameState(found: EndState, expected: EndState): void {
  const names = [...new Set([...found.keys(), ...expected.keys()])].sort();
  const differences = names
    .filter((name) => found.get(name) !== expected.get(name))
    .map((name) => `${name}: ${found.get(name) ?? "missing"}, and undisturbed ${expected.get(name) ?? "nothing"}`);
  assert.deepEqual(differences, []);
}

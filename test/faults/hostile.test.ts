/**
 * Hostile captures through the whole path by the real command line: spool, ingest, publish, verify. What is hostile ends
 * in quarantine or as a row, all else of its file comes through, time and memory stay bounded, and none of its bytes are
 * raw in a terminal, log, cell, page, file name or key.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import type { BatchRecord } from "../../src/lake/records.ts";
import { projectRoot } from "../pipeline.ts";
import { type HostileFile, hostileFiles, largeFiles } from "./hostile-captures.ts";
import { now, openSite, type Site } from "./world.ts";

/** What no output may hold but at the end of a line. */
const unsafe = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffe\uffff]/u;
const spreadsheetRuns = /^[=+\-@\t\r＝＋－＠]/;

interface Ran {
  readonly code: number | null;
  readonly said: string;
  /** CPU of all threads. */
  readonly cpuMs: number;
  /** Greatest resident memory. */
  readonly peakMb: number;
}

/** Runs the command line as a person at a terminal would, and watches its memory. */
async function run(site: Site, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const child = spawn(process.execPath, [join(projectRoot, "bin", "spampots.js"), "--now", now, ...args], {
    cwd: site.root,
    env: {
      PATH: process.env.PATH ?? "",
      SPAMPOTS_DATA: site.data,
      SPAMPOTS_CONFIG: site.config,
      SPAMPOTS_THREADS: "2",
      SPAMPOTS_LOG: "trace",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pieces: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => pieces.push(piece));
  let peakMb = 0;
  let ticks = 0;
  const watch = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      peakMb = Math.max(peakMb, Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      ticks = Math.max(ticks, Number(fields[11]) + Number(fields[12]) || 0);
    } catch {
      // It has ended.
    }
  }, 20);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearInterval(watch);
  const bytes = Buffer.concat(pieces);
  const said = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  return { code, said, cpuMs: ticks * 10, peakMb };
}

function assertShown(said: string, what: string): void {
  const found = unsafe.exec(said);
  const near = found === null ? "" : JSON.stringify(said.slice(Math.max(0, found.index - 60), found.index + 20));
  assert.equal(found, null, `${what} holds U+${found?.[0].codePointAt(0)?.toString(16)}: ${near}`);
}

const partners = `partners:
  - id: twcert
    name: TWCERT
    economies: [TW]
    mou:
      { reference: M-1, signed: 2026-01-01, expires: 2027-12-31, purposes: [incident response], onward: constituents, retention_days: 365 }
    tlp_ceiling: AMBER+STRICT
    contacts: [{ name: Placeholder, email: feeds@twcert.example }]
    subscriptions:
      - { feed: spam-sources, every: day, formats: [csv, stix] }
      - { feed: spam-targets, every: day, formats: [csv, stix] }
      - { feed: spam-urls, every: day, formats: [csv, stix] }
      - { feed: spam-events, every: day, formats: [csv, stix] }
      - { feed: summary, every: day, formats: [json, markdown] }
...
`;

/** A site whose spool holds these files, and whose one partner has every feed. */
async function siteWith(files: readonly HostileFile[]): Promise<Site> {
  const site = await openSite("spooled");
  const spool = join(site.data, "spool");
  await rm(spool, { recursive: true });
  await mkdir(spool);
  await writeFile(join(site.config, "partners.yaml"), partners);
  for (const [index, { name, bytes }] of files.entries()) {
    const free = files.slice(0, index).every((other) => other.name !== name);
    await writeFile(join(spool, free ? name : `2-${name}`), bytes);
  }
  return site;
}

/** Paths of all files below a folder, relative to it. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** Batch records by the name of the file that they took, which `done/` keeps the end of. */
async function assertTaken(site: Site, files: readonly HostileFile[]): Promise<void> {
  const { createHash } = await import("node:crypto");
  const records = new Map<string, BatchRecord>();
  for (const name of await filesBelow(join(site.data, "lake", "batches"))) {
    // Written by the program itself.
    const record = JSON.parse(await readFile(join(site.data, "lake", "batches", name), "utf8")) as BatchRecord;
    records.set(record.batch, record);
  }
  for (const { name, bytes, captures, quarantined, refused } of files) {
    const record = records.get(createHash("sha256").update(bytes).digest("hex"));
    const shown = JSON.stringify(name);
    if (refused !== undefined) {
      assert.equal(record, undefined, `${shown} is refused`);
      continue;
    }
    assert.ok(record, `${shown} is in the lake`);
    assert.deepEqual([record.counts.captures, record.quarantined], [captures, quarantined], shown);
  }
}

const csvOf = (bytes: Buffer): string[][] => parse(gunzipSync(bytes), { relaxColumnCount: false });

/** Everything that was published and kept, by kind of file. */
async function assertHarmless(site: Site): Promise<Map<string, string[][]>> {
  const store = join(site.data, "store");
  const tables = new Map<string, string[][]>();
  for (const key of await filesBelow(store)) {
    assert.match(key, /^[A-Za-z0-9._/-]+$/, "a key in the store");
    const bytes = await readFile(join(store, key));
    if (key.endsWith(".csv.gz")) {
      const rows = csvOf(bytes);
      const feed = key.split("/")[2] ?? "";
      tables.set(feed, [...(tables.get(feed) ?? []), ...rows]);
      for (const cell of rows.flat()) {
        assertShown(cell, key);
        // A number may be negative; none of ours is.
        assert.doesNotMatch(cell, spreadsheetRuns, key);
        for (const part of cell.split(";")) assert.doesNotMatch(part, spreadsheetRuns, key);
      }
    } else if (/\.json(\.gz)?$/.test(key)) {
      const json = (key.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
      JSON.parse(json);
      assertShown(json, key);
    } else if (key.endsWith(".md")) {
      const page = bytes.toString();
      assertShown(page, key);
      assert.doesNotMatch(page, /<|\]\(|!\[|https?:|www\./i, key);
    }
  }
  for (const folder of ["done", "quarantine", "lake"]) {
    for (const path of await filesBelow(join(site.data, folder))) assertShown(path, `a name in ${folder}/`);
  }
  for (const path of await filesBelow(join(site.data, "quarantine"))) {
    const lines = (await readFile(join(site.data, "quarantine", path), "utf8")).trimEnd().split("\n");
    for (const line of lines) {
      assertShown(line, path);
      JSON.parse(line);
    }
  }
  return tables;
}

/** Commands that a person runs afterwards; each prints something about what came in. */
const afterwards: readonly (readonly string[])[] = [
  ["verify"],
  ["verify", "--json"],
  ["check"],
  ["lake", "batches"],
  ["lake", "batches", "--json"],
  ["lake", "verify"],
  ["lake", "compact"],
  ["ingest", "--again", "--json"],
  ["sweep", "--dry-run"],
];

test("hostile captures end in quarantine or as rows, and nothing of them is raw anywhere", {
  timeout: 300_000,
}, async (t) => {
  const files = ["pot-1", "pot-2"].flatMap(hostileFiles);
  const site = await siteWith(files);
  try {
    const ingested = await run(site, ["ingest"]);
    assertShown(ingested.said, "ingest");
    assert.equal(ingested.code, 1, ingested.said);
    await assertTaken(site, files);
    const published = await run(site, ["publish"]);
    assertShown(published.said, "publish");
    assert.equal(published.code, 0, published.said);
    const tables = await assertHarmless(site);
    const captures = files.reduce((sum, file) => sum + file.captures, 0);
    const [head = [], ...events] = tables.get("spam-events") ?? [];
    const rows = events.filter((row) => row[0] !== head[0]);
    assert.equal(rows.length, captures - (await probesOf(site)));
    assert.ok(new Set(rows.map((row) => row[head.indexOf("subject")])).size > 20, "subjects leave");
    for (const args of afterwards) {
      const ran = await run(site, args);
      assertShown(ran.said, args.join(" "));
      assert.ok(ran.code === 0 || args[0] === "check", `${args.join(" ")} ${ran.code}: ${ran.said.slice(-2000)}`);
    }
    assert.ok(ingested.peakMb < 1500, `${ingested.peakMb} MB`);
    t.diagnostic(
      `ingest: ${ingested.cpuMs} ms of CPU, ${Math.round(ingested.peakMb)} MB; publish: ${published.cpuMs} ms, ${Math.round(published.peakMb)} MB`,
    );
  } finally {
    await site.remove();
  }
});

async function probesOf(site: Site): Promise<number> {
  let probes = 0;
  for (const name of await filesBelow(join(site.data, "lake", "batches"))) {
    // Written by the program itself.
    const record = JSON.parse(await readFile(join(site.data, "lake", "batches", name), "utf8")) as BatchRecord;
    probes += record.counts.probes ?? 0;
  }
  return probes;
}

/** Bounds of `ingest` with two threads, whatever the file: CPU for starting and reading, resident memory of the process. */
const bound = { cpuMs: 15_000, peakMb: 1_500 };

for (const large of largeFiles()) {
  test(`${large.name}: time and memory stay bounded`, { timeout: 300_000 }, async (t) => {
    const site = await siteWith([large]);
    try {
      const ran = await run(site, ["ingest"], { SPAMPOTS_LOG: "info" });
      t.diagnostic(`${ran.cpuMs} ms of CPU, ${Math.round(ran.peakMb)} MB`);
      assertShown(ran.said, "ingest");
      assert.equal(ran.code, 0, ran.said);
      await assertTaken(site, [large]);
      assert.ok(ran.peakMb < bound.peakMb, `${ran.peakMb} MB`);
      assert.ok(ran.cpuMs < bound.cpuMs, `${ran.cpuMs} ms of CPU`);
    } finally {
      await site.remove();
    }
  });
}

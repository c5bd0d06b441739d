/**
 * Processes over a lake in S3: ingesters with folders of their own and the same spool, killed at any moment; a service
 * that is away; and a site that moves from a folder to a bucket.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Lake } from "../../src/lake/lake.ts";
import { openLake } from "../../src/lake/lake.ts";
import { deadFiles } from "../../src/lake/sweep.ts";
import { verifyLake } from "../../src/lake/verify.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import type { Store } from "../../src/store/store.ts";
import { type LakeGateway, startLakeGateway } from "./lake-place.ts";

const root = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);
let lakes: LakeGateway;
let folder: string;
/** A site whose spool holds two weeks: nothing was ingested. */
let spooled: string;

before(async () => {
  lakes = await startLakeGateway();
  folder = await mkdtemp(join(tmpdir(), "spampots-site-"));
  spooled = join(folder, "spooled");
  const days = ["--from", "2026-11-02", "--days", "14", "--messages-per-day", "60", "--sensors", "2"];
  await spampots({ data: spooled }, "simulate", ...days, "--bodies", "none");
});
after(async () => {
  await lakes?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface At {
  readonly data: string;
  readonly lake?: string;
  readonly store?: string;
  readonly endpoint?: string;
  readonly now?: string;
}

const environment = ({ data, lake, store, endpoint = lakes.gateway.endpoint }: At) => ({
  PATH: process.env.PATH,
  SPAMPOTS_DATA: data,
  ...(lake === undefined ? {} : { SPAMPOTS_LAKE: lake }),
  ...(store === undefined ? {} : { SPAMPOTS_STORE: store }),
  SPAMPOTS_CONFIG: root,
  SPAMPOTS_SENSORS: join(spooled, "spool", "sensors.yaml"),
  SPAMPOTS_S3_ENDPOINT: endpoint,
  SPAMPOTS_S3_DEADLINE: "5",
  SPAMPOTS_THREADS: "1",
  SPAMPOTS_LOG: "error",
  AWS_ACCESS_KEY_ID: lakes.gateway.accessKey,
  AWS_SECRET_ACCESS_KEY: lakes.gateway.secretKey,
});

const argumentsOf = ({ now = "2026-11-16T07:00:00Z" }: At, args: readonly string[]) => [
  join(root, "src", "cli.ts"),
  "--json",
  "--now",
  now,
  ...args,
];

async function spampots(at: At, ...args: string[]): Promise<Record<string, unknown>> {
  const call = run(process.execPath, argumentsOf(at, args), { env: environment(at), maxBuffer: 1 << 28 });
  const { stdout } = await call.catch((error) =>
    assert.fail(`spampots ${args.join(" ")}: ${error.stdout}${error.stderr}`),
  );
  return JSON.parse(stdout);
}

/** Ends with this exit code; gives what it said. */
async function refused(at: At, exit: number, ...args: string[]): Promise<string> {
  const call = run(process.execPath, argumentsOf(at, args), { env: environment(at), maxBuffer: 1 << 28 });
  const outcome = await call.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
  assert.equal(outcome.code, exit, outcome.stdout);
  return outcome.stdout;
}

/** A data folder with the spool, and nothing ingested. */
async function freshData(name: string): Promise<string> {
  const data = join(folder, name);
  await mkdir(data);
  await cp(join(spooled, "spool"), join(data, "spool"), { recursive: true });
  return data;
}

const namesOf = (path: string) => readdir(path).catch((): string[] => []);
const spoolOf = async (data: string) =>
  (await namesOf(join(data, "spool"))).filter((name) => name.includes(".ndjson")).sort();

/** All that records say but for the bytes of Parquet files: in which order rows stand in them is nobody's business. */
async function recordsOf(lake: Lake): Promise<unknown[]> {
  const records = await lake.records(await lake.names({ all: true }));
  return records
    .map((record) => ({
      ...record,
      files: record.files.map(({ dataset, day, rows }) => `${dataset} ${day} ${rows}`),
    }))
    .sort((a, b) => (a.batch < b.batch ? -1 : 1));
}

test("ingesters with the same spool, at once, staggered and killed: the same batches, nothing doubled", async (t) => {
  const reference = await freshData("reference");
  await spampots({ data: reference }, "ingest");
  const expected = await recordsOf(await openLake(join(reference, "lake")));
  assert.ok(expected.length >= 28, `${expected.length} batches`);
  const place = await lakes.place(t);
  const sites = [await freshData("a"), await freshData("b")].map((data) => ({ data, lake: place.url }));
  let kills = 0;
  /** Kills it while it is at some file: once so many have left the spool, and a moment later. */
  const killedAt = async (at: At, ingested: number) => {
    const child = spawn(process.execPath, argumentsOf(at, ["ingest"]), { env: environment(at), stdio: "ignore" });
    const ended = once(child, "exit");
    const before = (await spoolOf(at.data)).length;
    while (child.exitCode === null && before - (await spoolOf(at.data)).length < ingested) await sleep(5);
    await Promise.race([sleep(Math.random() * 150), ended]);
    if (child.exitCode === null && child.kill("SIGKILL")) kills += 1;
    await ended;
  };
  const disturbed = async (at: At) => {
    for (const ingested of [1, 4, 2]) await killedAt(at, ingested);
    await spampots(at, "ingest");
  };
  await Promise.all(sites.map(disturbed));
  t.diagnostic(`${kills} of 6 ingesters were killed before they were through`);
  assert.ok(kills >= 3);
  const lake = await place.open();
  assert.deepEqual(await recordsOf(lake), expected);
  assert.deepEqual((await verifyLake(lake)).faults, []);
  for (const { data } of sites) {
    assert.deepEqual(await spoolOf(data), []);
    assert.deepEqual(await namesOf(join(data, ".tmp")), []);
  }
  // What the killed left is swept a day later, and nothing else.
  const left: string[] = [];
  for await (const { why, entry } of deadFiles(lake, { now: Date.now() + 86_405_000, retainDays: 36_500 })) {
    assert.equal(why, "unnamed");
    left.push(entry.key);
  }
  for (const key of left) await lake.store.delete(key);
  assert.deepEqual((await verifyLake(await place.open())).faults, []);
  t.diagnostic(`${left.length} files were never made visible`);
});

test("while the service is away ingest ends with its code and leaves the spool; afterwards it goes on", async (t) => {
  const place = await lakes.place(t);
  const data = await freshData("away");
  const spool = await spoolOf(data);
  lakes.proxy.plan(() => "503");
  const away = { data, lake: place.url, endpoint: lakes.proxy.endpoint };
  assert.match(await refused(away, 4, "ingest"), /"store-unavailable"/);
  assert.deepEqual(await spoolOf(data), spool);
  assert.deepEqual(await namesOf(join(data, ".tmp")), []);
  // One that watches waits for it.
  const watching = spawn(process.execPath, argumentsOf(away, ["ingest", "--watch"]), { env: environment(away) });
  t.after(() => watching.kill("SIGKILL"));
  const exit = once(watching, "exit");
  let said = "";
  watching.stderr.on("data", (chunk) => {
    said += chunk;
  });
  const until = async (condition: () => Promise<boolean> | boolean) => {
    for (let left = 600; !(await condition()); left -= 1) {
      assert.ok(left > 0 && watching.exitCode === null, said);
      await sleep(100);
    }
  };
  await until(() => said.includes("the lake's store is away"));
  assert.deepEqual(await spoolOf(data), spool);
  lakes.proxy.plan();
  await until(async () => (await spoolOf(data)).length === 0);
  watching.kill("SIGTERM");
  assert.deepEqual(await exit, [0, null], said);
  assert.equal((await (await place.open()).names()).length, spool.length);
});

/** Every object below a prefix, files first and records last, by what any copier does: names and bytes. */
async function copyLake(from: Store, to: Store): Promise<void> {
  const path = join(folder, "object");
  for (const prefix of ["captures/", "requests/", "compactions/", "exclusions/", "batches/"]) {
    for await (const { key } of from.list(prefix)) {
      const bytes = (await from.get(key)) ?? assert.fail(key);
      await writeFile(path, bytes);
      await to.putFile(key, { path, bytes: bytes.length });
    }
  }
}

async function objects(store: Store): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { key } of store.list("")) found.set(key, Buffer.from((await store.get(key)) ?? []).toString("hex"));
  return found;
}

test("a site moves to a bucket: nothing is due for that, and what comes later is the same, byte for byte", async (t) => {
  const place = await lakes.place(t);
  const stayed = await freshData("stayed");
  const moved = join(folder, "moved");
  // The second week comes after the move.
  const all = await spoolOf(stayed);
  const later = all.filter((name) => /2026-?11-?(09|1\d)/.test(name));
  assert.ok(later.length > 0 && later.length < all.length, all[0]);
  const aside = join(folder, "aside");
  await mkdir(aside);
  for (const name of later) await cp(join(stayed, "spool", name), join(aside, name));
  for (const name of later) await rm(join(stayed, "spool", name));
  const early = { data: stayed, now: "2026-11-10T07:00:00Z" };
  await spampots(early, "ingest");
  await spampots(early, "keys", "new");
  await spampots(early, "lake", "compact");
  const first = await spampots(early, "publish");
  assert.ok(Array.isArray(first.published) && first.published.length > 0);
  await cp(stayed, moved, { recursive: true });

  const { store } = await place.open();
  await copyLake(openDiskStore(join(moved, "lake")), store);
  await rm(join(moved, "lake"), { recursive: true });
  const there = { data: moved, lake: place.url };
  // A move that lost or changed something is refused by name.
  const [victim = ""] = [...(await objects(store)).keys()].filter((key) => /^captures\/.*\/c0001-/.test(key));
  const sound = (await store.get(victim)) ?? assert.fail(victim);
  await store.delete(victim);
  assert.match(await refused(there, 3, "lake", "verify"), new RegExp(`"key": ?"${victim}",\\s*"fault": ?"missing"`));
  const path = join(folder, "other");
  await writeFile(
    path,
    sound.map((byte, at) => (at === 99 ? byte ^ 1 : byte)),
  );
  await store.putFile(victim, { path, bytes: sound.length });
  assert.match(await refused(there, 3, "lake", "verify"), new RegExp(`"key": ?"${victim}",\\s*"fault": ?"changed"`));
  await writeFile(path, sound);
  await store.putFile(victim, { path, bytes: sound.length });
  assert.deepEqual((await spampots(there, "lake", "verify")).faults, []);

  assert.deepEqual((await spampots({ ...there, now: "2026-11-10T08:00:00Z" }, "publish")).published, []);
  const swept = await spampots({ ...there, now: "2026-11-10T08:00:00Z" }, "sweep");
  assert.deepEqual(swept.failures, []);
  for (const at of [{ data: stayed }, there]) {
    await cp(aside, join(at.data, "spool"), { recursive: true });
    await spampots(at, "ingest");
    const { published } = await spampots(at, "publish");
    assert.ok(Array.isArray(published) && published.length > 0);
  }
  const [here, then] = [
    await objects(openDiskStore(join(stayed, "store"))),
    await objects(openDiskStore(join(moved, "store"))),
  ];
  const publications = (found: Map<string, string>) => [...found].filter(([key]) => key.startsWith("partners/"));
  assert.deepEqual(publications(then), publications(here));
  assert.ok(publications(here).length > 20);
  assert.ok((await readFile(path)).length > 0);
});

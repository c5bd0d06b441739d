/**
 * Two ingesters, two runners, a cluster and an S3 service, each killed while it is at work: in the end there are the same
 * artifacts and manifest payloads, byte for byte, as one undisturbed process makes of the same spool with DuckDB on a disk.
 *
 * `CLUSTER_AWAY=60` keeps the S3 service away for that many seconds rather than for 15.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openDiskStore } from "../../src/store/disk.ts";
import { openStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { expectDone, openSite, type Site } from "../faults/world.ts";
import { type Gateway, startGateway } from "../s3/gateway.ts";
import { midQuery, type RunningQuery, untilMidQuery } from "./running-query.ts";
import {
  byCluster,
  type Environment,
  inGateway,
  type SiteProcess,
  startCommand,
  supervised,
  until,
} from "./site-process.ts";
import { type Cluster, startTrino } from "./trino.ts";

const awayMs = Number(process.env.CLUSTER_AWAY ?? 15) * 1000;
const bucket = "disturbed";

let gateway: Gateway;
let cluster: Cluster;

before(async () => {
  gateway = await startGateway();
  await gateway.bucket(bucket);
  cluster = await startTrino({ s3: gateway });
});
after(async () => {
  await cluster?.stop();
  await gateway?.stop();
});

test("whoever is killed, the same publications result", async (context) => {
  const spooled = await openSite("spooled");
  const expected = await undisturbed(spooled);
  // Three partners, two feeds, three days: a manifest and one or two artifacts of each.
  assert.ok(expected.size >= 36, "The undisturbed run published too little to be compared with.");
  const s3 = { endpoint: gateway.endpoint, region: "us-east-1", pathStyle: true, deadlineMs: 60_000 };
  const credentials = { accessKeyId: gateway.accessKey, secretAccessKey: gateway.secretKey };
  const open = (prefix: string) => openStore(`s3://${bucket}/${prefix}`, { ...s3, credentials });
  const began = performance.now();
  const tell = (text: string) => context.diagnostic(`${((performance.now() - began) / 1000).toFixed(1)} s: ${text}`);

  await ingestDisturbed(spooled, await open("lake"), inGateway(gateway, bucket), tell);
  const store = await open("store");
  await publishDisturbed(spooled, store, expected.size, tell);
  assert.deepEqual(await publications(store), expected);
});

type Tell = (text: string) => void;

/** What one process makes that nobody disturbs, with DuckDB on a disk. */
async function undisturbed(spooled: Site): Promise<Publications> {
  const site = await spooled.copy();
  expectDone(await site.run(["ingest"]));
  expectDone(await site.run(["publish"]));
  return publications(openDiskStore(join(site.data, "store")));
}

/** Digests of artifacts and manifest payloads by key. */
type Publications = ReadonlyMap<string, string>;

async function publications(store: Store): Promise<Publications> {
  const found = new Map<string, string>();
  for await (const { key } of store.list("partners/")) {
    if (!/\/(artifacts|log)\//.test(key)) continue;
    const bytes = await store.get(key);
    assert.ok(bytes, key);
    const content = key.endsWith(".jws") ? JSON.parse(Buffer.from(bytes).toString()).payload : bytes;
    found.set(key, createHash("sha256").update(content).digest("hex"));
  }
  return found;
}

/** Two ingesters on machines of their own: the first has all files, the second every other one. */
async function ingestDisturbed(spooled: Site, lake: Store, env: Environment, tell: Tell): Promise<void> {
  const sites = [await spooled.copy(), await spooled.copy()] as const;
  for (const [index, site] of sites.entries()) {
    const spool = join(site.data, "spool");
    const names = (await readdir(spool)).sort();
    for (const [at, name] of names.entries()) if (index === 1 && at > 0 && at % 2 === 0) await rm(join(spool, name));
  }
  const [first, second] = sites;
  const killed = startCommand(first, ["ingest"], env);
  const other = supervised(() => startCommand(second, ["ingest"], env));
  await until("a first batch", 60_000, async () => ((await batchesOf(lake)) > 0 ? true : undefined));
  // Whatever they are at, they wait for an answer now.
  gateway.pauseOsd();
  await sleep(500);
  assert.ok(killed.running, "The first ingester ended before it was killed.");
  await killed.kill();
  tell("killed an ingester in the middle of a put");
  await gateway.kill();
  gateway.resumeOsd();
  const again = supervised(() => startCommand(first, ["ingest"], env));
  await sleep(awayMs);
  await gateway.restart();
  tell(`the S3 service was away for ${awayMs / 1000} s`);
  const starts = await Promise.all([again, other]);
  tell(`both ingesters are through, started ${starts[0]} and ${starts[1]} times since`);
  assert.equal(await batchesOf(lake), (await readdir(join(spooled.data, "spool"))).length);
}

async function batchesOf(lake: Store): Promise<number> {
  let count = 0;
  for await (const { key } of lake.list("batches/")) if (key.endsWith(".json")) count += 1;
  return count;
}

/** Two runners on machines of their own. The queries of both stand still whenever somebody is to be killed. */
async function publishDisturbed(spooled: Site, store: Store, expected: number, tell: Tell): Promise<void> {
  const start = async (user: string) =>
    startCommand(await spooled.copy(), ["run"], { ...inGateway(gateway, bucket), ...byCluster(cluster, user) });
  const runners = [await start("runner-1"), await start("runner-2")] as const;
  try {
    const [killed, other] = runners;
    await killWorker(tell);
    await inMidQuery("runner-1", async () => killed.kill());
    tell("killed a runner in mid-query");
    await killCoordinator(tell);
    await inMidQuery("runner-2", () => gateway.kill());
    await sleep(awayMs);
    assert.ok(
      (await countAfter(() => gateway.restart(), store)) < expected,
      "All was published before the S3 service went.",
    );
    tell(`the S3 service was away for ${awayMs / 1000} s in mid-query`);
    await until("all publications", 240_000, async () => {
      assert.ok(other.running, `The runner ended:\n${other.said.slice(-4000)}`);
      return (await publications(store)).size >= expected ? true : undefined;
    });
    tell("everything is published");
    assert.equal(await other.end(), 0, other.said.slice(-2000));
  } catch (error) {
    for (const { said } of runners) tell(said.slice(-1500));
    throw error;
  } finally {
    await Promise.all(runners.map((runner: SiteProcess) => runner.kill()));
  }
}

async function countAfter(work: () => Promise<void>, store: Store): Promise<number> {
  await work();
  return (await publications(store)).size;
}

/**
 * Does something while a slice's query of the user is half done: the workers stand still until it's done. One that ended
 * before they stood is let go, and the next one taken.
 */
async function inMidQuery(user: string | undefined, work: (query: RunningQuery) => Promise<void>): Promise<void> {
  for (;;) {
    const seen = await untilMidQuery(cluster, user);
    for (const worker of cluster.workers) worker.pause();
    try {
      const held = await midQuery(cluster, user);
      if (held?.id === seen.id) return await work(held);
    } finally {
      for (const worker of cluster.workers) worker.resume();
    }
  }
}

async function killWorker(tell: Tell): Promise<void> {
  await inMidQuery(undefined, async ({ workers: [worker], user, tags }) => {
    assert.ok(worker);
    await worker.kill();
    tell(`killed ${worker.name} in the middle of a query of ${user}: ${tags.join(" ")}`);
    await worker.restart();
  });
}

async function killCoordinator(tell: Tell): Promise<void> {
  await inMidQuery("runner-2", async () => cluster.coordinator.kill());
  await cluster.coordinator.restart();
  tell("killed the coordinator in mid-query and started it again");
}

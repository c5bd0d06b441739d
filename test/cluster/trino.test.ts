/** The cluster itself: both workers take part, files of the gateway are counted, and who was killed comes back. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DuckDBInstance } from "@duckdb/node-api";
import { type Gateway, startGateway } from "../s3/gateway.ts";
import { type Cluster, startTrino } from "./trino.ts";

let gateway: Gateway;
let cluster: Cluster;
let scratch: string;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "spampots-parquet-"));
  gateway = await startGateway();
  cluster = await startTrino({ s3: gateway });
});
after(async () => {
  await cluster?.stop();
  await gateway?.stop();
  await rm(scratch, { recursive: true, force: true });
});

const perFile = 250_000;
const days = ["2026-11-09", "2026-11-10"];

test("a coordinator and two workers answer, and listen to nobody but this machine", async (context) => {
  context.diagnostic(`ready after ${(cluster.readyMs / 1000).toFixed(1)} s`);
  const nodes = await cluster.query("SELECT coordinator, node_version, state FROM system.runtime.nodes ORDER BY 1");
  assert.deepEqual(nodes, [
    [false, "476", "active"],
    [false, "476", "active"],
    [true, "476", "active"],
  ]);
  for (const { name, pid } of [cluster.coordinator, ...cluster.workers])
    assert.deepEqual(await beyondLoopback(pid), [], `${name} listens to the network`);
});

test("Parquet files in the gateway are counted by both workers, by partition and by path", async () => {
  await gateway.bucket("counted");
  await putParquet("counted");
  await cluster.query(`CREATE TABLE counted (n bigint, day varchar) WITH (
    external_location = 's3://counted/lake/', format = 'PARQUET', partitioned_by = ARRAY['day'])`);
  await cluster.query("CALL lake.system.sync_partition_metadata('default', 'counted', 'ADD')");
  assert.deepEqual(await cluster.query("SELECT day, count(*), sum(n) FROM counted GROUP BY day ORDER BY day"), [
    [days[0], perFile, (perFile * (perFile - 1)) / 2],
    [days[1], perFile, (perFile * (perFile - 1)) / 2],
  ]);
  const path = `s3://counted/lake/day=${days[1]}/part.parquet`;
  assert.deepEqual(await cluster.query(`SELECT count(*) FROM counted WHERE "$path" IN ('${path}')`), [[perFile]]);
  assert.deepEqual(await cluster.query(`SELECT count(*) FROM counted WHERE "$path" IN ('${path}x')`), [[0]]);
});

test("a worker and the coordinator that are killed come back on their ports, with what they knew", async () => {
  const [worker] = cluster.workers;
  assert.ok(worker);
  await worker.kill();
  await cluster.coordinator.kill();
  await assert.rejects(cluster.query("SELECT 1"));
  await Promise.all([worker.restart(), cluster.coordinator.restart()]);
  await cluster.ready();
  assert.deepEqual(await cluster.query("SELECT count(*) FROM counted"), [[perFile * days.length]]);
});

/** A file of numbers from 0 for each day. */
async function putParquet(bucket: string): Promise<void> {
  const path = join(scratch, "part.parquet");
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(`COPY (SELECT range AS n FROM range(${perFile})) TO '${path}' (FORMAT PARQUET)`);
  connection.closeSync();
  instance.closeSync();
  const credentials = { accessKeyId: gateway.accessKey, secretAccessKey: gateway.secretKey };
  const client = new S3Client({ endpoint: gateway.endpoint, region: "us-east-1", forcePathStyle: true, credentials });
  const Body = await readFile(path);
  for (const day of days)
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: `lake/day=${day}/part.parquet`, Body }));
  client.destroy();
}

/**
 * Sockets on which a process listens elsewhere than on 127.0.0.1, by proc(5): state 0A is LISTEN, and an address is
 * written as words of 32 bits, each with its bytes reversed.
 */
async function beyondLoopback(pid: number): Promise<string[]> {
  const loopback = ["0100007F", "0000000000000000FFFF00000100007F"];
  const inodes = await socketsOf(pid);
  const found: string[] = [];
  for (const file of ["tcp", "tcp6"]) {
    for (const line of (await readFile(`/proc/net/${file}`, "utf8")).split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
      if (state === "0A" && inodes.has(inode) && !loopback.includes(local.split(":")[0] ?? "")) found.push(local);
    }
  }
  return found;
}

/** Inodes of the sockets that a process has open. */
async function socketsOf(pid: number): Promise<Set<string>> {
  const folder = `/proc/${pid}/fd`;
  const links = (await readdir(folder)).map((name) => readlink(join(folder, name)).catch(() => ""));
  return new Set((await Promise.all(links)).flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

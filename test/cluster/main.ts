/**
 * `npm run cluster`: an S3 service, a Trino cluster over it and a lake of simulated captures in it, published by the
 * cluster, for a look. Says what to open and with which settings to go on; Ctrl-C ends and deletes all of it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../pipeline.ts";
import { startGateway } from "../s3/gateway.ts";
import { byCluster, type Environment, inGateway } from "./site-process.ts";
import { type Cluster, startTrino } from "./trino.ts";

const say = (text: string) => void process.stdout.write(`${text}\n`);

const bucket = "spampots";

/** Queries stay on the coordinator's page while somebody looks. */
const kept = { "query.min-expire-age": "1d", "query.max-history": "1000" };

/** What begins is ended in the reverse order, whatever went wrong and whenever Ctrl-C came. */
const ending: (() => Promise<unknown>)[] = [];
let asked = false;
const stopped = new Promise<void>((done) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      asked = true;
      done();
    });
});

try {
  await Promise.race([bringUp(), stopped]);
  await stopped;
  say("\nStopping.");
} catch (error) {
  if (!asked) {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
} finally {
  for (let end = ending.pop(); end !== undefined; end = ending.pop()) await end();
  process.exit();
}

async function bringUp(): Promise<void> {
  say(
    "Starting an S3 service (Ceph's RADOS gateway) and a Trino cluster; the first time, Trino is downloaded (450 MB).",
  );
  const gateway = await stoppedAtEnd(startGateway());
  await gateway.bucket(bucket);
  const cluster = await stoppedAtEnd(startTrino({ s3: gateway, coordinator: kept }));
  say(`A coordinator and ${cluster.workers.length} workers, ready after ${(cluster.readyMs / 1000).toFixed(0)} s.`);
  const data = await mkdtemp(join(tmpdir(), "spampots-cluster-"));
  ending.push(() => rm(data, { recursive: true, force: true }));
  const site = {
    SPAMPOTS_DATA: data,
    SPAMPOTS_CONFIG: projectRoot,
    SPAMPOTS_SENSORS: join(data, "spool", "sensors.yaml"),
    ...inGateway(gateway, bucket),
    ...byCluster(cluster, "spampots"),
  };
  await demonstrate(site);
  say(closing(cluster, site));
}

/** Ctrl-C may come while it starts: its processes get that too, and what then fails has tidied up. */
function stoppedAtEnd<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  ending.push(async () => (await starting.catch(() => undefined))?.stop());
  return starting;
}

/** A site's first steps, as the operator guide has them, on simulated captures; one feed of several, since somebody waits. */
async function demonstrate(site: Environment & { readonly SPAMPOTS_DATA: string }): Promise<void> {
  await mkdir(join(site.SPAMPOTS_DATA, "spool"), { recursive: true });
  for (const args of [
    ["simulate", "--days", "15", "--messages-per-day", "2000"],
    ["keys", "new"],
    ["ingest"],
    ["publish", "--feed", "spam-sources"],
  ]) {
    say(`\n$ spampots ${args.join(" ")}`);
    const child = spawn(process.execPath, [join(projectRoot, "bin", "spampots.js"), ...args], {
      env: { PATH: process.env.PATH ?? "", ...site },
      stdio: ["ignore", "inherit", "inherit"],
    });
    await endedWell(child, args.join(" "));
  }
}

async function endedWell(child: ChildProcess, name: string): Promise<void> {
  ending.push(async () => void child.kill("SIGKILL"));
  const [code]: number[] = await once(child, "exit");
  if (code !== 0) throw new Error(`spampots ${name} ended with ${code}.`);
}

function closing(cluster: Cluster, site: Environment): string {
  return `
Open
  ${cluster.url}/ui/   Trino's page: log in as anybody, without a password. Choose "Finished": each query's
${" ".repeat(cluster.url.length + 9)}tags say feed, policy and period; its own page, what it read.

To go on in another shell:
${Object.entries(site)
  .map(([name, value]) => `  export ${name}='${value}'`)
  .join("\n")}
and then, for example
  npm run -s spampots -- check
  npm run -s spampots -- publish               # all other feeds
  SPAMPOTS_ENGINE=duckdb SPAMPOTS_STORE=/tmp/by-duckdb npm run -s spampots -- publish   # the same artifacts
  kill -9 ${cluster.workers[0]?.pid}                              # a worker

Ctrl-C ends and deletes all of it.`;
}

/**
 * A real Trino cluster for tests: a coordinator and workers as processes of their own on ports of 127.0.0.1, with one
 * catalogue, `lake`: Hive tables over Parquet files in an S3 service, their definitions in a file metastore. Ready in some
 * ten seconds; each process can be killed and started again on its port; all of them end with {@link Cluster.stop}, or
 * with the test process, however that ends.
 *
 * @see https://trino.io/docs/476/installation/deployment.html
 * @see https://trino.io/docs/476/connector/hive.html
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../free-port.ts";
import { type Distribution, trinoDistribution } from "./distribution.ts";
import { type StatementContext, statement } from "./statement.ts";

/** Where the catalogue's files are; a gateway of `test/s3/gateway.ts` is one. */
export interface S3Service {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** Lines of a file of properties. */
export type Properties = Readonly<Record<string, string>>;

export interface ClusterOptions {
  readonly s3: S3Service;
  /** Two where it isn't given. */
  readonly workers?: number;
  /** Megabytes of heap of each process; a query may take 40 % of it. */
  readonly heapMb?: number;
  /** Replaces the options by which a JVM starts soon and runs slower than it could. */
  readonly jvm?: readonly string[];
  /** More lines for `config.properties` of every process. */
  readonly everywhere?: Properties;
  /** More lines for `config.properties` of the coordinator. */
  readonly coordinator?: Properties;
}

/** One process of the cluster. */
export interface TrinoNode {
  readonly name: string;
  readonly port: number;
  /** Of the process that runs, or ran last. */
  readonly pid: number;
  /** What it writes, of all its starts. */
  readonly log: string;
  /** `kill -9`, and waits for its end. */
  kill(): Promise<void>;
  /** Stops it in its tracks: what it works on stands still, and no other node knows why. */
  pause(): void;
  /** Lets it go on. */
  resume(): void;
  /** Starts it again on its port; {@link Cluster.ready} tells when it takes part. */
  restart(): Promise<void>;
}

/** A running cluster. */
export interface Cluster {
  readonly url: string;
  readonly catalog: "lake";
  readonly schema: "default";
  readonly coordinator: TrinoNode;
  readonly workers: readonly TrinoNode[];
  /** From the start of the first process until {@link Cluster.ready}. */
  readonly readyMs: number;
  /** Runs a statement in the catalogue and its default schema. @throws Error with Trino's name of the error */
  query(sql: string, context?: StatementContext): Promise<readonly unknown[][]>;
  /** Waits until it answers queries and every process that should run is an active node. */
  ready(): Promise<void>;
  /** Ends the processes and deletes their folders. */
  stop(): Promise<void>;
}

const coordinatorProperties: Properties = {
  "node-scheduler.include-coordinator": "false",
  // A node takes part as soon as it answers. How soon it is looked at isn't for settings to say: some ten seconds.
  "failure-detector.warmup-interval": "0s",
};

/** A machine that has much else to do takes minutes. */
const readyWithinMs = 300_000;

/** A quick start counts more than a high speed: the simple compiler and collector. */
const quickStart = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/**
 * Starts a cluster.
 *
 * @throws Error that says what to install where Java or Maven is missing, or holds the log of what didn't start.
 */
export async function startTrino(options: ClusterOptions): Promise<Cluster> {
  const distribution = await trinoDistribution();
  const root = await mkdtemp(join(tmpdir(), "spampots-trino-"));
  const nodes: OwnNode[] = [];
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.kill()));
    await rm(root, { recursive: true, force: true });
  };
  try {
    const began = performance.now();
    await mkdir(join(root, "metastore"));
    const coordinatorPort = await freePort();
    const site = { root, distribution, options, url: `http://127.0.0.1:${coordinatorPort}` };
    const coordinator = await startNode(site, "coordinator", coordinatorPort, nodes);
    const workers: TrinoNode[] = [];
    for (let number = 1; number <= (options.workers ?? 2); number += 1)
      workers.push(await startNode(site, `worker-${number}`, await freePort(), nodes));
    const ready = () => untilReady(site.url, nodes);
    await ready();
    await statement(site.url, "CREATE SCHEMA IF NOT EXISTS lake.default");
    return {
      url: site.url,
      catalog: "lake",
      schema: "default",
      coordinator,
      workers,
      readyMs: performance.now() - began,
      query: (sql, context) => statement(site.url, sql, { catalog: "lake", schema: "default", ...context }),
      ready,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What all nodes share. */
interface ClusterSite {
  readonly root: string;
  readonly distribution: Distribution;
  readonly options: ClusterOptions;
  readonly url: string;
}

interface OwnNode extends TrinoNode {
  /** Its id in the cluster, another one after each start, so that one that is gone isn't taken for its successor. */
  readonly id: string;
  readonly running: boolean;
}

async function startNode(site: ClusterSite, name: string, port: number, nodes: OwnNode[]): Promise<TrinoNode> {
  const folder = join(site.root, name);
  const log = join(folder, "log");
  let starts = 0;
  let child: ChildProcess | undefined;
  const node: OwnNode = {
    name,
    port,
    log,
    get pid() {
      return child?.pid ?? 0;
    },
    get id() {
      return `${name}-${starts}`;
    },
    get running() {
      return child !== undefined && child.exitCode === null && child.signalCode === null;
    },
    async kill() {
      if (child === undefined || !node.running) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    async restart() {
      await node.kill();
      starts += 1;
      await writeConfiguration(site, folder, node);
      child = await launch(site.distribution, folder, log);
    },
  };
  await node.restart();
  nodes.push(node);
  return node;
}

/** Starts a process that the kernel ends with this one. The launcher becomes the JVM: its id is the process's. */
async function launch({ launcher, javaHome }: Distribution, folder: string, log: string): Promise<ChildProcess> {
  const args = ["run", "--etc-dir", join(folder, "etc"), "--data-dir", join(folder, "data")];
  const output = await open(log, "a");
  try {
    return spawn("setpriv", ["--pdeathsig", "KILL", "--", launcher, ...args], {
      env: { PATH: process.env.PATH ?? "", JAVA_HOME: javaHome },
      stdio: ["ignore", output.fd, output.fd],
    });
  } finally {
    await output.close();
  }
}

async function writeConfiguration(site: ClusterSite, folder: string, { name, id, port }: OwnNode): Promise<void> {
  const { root, distribution, options, url } = site;
  const { heapMb = 1024, jvm = quickStart, s3 } = options;
  const etc = join(folder, "etc");
  await mkdir(join(etc, "catalog"), { recursive: true, mode: 0o700 });
  await mkdir(join(folder, "data"), { recursive: true });
  const isCoordinator = name === "coordinator";
  const files: [string, Properties][] = [
    [
      "node.properties",
      {
        "node.environment": "test",
        "node.id": id,
        "node.data-dir": join(folder, "data"),
        "node.internal-address": "127.0.0.1",
        // Without it, the server listens to the whole network.
        "node.bind-ip": "127.0.0.1",
      },
    ],
    [
      "config.properties",
      {
        coordinator: String(isCoordinator),
        "http-server.http.port": String(port),
        "discovery.uri": url,
        "plugin.dir": distribution.plugins,
        "catalog.config-dir": join(etc, "catalog"),
        "query.max-memory-per-node": `${Math.floor(heapMb * 0.4)}MB`,
        "memory.heap-headroom-per-node": `${Math.floor(heapMb * 0.2)}MB`,
        // A query that lost a worker is to fail soon rather than after minutes.
        "query.remote-task.max-error-duration": "10s",
        "exchange.max-error-duration": "10s",
        ...options.everywhere,
        ...(isCoordinator ? { ...coordinatorProperties, ...options.coordinator } : {}),
      },
    ],
    ["catalog/lake.properties", await catalogOver(s3, join(root, "metastore"))],
  ];
  for (const [file, properties] of files) {
    const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
    await writeFile(join(etc, file), lines.join(""), { mode: 0o600 });
  }
  await writeFile(join(etc, "jvm.config"), `${[`-Xmx${heapMb}M`, "-XX:+ExitOnOutOfMemoryError", ...jvm].join("\n")}\n`);
}

/** The catalogue as `docs/operator-guide.md` has it, but for metastore, endpoint and keys. */
async function catalogOver({ endpoint, accessKey, secretKey }: S3Service, metastore: string): Promise<Properties> {
  const guide = await readFile(join(import.meta.dirname, "../../docs/operator-guide.md"), "utf8");
  const [, block = ""] = /^```properties\n(connector\.name=hive\n.*?)^```$/ms.exec(guide) ?? [];
  const lines = block.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const { "hive.metastore.uri": _, ...ofGuide }: Properties = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  return {
    ...ofGuide,
    "hive.metastore": "file",
    "hive.metastore.catalog.dir": "local:///",
    "fs.native-local.enabled": "true",
    "local.location": metastore,
    "s3.endpoint": endpoint,
    "s3.aws-access-key": accessKey,
    "s3.aws-secret-key": secretKey,
  };
}

/** Waits until each process that runs is known to the coordinator as active. */
async function untilReady(url: string, nodes: readonly OwnNode[]): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  let last: unknown;
  while (performance.now() < deadline) {
    const missing = await inactive(url, nodes).catch((error: unknown) => {
      last = error;
      return undefined;
    });
    if (missing?.length === 0) return;
    const ended = nodes.find((node) => !node.running && node.pid !== 0);
    if (missing !== undefined) last = new Error(`Not active: ${missing.join(", ")}`);
    if (ended !== undefined) throw new Error(`Trino's ${ended.name} ended:\n${await tail(ended.log)}`, { cause: last });
    await sleep(100);
  }
  const logs = await Promise.all(nodes.map(async ({ name, log }) => `${name}:\n${await tail(log)}`));
  throw new Error(`The Trino cluster didn't come up:\n${logs.join("\n")}`, { cause: last });
}

async function inactive(url: string, nodes: readonly OwnNode[]): Promise<string[]> {
  const sql = "SELECT node_id FROM system.runtime.nodes WHERE state = 'active'";
  const active = new Set((await statement(url, sql, { signal: AbortSignal.timeout(10_000) })).map(([id]) => id));
  return nodes.map(({ id }) => id).filter((id) => !active.has(id));
}

async function tail(log: string): Promise<string> {
  return (await readFile(log, "utf8").catch(() => "it wrote no log")).slice(-2000);
}

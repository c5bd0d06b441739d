/**
 * A real S3 service for tests: Ceph's RADOS gateway with one monitor and one object store daemon that keeps everything
 * in memory, in a temporary folder, on free ports of 127.0.0.1. It checks signatures, users' rights and conditional
 * puts. Ready in about three seconds; every process it starts ends with {@link Gateway.stop}, or with the test process.
 *
 * @see https://docs.ceph.com/en/pacific/install/manual-deployment/
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { freePort } from "../free-port.ts";

/** A user of the gateway, with the keys that S3 clients sign with. */
export interface GatewayUser {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** Requests of all kinds, and of these the gets and puts of objects, with their bytes. */
export interface GatewayCounters {
  readonly requests: number;
  readonly gets: number;
  readonly getBytes: number;
  readonly puts: number;
  readonly putBytes: number;
}

/** A running gateway. `accessKey` and `secretKey` are of its first user, who owns the buckets made by `bucket`. */
export interface Gateway extends GatewayUser {
  /** Such as `http://127.0.0.1:41234`; clients need path style. */
  readonly endpoint: string;
  /** A further user, without rights to the first one's buckets. */
  createUser(id: string): Promise<GatewayUser>;
  /** Makes a bucket of the first user, or of `owner`. */
  bucket(name: string, owner?: GatewayUser): Promise<void>;
  /** A role that a user may assume, with rights by a policy. @returns its ARN */
  role(name: string, user: string, policy: object): Promise<string>;
  /** Stops the object store daemon in its tracks: requests to the gateway hang from now on. */
  pauseOsd(): void;
  /** Lets it go on; hanging requests then end. */
  resumeOsd(): void;
  /** `kill -9` of the gateway: connections are refused until {@link Gateway.restart}. Objects stay with the daemon. */
  kill(): Promise<void>;
  /** Starts it again on its port, and waits until it answers. */
  restart(): Promise<void>;
  /** What it was asked since it began, and the bytes of objects that it gave. */
  counters(): Promise<GatewayCounters>;
  /** Ends the processes and deletes the folder. */
  stop(): Promise<void>;
}

const install = "The S3 tests need Ceph: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common";
const programs = ["radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "ceph-authtool", "monmaptool"];
const readyMs = 60_000;
const commandMs = 20_000;
const run = (program: string, args: readonly string[]) => promisify(execFile)(program, args, { timeout: commandMs });

/** What it keeps in memory where nothing else is said. */
const usualBytes = 2_147_483_648;

/**
 * Starts a gateway that has room for so many bytes.
 *
 * @throws Error naming the Debian packages to install where Ceph isn't there.
 */
export async function startGateway(bytes = usualBytes): Promise<Gateway> {
  await requireCeph();
  const folder = await mkdtemp(join(tmpdir(), "spampots-ceph-"));
  const daemons: ChildProcess[] = [];
  try {
    return await bringUp(folder, daemons, bytes);
  } catch (error) {
    await tearDown(folder, daemons);
    throw error;
  }
}

async function requireCeph(): Promise<void> {
  for (const program of programs) {
    await run(program, ["--version"]).catch((cause: unknown) => {
      throw new Error(install, { cause });
    });
  }
}

async function bringUp(folder: string, daemons: ChildProcess[], bytes: number): Promise<Gateway> {
  const [monitorV2, monitorV1, port] = [await freePort(), await freePort(), await freePort()];
  const conf = join(folder, "ceph.conf");
  const fsid = randomUUID();
  const monitors = `[v2:127.0.0.1:${monitorV2},v1:127.0.0.1:${monitorV1}]`;
  await writeFile(conf, configuration({ folder, fsid, monitors, port, bytes }));
  await makeKeys(folder);

  const ceph = (program: string, ...args: string[]) => run(program, ["--conf", conf, ...args]);
  const start = (name: string, program: string, ...args: string[]) => {
    const daemon = startDaemon(program, ["-f", "--conf", conf, ...args]);
    daemons.push(daemon);
    return alive(name, daemon, folder);
  };
  const admin = async (...args: string[]) => JSON.parse((await ceph("radosgw-admin", ...args)).stdout);

  await run("monmaptool", ["--create", "--fsid", fsid, "--addv", "a", monitors, join(folder, "monmap")]);
  await mkdir(join(folder, "mon"));
  await ceph("ceph-mon", "--mkfs", "-i", "a", "--monmap", join(folder, "monmap"), "--keyring", join(folder, "keyring"));
  const monitor = start("mon.a", "ceph-mon", "-i", "a");
  const osdId = randomUUID();
  await monitor.until(() => ceph("ceph", "osd", "new", osdId));
  await mkdir(join(folder, "osd"));
  await ceph("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", osdId);
  const osd = start("osd.0", "ceph-osd", "-i", "0");
  await osd.until(async () => {
    const { stdout } = await ceph("ceph", "osd", "stat", "--format", "json");
    if (JSON.parse(stdout).num_up_osds !== 1) throw new Error("The object store daemon isn't up yet.");
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const startGatewayDaemon = async () => {
    const daemon = start("client.rgw", "radosgw", "-n", "client.rgw");
    await daemon.until(() => fetch(endpoint));
    return daemon;
  };
  let gateway = await startGatewayDaemon();

  const createUser = async (id: string): Promise<GatewayUser> => {
    const keys = { accessKey: randomBytes(10).toString("hex"), secretKey: randomBytes(20).toString("hex") };
    await admin(
      ...["user", "create", "--uid", id, "--display-name", id],
      ...["--access-key", keys.accessKey, "--secret-key", keys.secretKey],
    );
    return keys;
  };
  const owner = await createUser("spampots");
  return {
    endpoint,
    ...owner,
    createUser,
    bucket: (name, user = owner) => makeBucket(endpoint, user, name),
    async role(name, user, policy) {
      const Principal = { AWS: [`arn:aws:iam:::user/${user}`] };
      const trust = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal, Action: ["sts:AssumeRole"] }] };
      const named = ["--role-name", name];
      await admin("role", "create", ...named, "--assume-role-policy-doc", JSON.stringify(trust));
      const rights = ["--policy-name", "rights", "--policy-doc", JSON.stringify(policy)];
      await ceph("radosgw-admin", "role-policy", "put", ...named, ...rights);
      return `arn:aws:iam:::role/${name}`;
    },
    pauseOsd: () => osd.signal("SIGSTOP"),
    resumeOsd: () => osd.signal("SIGCONT"),
    kill: () => gateway.kill(),
    restart: async () => {
      gateway = await startGatewayDaemon();
    },
    async counters() {
      const socket = join(folder, "client.rgw.asok");
      const { stdout } = await run("ceph", ["--admin-daemon", socket, "perf", "dump", "rgw"]);
      const { rgw } = JSON.parse(stdout);
      return { requests: rgw.req, gets: rgw.get, getBytes: rgw.get_b, puts: rgw.put, putBytes: rgw.put_b };
    },
    stop: () => tearDown(folder, daemons),
  };
}

interface Configuration {
  readonly folder: string;
  readonly fsid: string;
  readonly monitors: string;
  readonly port: number;
  readonly bytes: number;
}

function configuration({ folder, fsid, monitors, port, bytes }: Configuration): string {
  return `[global]
fsid = ${fsid}
mon host = ${monitors}
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = ${folder}/keyring
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = ${bytes}
mon allow pool size one = true
paxos propose interval = 0.1
paxos min wait = 0.01
run dir = ${folder}
admin socket = ${folder}/$name.asok
log file = ${folder}/$name.log
mon data = ${folder}/mon
osd data = ${folder}/osd
[client.rgw]
rgw data = ${folder}
rgw frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw s3 auth use sts = true
rgw sts key = 0123456789abcdef
`;
}

async function makeKeys(folder: string): Promise<void> {
  const keyring = join(folder, "keyring");
  const everything = ["--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *"];
  const make = (name: string, ...more: string[]) =>
    run("ceph-authtool", [keyring, "--gen-key", "--name", name, ...everything, ...more]);
  await run("ceph-authtool", ["--create-keyring", keyring]);
  for (const name of ["mon.", "client.admin", "client.rgw", "osd.0"]) await make(name);
  await chmod(keyring, 0o600);
}

/** Starts a daemon that the kernel ends with this process, however this process ends. */
function startDaemon(program: string, args: readonly string[]): ChildProcess {
  return spawn("setpriv", ["--pdeathsig", "KILL", "--", program, ...args], { stdio: "ignore" });
}

/** A daemon of which we wait for something; the wait fails with its log when it ends or is too slow. */
function alive(name: string, daemon: ChildProcess, folder: string) {
  const until = async (ready: () => Promise<unknown>): Promise<void> => {
    const deadline = performance.now() + readyMs;
    for (;;) {
      try {
        await ready();
        return;
      } catch (cause) {
        if (daemon.exitCode === null && performance.now() < deadline) {
          await sleep(50);
          continue;
        }
        const log = await readFile(join(folder, `${name}.log`), "utf8").catch(() => "no log was written");
        throw new Error(`Ceph's ${name} didn't come up:\n${log.slice(-2000)}`, { cause });
      }
    }
  };
  return { until, signal: (signal: NodeJS.Signals) => void daemon.kill(signal), kill: () => killed(daemon) };
}

async function tearDown(folder: string, daemons: readonly ChildProcess[]): Promise<void> {
  for (const daemon of [...daemons].reverse()) await killed(daemon);
  await rm(folder, { recursive: true, force: true });
}

async function killed(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = once(daemon, "exit");
  daemon.kill("SIGKILL"); // Nothing is worth keeping, and a stopped process takes no other signal.
  await ended;
}

async function makeBucket(endpoint: string, user: GatewayUser, name: string): Promise<void> {
  const credentials = { accessKeyId: user.accessKey, secretAccessKey: user.secretKey };
  const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: name }));
  client.destroy();
}

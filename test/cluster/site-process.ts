/** The command line over a site whose lake and store are in S3, as processes that can be killed and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { now, type Site } from "../faults/world.ts";
import { projectRoot } from "../pipeline.ts";
import type { Gateway } from "../s3/gateway.ts";
import type { Cluster } from "./trino.ts";

export type Environment = Readonly<Record<string, string>>;

/** Settings for a lake and a store below a prefix of the gateway. */
export function inGateway(gateway: Gateway, bucket: string): Environment {
  return {
    AWS_ACCESS_KEY_ID: gateway.accessKey,
    AWS_SECRET_ACCESS_KEY: gateway.secretKey,
    SPAMPOTS_S3_ENDPOINT: gateway.endpoint,
    SPAMPOTS_LAKE: `s3://${bucket}/lake`,
    SPAMPOTS_STORE: `s3://${bucket}/store`,
  };
}

/** Settings for slices that a cluster answers. */
export function byCluster(cluster: Cluster, user: string): Environment {
  return {
    SPAMPOTS_ENGINE: "trino",
    SPAMPOTS_TRINO_URL: cluster.url,
    SPAMPOTS_TRINO_CATALOG: cluster.catalog,
    SPAMPOTS_TRINO_SCHEMA: "spampots",
    SPAMPOTS_TRINO_USER: user,
  };
}

/** A command at work. */
export interface SiteProcess {
  readonly running: boolean;
  /** What it wrote so far, of its standard output and error. */
  readonly said: string;
  /** `kill -9`, and waits for its end. */
  kill(): Promise<void>;
  /** Asks it to end. @returns exit code; null where a signal ended it */
  end(): Promise<number | null>;
  /** Its exit code, when it has ended. */
  readonly ended: Promise<number | null>;
}

/** Starts `spampots --json --now <now> <args>` on a site. It ends with this process, however that ends. */
export function startCommand(site: Site, args: readonly string[], more: Environment): SiteProcess {
  const env = {
    PATH: process.env.PATH ?? "",
    SPAMPOTS_DATA: site.data,
    SPAMPOTS_CONFIG: site.config,
    SPAMPOTS_THREADS: "1",
    SPAMPOTS_METRICS_LISTEN: "none",
    SPAMPOTS_TICK: "* * * * * *",
    SPAMPOTS_LOG: "info",
    ...more,
  };
  const program = [join(projectRoot, "bin", "spampots.js"), "--json", "--now", now, ...args];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", process.execPath, ...program], {
    cwd: site.root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  const ended = once(child, "close").then(([code]: (number | null)[]) => code ?? null);
  const endBy = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended;
  };
  return {
    get running() {
      return isRunning(child);
    },
    get said() {
      return said;
    },
    kill: async () => void (await endBy("SIGKILL")),
    end: () => endBy("SIGTERM"),
    ended,
  };
}

const isRunning = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null;

/** As a supervisor does: starts it, again a second after each end, until it ends well. @returns how often it was started */
export async function supervised(start: () => SiteProcess, mostStarts = 20): Promise<number> {
  let last = "";
  for (let starts = 1; starts <= mostStarts; starts += 1) {
    const attempt = start();
    if ((await attempt.ended) === 0) return starts;
    last = attempt.said;
    await sleep(1000);
  }
  throw new Error(`It never ended well: ${last.slice(-2000)}`);
}

/** Looks until something is there. */
export async function until<T>(what: string, withinMs: number, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`Waited ${withinMs / 1000} s in vain: ${what}.`);
    await sleep(50);
  }
}

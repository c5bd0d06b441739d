/** A small installation with its configuration in files, for commands as processes of their own. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type OperatorWorld, sensors } from "../publication/operator-world.ts";
import { projectRoot } from "../source-files.ts";

const program = ["--disable-warning=ExperimentalWarning", join(projectRoot, "src/cli.ts")];

/** Longer than any command takes: one that hangs is ended, and fails. */
const longestMs = 120_000;

type Environment = Readonly<Record<string, string>>;

/** What a command said and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that goes on. */
export interface Going {
  /** What it wrote to standard error so far. */
  readonly stderr: () => string;
  readonly stdout: () => string;
  /** Sends a signal, and goes on. */
  send(signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void;
  /** Sends the signal; says how it ended, and after how many milliseconds. */
  end(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<Ended & { readonly ms: number }>;
}

export interface SiteFolder {
  readonly writePartners: (yaml: string) => Promise<void>;
  readonly writeSensors: (ids: readonly string[]) => Promise<void>;
  run(args: readonly string[], env?: Environment): Promise<Ended>;
  start(args: readonly string[], env?: Environment): Going;
}

/**
 * Writes the configuration beside the installation's data.
 *
 * @param more settings of every command.
 */
export async function siteFolder(
  t: Pick<TestContext, "after">,
  { root }: Pick<OperatorWorld, "root">,
  partners: string,
  more: Environment = {},
): Promise<SiteFolder> {
  const config = join(root, "config");
  await cp(join(projectRoot, "feeds"), join(config, "feeds"), { recursive: true });
  const base = {
    PATH: process.env.PATH ?? "",
    SPAMPOTS_DATA: root,
    SPAMPOTS_CONFIG: config,
    SPAMPOTS_THREADS: "1",
    SPAMPOTS_LISTEN: "127.0.0.1:0",
    SPAMPOTS_URL: "http://127.0.0.1:1",
    SPAMPOTS_METRICS_LISTEN: "none",
    ...more,
  };
  const folder: SiteFolder = {
    // In one step, as whoever edits it is to: a runner may look at any moment.
    writePartners: async (yaml) => {
      await writeFile(join(config, "partners.new"), yaml);
      await rename(join(config, "partners.new"), join(config, "partners.yaml"));
    },
    writeSensors: (ids) => {
      const pots = sensors
        .filter(({ id }) => ids.includes(id))
        .map(({ id, addresses: [at] }) => `{ id: ${id}, addresses: [{ address: ${at?.address} }], names: [] }`);
      return writeFile(join(root, "sensors.yaml"), `sensors: [${pots.join(", ")}]\n...\n`);
    },
    run: (args, env = {}) =>
      new Promise((done) => {
        execFile(
          process.execPath,
          [...program, ...args],
          { env: { ...base, ...env }, timeout: longestMs },
          (error, stdout, stderr) => done({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
        );
      }),
    start(args, env = {}) {
      const child: ChildProcess = spawn(process.execPath, [...program, ...args], {
        env: { ...base, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const closed = once(child, "close");
      t.after(async () => {
        child.kill("SIGKILL");
        await closed;
      });
      const said = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const) {
        child[name]?.setEncoding("utf8").on("data", (text: string) => {
          said[name] += text;
        });
      }
      return {
        stdout: () => said.stdout,
        stderr: () => said.stderr,
        send: (signal) => void child.kill(signal),
        async end(signal) {
          const began = performance.now();
          child.kill(signal);
          await Promise.race([closed, sleep(20_000, undefined, { ref: false })]);
          return { code: child.exitCode, ...said, ms: performance.now() - began };
        },
      };
    },
  };
  await folder.writePartners(partners);
  await folder.writeSensors(sensors.map(({ id }) => id));
  return folder;
}

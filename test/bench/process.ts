/**
 * Runs a command and measures it from outside: wall time from start to exit, processor time and peak memory as the kernel
 * counted them for the process and all it started. Both sides of a figure are measured by this, so that neither has an
 * instrument the other hasn't.
 *
 * Node doesn't tell what wait4(2) says of a child; a small Python program does.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { z } from "zod";

/** What one run of one side took. */
export interface Measured {
  /** Wall time, of the whole process or of the work alone where the program says so itself. */
  readonly seconds: number;
  /** Processor time of the whole process and its children, user and system. */
  readonly cpu_seconds: number;
  /** Greatest resident memory of any one process, megabytes (10^6 bytes). */
  readonly peak_mb: number;
  /** Rows, messages, objects or bytes that were worked on. */
  readonly units: number;
}

/** A command to be measured. */
export interface Call {
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment; the bench's own without `SPAMPOTS_*` where absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Written to its standard input. */
  readonly input?: string;
}

export interface Finished extends Omit<Measured, "units"> {
  readonly stdout: string;
}

/** What measure.py says. */
const counted = z.strictObject({ seconds: z.number(), cpu_seconds: z.number(), peak_mb: z.number() });

const measurer = join(import.meta.dirname, "references", "measure.py");

/** The environment without settings of the program: a bench measures its own site, not the operator's. */
export const bareEnvironment: Readonly<Record<string, string | undefined>> = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("SPAMPOTS_") && !name.startsWith("NODE_")),
);

/** What is running: it ends with the bench, whatever ends that. */
const running = new Set<ChildProcess>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    for (const child of running) child.kill("SIGTERM");
    process.kill(process.pid, signal);
  });
}

/**
 * Runs a command to its end.
 *
 * @throws Error with what it wrote to standard error, where it doesn't end with 0.
 */
export function run({ program, args, env = bareEnvironment, input = "" }: Call): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn("python3", [measurer, program, ...args], {
      env: { ...env },
      stdio: ["pipe", "pipe", "pipe", "pipe"],
    });
    running.add(child);
    const texts = ["", "", "", ""];
    for (const channel of [1, 2, 3] as const) {
      // These are pipes that are read, by the spawn above; Node's type allows for others.
      const stream = child.stdio[channel] as Readable;
      stream.setEncoding("utf8").on("data", (text: string) => {
        texts[channel] += text;
      });
    }
    child.stdin?.on("error", () => undefined).end(input);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      running.delete(child);
      const [, stdout = "", stderr = "", counts = ""] = texts;
      if (code === 0) resolve({ ...counted.parse(JSON.parse(counts)), stdout });
      else {
        const call = `${program} ${args.slice(0, 6).join(" ")}`;
        reject(new Error(`${call}: ended with ${signal ?? code}\n${stderr.slice(-2000)}`));
      }
    });
  });
}

/** What a program that times its own work says in its last line of output. */
function ownReport(stdout: string): { seconds: number; units: number } {
  const said: unknown = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  if (typeof said === "object" && said !== null && "seconds" in said && "units" in said) {
    return { seconds: Number(said.seconds), units: Number(said.units) };
  }
  throw new Error(`a program that times itself said: ${stdout.slice(-200)}`);
}

/** Runs a command; the whole process counts, start and all. */
export async function wholeProcess(call: Call, units: number): Promise<Measured> {
  const { stdout: _, ...taken } = await run(call);
  return { ...taken, units };
}

/** Runs a program whose last line is `{"seconds":…,"units":…}`: the work that it timed counts, not its start. */
export async function ownTime(call: Call): Promise<Measured> {
  const { stdout, ...taken } = await run(call);
  return { ...taken, ...ownReport(stdout) };
}

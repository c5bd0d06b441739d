/** Servers that a figure asks: started once for all its runs, ended with them. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { z } from "zod";
import { bareEnvironment, type Call } from "./process.ts";

/** A server that listens. */
export interface Service {
  readonly url: string;
  /** Greatest resident memory so far, megabytes (10^6 bytes). */
  peakMb(): number;
  /** Forgets what was greatest (proc(5), `clear_refs`). */
  resetPeak(): void;
}

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Starts a program that says `{"url":…}` in its first line, once it listens. */
export async function start({
  program,
  args,
  env = bareEnvironment,
}: Call): Promise<Service & { stop(): Promise<void> }> {
  const child = spawn(program, args, { env: { ...env }, stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([lines[Symbol.asyncIterator]().next(), ended.then(() => ({ value: "{}" }))]);
  const { url } = z.looseObject({ url: z.string() }).parse(JSON.parse(String(first.value)));
  return {
    url,
    peakMb: () =>
      Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 976.5625,
    resetPeak: () => writeFileSync(`/proc/${child.pid}/clear_refs`, "5"),
    async stop() {
      child.kill("SIGTERM");
      await ended;
      children.delete(child);
    },
  };
}

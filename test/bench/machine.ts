/** What a result says of the machine and of the programs that ran on it. */
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync, statSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../source-files.ts";
import type { Circumstances } from "./results.ts";

/** First line that a command prints on either channel; "not installed" where there is none. */
export function firstLine(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0] ?? "";
  } catch {
    return "not installed";
  }
}

const packageVersion = (name: string): string => {
  const text = readFileSync(join(projectRoot, "node_modules", name, "package.json"), "utf8");
  const { version }: { version: string } = JSON.parse(text);
  return version;
};

/** Versions of all that runs in figures; `python` is the interpreter whose stix2 is the reference, where there is one. */
export function versions(python?: string): Record<string, string> {
  const stix2 = "import importlib.metadata as m; print(m.version('stix2'))";
  return {
    "spampots-feeds": firstLine("git", ["-C", projectRoot, "describe", "--always", "--dirty", "--tags"]),
    node: process.version,
    duckdb: packageVersion("@duckdb/node-api"),
    "postal-mime": packageVersion("postal-mime"),
    openssl: firstLine("openssl", ["version"]),
    zcat: firstLine("zcat", ["--version"]),
    ...(python === undefined
      ? {}
      : { python: firstLine(python, ["--version"]), "python-stix2": firstLine(python, ["-c", stix2]) }),
  };
}

/** Processor, memory, kernel, and the disk that a folder is on. */
export function machine(folder: string): Circumstances["machine"] {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 1e8) / 10,
    kernel: `${type()} ${release()}`,
    disk: diskOf(folder),
  };
}

/** File system and device of a folder, and whether the kernel takes the device for a rotating one. */
function diskOf(folder: string): string {
  try {
    const { dev } = statSync(folder);
    // Linux splits a device number into these two; higher bits are zero on any disk here.
    const number = `${(dev >> 8) & 0xfff}:${dev & 0xff}`;
    const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    const line = mounts.find((text) => text.split(" ")[2] === number) ?? "";
    const [system = "unknown"] = line.split(" - ")[1]?.split(" ") ?? [];
    const device = realpathSync(`/sys/dev/block/${number}`);
    const whole = device.includes("/block/") ? device.replace(/(\/block\/[^/]+).*/, "$1") : device;
    const rotating = readFileSync(join(whole, "queue/rotational"), "utf8").trim() === "1";
    return `${system} on ${whole.split("/").at(-1)}, ${rotating ? "rotating or virtual" : "solid state"}`;
  } catch {
    return "unknown";
  }
}

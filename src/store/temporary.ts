/**
 * Temporary files of the disk store, below `<root>/.tmp`. A file is written there whole before it gets its key, so that
 * no reader ever sees half of it. A killed process leaves its file behind; the name says whose it was, so that the next
 * run can tell at once that nobody writes it any more.
 *
 * @see proc(5), `/proc/pid/stat`: field 3 is the state, field 22 the start time in ticks since boot.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { reservedStart } from "./keys.ts";

/** Folder of temporary files under a store's root. */
export function temporaryFolder(root: string): string {
  return join(root, reservedStart);
}

/** A fresh path for a temporary file or folder of this process: `<host>-<pid>-<start>-<random>`, all but the pid hexadecimal. */
export function temporaryPath(root: string): string {
  return join(temporaryFolder(root), `${ownMark()}-${randomBytes(8).toString("hex")}`);
}

/**
 * Removes temporary files that nobody writes any more: those of this host's processes that are gone, and, where
 * `before` (ms since 1970) is given, those last modified before it of whom it can't be told (another host, or this one
 * before it was restarted; a day is a safe age). What a living process of this host made is its own, however old: one
 * that runs for months has its engine's folder there. A store that can't be written is left alone.
 *
 * @returns the number of files (or folders so named) removed
 */
export async function sweepTemporary(root: string, before = Number.NEGATIVE_INFINITY): Promise<number> {
  return sweepNamed(temporaryFolder(root), before, (name) => name);
}

/** A fresh path beside `path`, to be renamed to it or linked once it is whole; the folder is one that isn't ours alone. */
export function halfPath(path: string): string {
  return `${path}.${ownMark()}-${randomBytes(8).toString("hex")}.part`;
}

/**
 * Removes from a folder what {@link halfPath} named for processes of this host that are gone, and nothing else. A folder
 * that can't be written is left alone.
 */
export async function sweepHalves(folder: string): Promise<void> {
  const named = /\.([0-9a-f]+-\d+-[0-9a-f]+-[0-9a-f]{16})\.part$/;
  await sweepNamed(folder, Number.NEGATIVE_INFINITY, (name) => named.exec(name)?.[1]);
}

/** @param markOf the part of a name that says who made it; what has none is left alone. */
async function sweepNamed(
  folder: string,
  before: number,
  markOf: (name: string) => string | undefined,
): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  let removed = 0;
  for (const name of names) {
    const mark = markOf(name);
    if (mark === undefined) continue;
    const path = join(folder, name);
    const maker = makerOf(mark);
    if (maker === "lives" || (maker === "unknown" && !(await isOlder(path, before)))) continue;
    // Some are folders: an engine's. What another process swept first, or we may not remove, is no reason to stop.
    removed += await rm(path, { recursive: true, force: true }).then(
      () => 1,
      () => 0,
    );
  }
  return removed;
}

async function isOlder(path: string, before: number): Promise<boolean> {
  const facts = await stat(path).catch(() => undefined);
  return facts !== undefined && facts.mtimeMs < before;
}

function makerOf(name: string): "lives" | "gone" | "unknown" {
  const [, host, pid, start] = /^([0-9a-f]+)-(\d+)-([0-9a-f]+)-[0-9a-f]+$/.exec(name) ?? [];
  if (host === undefined || host !== hostMark()) return "unknown";
  return startOf(Number(pid)) === start ? "lives" : "gone";
}

let mark: string | undefined;
function ownMark(): string {
  mark ??= `${hostMark() ?? "0"}-${process.pid}-${startOf(process.pid) ?? "0"}`;
  return mark;
}

let host: string | undefined;
/** This boot of this machine and its process namespace: where a pid means one process. Undefined where there is no `/proc`. */
function hostMark(): string | undefined {
  try {
    host ??= createHash("sha256")
      .update(readFileSync("/proc/sys/kernel/random/boot_id"))
      .update(readlinkSync("/proc/self/ns/pid"))
      .digest("hex")
      .slice(0, 16);
  } catch {
    // No Linux: temporary files are then told by their age alone.
  }
  return host;
}

/** When a running process was started, in ticks since boot (hexadecimal); undefined where there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses and may hold anything, parentheses too.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const killed = fields[0] === "Z" || fields[0] === "X";
    return killed ? undefined : Number(fields[19]).toString(16);
  } catch {
    return undefined;
  }
}

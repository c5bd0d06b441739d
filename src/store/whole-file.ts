/**
 * Files that people keep beside the store, such as `partners.yaml` or a set of keys: begun and replaced whole, so that
 * who reads one meanwhile, or is killed over one, meets the old file or the new one.
 *
 * What is to replace a file is first linked to a name that is made of what it replaces. Only one of those who read the
 * same file gets that name, and whoever renames it brings that one's edit about. The name is left by a command that was
 * killed just then, so it counts for some seconds only; whether the edit was made is read from the file itself.
 *
 * @see link(2), rename(2)
 */
import { createHash } from "node:crypto";
import { type FileHandle, link, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode } from "./disk-error.ts";
import { flushFolder, nameOnce } from "./disk-write.ts";
import { halfPath, sweepHalves } from "./temporary.ts";

/** Milliseconds after which a successor's name was left by a command that was killed: it is held for a few. */
const abandonedMs = 5_000;

/** Creates a file with these permissions. False where there is one of that name, which stays. */
export async function createWhole(path: string, content: string | Uint8Array, mode: number): Promise<boolean> {
  return withHalf(path, content, { mode }, (half) => nameOnce(half, path));
}

/**
 * Replaces a file that holds `old` (`undefined`: that isn't there), and keeps its owner and permissions; everybody may
 * read a new one. False where it holds something else by now, or another is replacing it: then read it again.
 */
export async function replaceWhole(path: string, old: Uint8Array | undefined, next: Uint8Array): Promise<boolean> {
  const holds = async (content: Uint8Array | undefined) => {
    const there = await readWhole(path);
    return content === undefined ? there === undefined : there?.equals(content) === true;
  };
  const like = old === undefined ? undefined : await stat(path).catch(() => undefined);
  const owner = like === undefined ? {} : { owner: like };
  return withHalf(path, next, { mode: like === undefined ? 0o644 : like.mode & 0o7777, ...owner }, async (half) => {
    await sweepSuccessors(path, (await stat(half)).ctimeMs);
    const successor = successorPath(path, old);
    try {
      await link(half, successor);
    } catch (error) {
      if (systemCode(error) === "EEXIST") return false;
      throw error;
    }
    try {
      if (!(await holds(old))) return false;
      await rename(successor, path);
    } catch (error) {
      // Taken for abandoned: another's has its name, or had it and was renamed.
      if (systemCode(error) !== "ENOENT") throw error;
    } finally {
      await rm(successor, { force: true }).catch(() => undefined);
    }
    await flushFolder(dirname(path));
    return holds(next);
  });
}

/** What is in the file; `undefined` where there is none. */
export async function readWhole(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
}

/** Writes a file beside `path`, whole and flushed, and removes what is left of that name after `work`. */
async function withHalf<T>(
  path: string,
  content: string | Uint8Array,
  { mode, owner }: { mode: number; owner?: { uid: number; gid: number } },
  work: (half: string) => Promise<T>,
): Promise<T> {
  await sweepHalves(dirname(path));
  const half = halfPath(path);
  try {
    const file: FileHandle = await open(half, "wx", mode & 0o700);
    try {
      await file.writeFile(content);
      // Root edits what `serve`, who is somebody else, has to read. Who else edits may not give it away, and needn't.
      if (owner !== undefined) await file.chown(owner.uid, owner.gid).catch(() => undefined);
      // Whatever the process's mask is; last, since another owner takes some bits away.
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    return await work(half);
  } finally {
    await rm(half, { force: true }).catch(() => undefined);
  }
}

/** Where what replaces `old` waits to be renamed. */
function successorPath(path: string, old: Uint8Array | undefined): string {
  const replaced = old === undefined ? "0".repeat(16) : createHash("sha256").update(old).digest("hex").slice(0, 16);
  return `${path}.${replaced}.new`;
}

/** Removes what killed commands left. `now`: what the disk's own clock says, in milliseconds since 1970. */
async function sweepSuccessors(path: string, now: number): Promise<void> {
  const [folder, start] = [dirname(path), `${basename(path)}.`];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(start) || !/^[0-9a-f]{16}\.new$/.test(name.slice(start.length))) continue;
    const linked = await stat(join(folder, name)).catch(() => undefined);
    // One of the future is as old: the clock was put back.
    if (linked !== undefined && Math.abs(now - linked.ctimeMs) >= abandonedMs) {
      await rm(join(folder, name), { force: true }).catch(() => undefined);
    }
  }
}

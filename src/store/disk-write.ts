/**
 * How a file gets its name in the disk store so that a power cut, a kill or another writer leaves it whole or absent:
 * written under a temporary name, flushed, named in one step, and the folders that hold the name flushed.
 *
 * @see link(2), rename(2), fsync(2)
 */
import { link, lstat, mkdir, open, rename, rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "./disk-error.ts";
import { temporaryFolder, temporaryPath } from "./temporary.ts";

/** Times that a folder may vanish under us, deleted as empty by another process, before we believe something else is wrong. */
const vanishings = 8;

/** Runs `work` with a temporary path under the root, and removes what is there afterwards. */
export async function withTemporary<T>(root: string, work: (path: string) => Promise<T>): Promise<T> {
  await mkdir(temporaryFolder(root), { recursive: true });
  const path = temporaryPath(root);
  try {
    return await work(path);
  } finally {
    // The outcome stands whether or not this succeeds; the next sweep removes what is left.
    await rm(path, { force: true }).catch(() => {});
  }
}

/** Flushes a file, or the names in a folder, to the disk. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Gives a flushed file a name that nothing has: true when done, false where the name is taken. Either way the name is on the disk. */
export async function nameOnce(temporary: string, path: string): Promise<boolean> {
  try {
    await inFolder(path, () => link(temporary, path));
    return true;
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    // What was there may be deleted by now: it was there, all the same.
    const facts = await lstat(path).catch(() => undefined);
    if (facts?.isDirectory()) throw error;
    // Whoever was first may be killed before it flushed the name that we now answer for.
    await flushFolder(dirname(path));
    return false;
  }
}

/** Gives a flushed file its name, in the place of whatever file has it. */
export async function nameOver(temporary: string, path: string): Promise<void> {
  await inFolder(path, () => rename(temporary, path));
}

/** Names a file, making its folders where they are missing, and flushes every folder that got a new name in it. */
async function inFolder(path: string, name: () => Promise<void>): Promise<void> {
  const folder = dirname(path);
  let top = folder;
  for (let left = vanishings; ; left--) {
    try {
      await name();
      break;
    } catch (error) {
      if (systemCode(error) !== "ENOENT" || left === 0) throw error;
      const made = await mkdir(folder, { recursive: true });
      if (made !== undefined && made.length <= top.length) top = dirname(made);
    }
  }
  for (let at = folder; ; at = dirname(at)) {
    await flushFolder(at);
    if (at === top) return;
  }
}

/** Flushes the names in a folder; one that is gone again, because another process emptied it, needs none. */
export async function flushFolder(folder: string): Promise<void> {
  await flush(folder).catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT") throw error;
  });
}

/** Removes a folder and those above it up to `root`, as long as they are empty. */
export async function prune(root: string, folder: string): Promise<void> {
  for (let at = folder; at !== root; at = dirname(at)) {
    // Not empty, or just gone: nothing to do.
    if (
      !(await rmdir(at).then(
        () => true,
        () => false,
      ))
    )
      return;
  }
}

/**
 * Listing of the disk store, in the order of keys, one folder in memory at a time: `a-b` comes before `a/b`, which comes
 * before `a0`, as S3 has it, since a folder sorts as its name with the slash that follows it.
 */
import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "./disk-error.ts";
import { compareKeys, isSegment, type KeyPrefix } from "./keys.ts";
import type { StoreEntry } from "./store.ts";

/** Files of one folder whose size and time are asked for at once. */
const statsAtOnce = 64;

/** Entries below `folder` whose name there begins with `start`, by key; only keys greater than `after` where it is given. */
export async function* listFiles(
  root: string,
  { folder, start }: KeyPrefix,
  after?: string,
): AsyncGenerator<StoreEntry> {
  let files: string[] = [];
  for (const name of await sortedNames(root, folder, start)) {
    const key = folder + name;
    if (after !== undefined && isBehind(key, after)) continue;
    if (!name.endsWith("/")) {
      files.push(key);
      if (files.length < statsAtOnce) continue;
    }
    yield* entries(root, files);
    files = [];
    if (name.endsWith("/")) yield* listFiles(root, { folder: key, start: "" }, after);
  }
  yield* entries(root, files);
}

/** Names of the folders directly below `folder` that hold an object at any depth, in the order of their keys. */
export async function* listFolders(root: string, { folder, start }: KeyPrefix): AsyncGenerator<string> {
  for (const name of await sortedNames(root, folder, start)) {
    if (name.endsWith("/") && (await holdsObject(root, folder + name))) yield name.slice(0, -1);
  }
}

async function holdsObject(root: string, folder: string): Promise<boolean> {
  for await (const _ of listFiles(root, { folder, start: "" })) return true;
  return false;
}

/** True where neither this key nor, for a folder, any key below it comes after `after`. */
function isBehind(key: string, after: string): boolean {
  return compareKeys(key, after) <= 0 && !(key.endsWith("/") && after.startsWith(key));
}

/** Names in a folder that begin with `start`, folders with a slash, in the order of keys; none where there is no such folder. */
async function sortedNames(root: string, folder: string, start: string): Promise<string[]> {
  let found: Dirent[];
  try {
    found = await readdir(join(root, folder), { withFileTypes: true });
  } catch (error) {
    // A folder that was never made, or that a delete removed while we listed, holds nothing.
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
  return found
    .filter((entry) => entry.name.startsWith(start) && isSegment(entry.name) && (entry.isFile() || entry.isDirectory()))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort(compareKeys);
}

async function* entries(root: string, keys: readonly string[]): AsyncGenerator<StoreEntry> {
  const found = await Promise.all(keys.map((key) => statFile(join(root, key))));
  for (const [i, key] of keys.entries()) {
    const facts = found[i];
    if (facts !== undefined) yield { key, ...facts };
  }
}

/** Size and time of a plain file; undefined for anything else, and for nothing. */
export async function statFile(path: string): Promise<{ bytes: number; modifiedAt: number } | undefined> {
  try {
    const facts = await lstat(path);
    return facts.isFile() ? { bytes: facts.size, modifiedAt: Math.floor(facts.mtimeMs) } : undefined;
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

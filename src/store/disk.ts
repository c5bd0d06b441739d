/**
 * The store in a folder: a key is a path below it. An object is written whole under a temporary name, flushed, and then
 * gets its own in one step; `link` fails where a name is taken, which is put-if-absent.
 *
 * Symbolic links below the root are not the store's: none is listed, and none is read in place of an object.
 */
import { constants } from "node:fs";
import { copyFile, type FileHandle, open, unlink, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { SpampotsError } from "../errors.ts";
import { digestPath } from "./digest.ts";
import { diskError, systemCode } from "./disk-error.ts";
import { listFiles, listFolders, statFile } from "./disk-list.ts";
import { flush, flushFolder, nameOnce, nameOver, prune, withTemporary } from "./disk-write.ts";
import { checkFolder, checkKey, checkPrefix } from "./keys.ts";
import { type ByteRange, checkRange, clipRange } from "./range.ts";
import type { FileBody, OpenOptions, Store } from "./store.ts";
import { sweepTemporary } from "./temporary.ts";
import { confine } from "./under.ts";

/** Bytes read at a time; the next chunk is read while one is used. */
const usualChunkBytes = 512 * 1024;

/** What the system says where nothing has the name, or nothing that could be an object. */
const absent = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP"]);

/**
 * The store in the folder `root`, which the first put makes. Opening it does nothing; the first call removes what killed
 * processes left. An object gets the rights that the process's umask leaves, or those of the file it was made from.
 *
 * Its errors are `disk-failed`, with a hint, where the disk refuses, and `bad-argument` where a key is the folder of others.
 */
export function openDiskStore(root: string): Store {
  const base = resolve(root);
  let swept: Promise<number> | undefined;
  const ready = () => {
    swept ??= sweepTemporary(base);
    return swept;
  };
  const at = async <T>(key: string, work: (path: string) => Promise<T>): Promise<T> => {
    const path = join(base, checkKey(key));
    await ready();
    return work(path).catch((error: unknown) => {
      throw diskError(error, key);
    });
  };
  const store: Store = {
    url: base,
    putOnce: (key, body) =>
      at(key, (path) =>
        withTemporary(base, async (temporary) => {
          await writeFile(temporary, body, { flag: "wx", flush: true });
          return (await nameOnce(temporary, path)) ? "created" : "exists";
        }),
      ),
    putFile: (key, file) =>
      at(key, (path) =>
        withTemporary(base, async (temporary) => {
          await copyWhole(file, temporary);
          await nameOver(temporary, path);
        }),
      ),
    get: (key) => at(key, readWhole),
    open: (key, range, { chunkBytes = usualChunkBytes, reuse = false } = {}) =>
      at(key, async (path) => {
        if (range !== undefined) checkRange(range);
        const facts = await statFile(path);
        if (facts === undefined) return undefined;
        const { start, end } = clipRange(range, facts.bytes);
        return { bytes: end - start, body: translated(key, readRange(path, key, { start, end, chunkBytes, reuse })) };
      }),
    digest: (key, options) => at(key, (path) => digestPath(path, options)),
    stat: (key) => at(key, statFile),
    async *list(prefix, options = {}) {
      const parsed = checkPrefix(prefix);
      await ready();
      yield* translated(prefix, listFiles(base, parsed, options.after));
    },
    async *children(prefix) {
      const parsed = checkFolder(prefix);
      await ready();
      yield* translated(prefix, listFolders(base, parsed));
    },
    link: async (key) => {
      checkKey(key);
      return undefined;
    },
    delete: (key) => at(key, (path) => remove(base, path)),
    under: (prefix) => confine(store, prefix),
  };
  return store;
}

/** The same items; what the disk refuses on the way becomes an error of ours. */
async function* translated<T>(key: string, items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    throw diskError(error, key);
  }
}

/** Copies a caller's file, sharing its blocks where the file system can, and flushes the copy. */
async function copyWhole(file: FileBody, temporary: string): Promise<void> {
  await copyFile(file.path, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const copied = (await statFile(temporary))?.bytes;
  if (copied !== file.bytes) {
    throw new SpampotsError("disk-failed", "A file to be stored isn't as long as it was said to be.", {
      expected: file.bytes,
      found: copied,
      hint: "The file was cut or is still being written: make it again.",
    });
  }
  await flush(temporary);
}

async function remove(root: string, path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (absent.has(systemCode(error) ?? "")) return;
    throw error;
  }
  await flushFolder(dirname(path));
  await prune(root, dirname(path));
}

/** Opens a plain file for reading; undefined for anything else. A link isn't followed, and a pipe isn't waited for. */
async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (error) {
    if (!absent.has(systemCode(error) ?? "")) throw error;
  }
  return undefined;
}

async function readWhole(path: string): Promise<Uint8Array | undefined> {
  const handle = await openFile(path);
  try {
    return await handle?.readFile();
  } finally {
    await handle?.close();
  }
}

async function* readRange(
  path: string,
  key: string,
  { start, end, chunkBytes, reuse }: ByteRange & Required<OpenOptions>,
): AsyncGenerator<Uint8Array> {
  if (start === end) return;
  const handle = await openFile(path);
  if (handle === undefined) {
    throw new SpampotsError("not-found", "An object was deleted before it was read.", { key });
  }
  const fresh = () => Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - start));
  // Two at most: one is read into while the other is used.
  const kept: Buffer[] = [];
  const next = (from: number, turn: number) => {
    const buffer = kept[turn] ?? fresh();
    if (reuse) kept[turn] = buffer;
    const chunk = fill(handle, key, buffer.subarray(0, end - from), from);
    // An error is told when the chunk is asked for; until then nobody listens.
    chunk.catch(() => undefined);
    return chunk;
  };
  let turn = 0;
  let ahead = next(start, turn);
  try {
    for (let from = start; from < end; ) {
      const chunk = await ahead;
      from += chunk.length;
      turn = 1 - turn;
      if (from < end) ahead = next(from, turn);
      yield chunk;
    }
  } finally {
    await ahead.catch(() => undefined);
    await handle.close();
  }
}

/** The same buffer, full of what the file has from there on. */
async function fill(handle: FileHandle, key: string, buffer: Buffer, from: number): Promise<Buffer> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, from + done);
    if (bytesRead === 0) throw cutWhileRead(key, buffer.length - done);
    done += bytesRead;
  }
  return buffer;
}

function cutWhileRead(key: string, missing: number): SpampotsError {
  return new SpampotsError("disk-failed", "An object ends before its size says so.", {
    key,
    missing,
    hint: "It was cut while it was read: look at the disk that holds the store.",
  });
}

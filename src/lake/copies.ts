/**
 * Copies of objects of a lake in S3, for an engine that reads local files alone. Objects never change, so a copy is good
 * for as long as the process lives; it was compared with its record's digest on the way. The copies' folder is the
 * process's own, and goes with it.
 *
 * @see design §3 point 2; `docs/decisions/0024-the-lake-in-object-storage.md`
 */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { mapAtOnce } from "../at-once.ts";
import { isError } from "../errors.ts";
import { diskError } from "../store/disk-error.ts";
import type { Store } from "../store/store.ts";
import { damageOf, faultBySize, type LakeFaultWord } from "./fault.ts";
import type { Locate } from "./located.ts";
import type { LakeFile } from "./records.ts";

export interface CopiesOptions {
  /** A folder of this process's own, made when it is first needed. */
  readonly folder: string;
  /** Bytes of copies that are kept; what is being read is kept in any case. */
  readonly mostBytes: number;
}

/** Objects that one selection fetches at a time. */
const atOnce = 8;

/** How often an object is asked for whose body breaks off, or isn't what its record says. */
const tries = 3;

interface Copy {
  readonly file: LakeFile;
  readonly path: string;
  /** Settled once it is there; undefined while nobody fetches it. */
  fetched: Promise<void> | undefined;
  /** How many are reading it, or wait for it. */
  readers: number;
}

/** Fetches what is asked for, unless it is there; least recently used copies make room before. */
export function copiesOf(store: Store, { folder, mostBytes }: CopiesOptions): Locate {
  /** By digest, least recently used first. */
  const copies = new Map<string, Copy>();
  let made = 0;

  const take = (file: LakeFile): Copy => {
    // A name of its own: what made room for others may still be on its way out when it is fetched again.
    const fresh = () => ({ file, path: join(folder, `${++made}.parquet`), fetched: undefined, readers: 0 });
    const copy: Copy = copies.get(file.sha256) ?? fresh();
    copies.delete(file.sha256);
    copies.set(file.sha256, copy);
    copy.readers += 1;
    return copy;
  };

  /** What nobody reads goes where it was never fetched, and as long as all is too much. */
  const makeRoom = async () => {
    let kept = [...copies.values()].reduce((sum, { file }) => sum + file.bytes, 0);
    const gone: string[] = [];
    for (const [digest, { file, path, fetched, readers }] of copies) {
      if (readers > 0 || (fetched !== undefined && kept <= mostBytes)) continue;
      copies.delete(digest);
      kept -= file.bytes;
      gone.push(path);
    }
    for (const path of gone) await rm(path, { force: true });
  };

  const fetch = (copy: Copy): Promise<void> => {
    copy.fetched ??= fetchInto(store, copy.file, copy.path).catch((error: unknown) => {
      // Whoever asks next tries again.
      copy.fetched = undefined;
      throw error;
    });
    return copy.fetched;
  };

  return async (files) => {
    const held = files.map(take);
    const release = () => {
      for (const copy of held.splice(0)) copy.readers -= 1;
      // A file that can't be removed goes with the folder.
      makeRoom().catch(() => {});
    };
    try {
      await mkdir(folder, { recursive: true });
      await makeRoom();
      await mapAtOnce(held, atOnce, fetch);
      return { at: held.map(({ path }) => path), [Symbol.dispose]: release };
    } catch (error) {
      release();
      throw isError(error) ? error : diskError(error, folder);
    }
  };
}

/** Fetches an object and compares it on the way. Nothing stays behind of one that isn't what its record says. */
async function fetchInto(store: Store, file: LakeFile, path: string): Promise<void> {
  const fault = await copyObject(store, file, path).catch(async (error: unknown) => {
    await rm(path, { force: true });
    throw isError(error) ? error : diskError(error, path);
  });
  if (fault === undefined) return;
  await rm(path, { force: true });
  throw damageOf([{ key: file.key, fault }]);
}

async function copyObject(store: Store, file: LakeFile, path: string): Promise<LakeFaultWord | undefined> {
  for (let left = tries; ; left -= 1) {
    try {
      const fault = await tryCopy(store, file, path);
      // What changed on the way is what it was the next time.
      if (fault === undefined || left === 1) return fault;
    } catch (error) {
      if (left === 1 || !isError(error, "store-unavailable")) throw error;
    }
  }
}

async function tryCopy(store: Store, file: LakeFile, path: string): Promise<LakeFaultWord | undefined> {
  const object = await store.open(file.key);
  const fault = faultBySize(file, object?.bytes);
  if (fault !== undefined || object === undefined) return fault;
  return (await copyBody(object.body, path)) === file.sha256 ? undefined : "changed";
}

/** The digest of what was written. */
async function copyBody(body: AsyncIterable<Uint8Array>, path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(
    body,
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path),
  );
  return hash.digest("hex");
}

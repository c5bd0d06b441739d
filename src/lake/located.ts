/**
 * Where an engine reads files of the lake, and that they are what their records say: on the lake's disk, as copies of
 * objects in S3 (`copies.ts`), or in S3 itself, by a cluster.
 *
 * @see design §3 point 2
 */
import { join } from "node:path";
import { mapAtOnce } from "../at-once.ts";
import type { Store } from "../store/store.ts";
import { damageOf, faultBySize, type LakeFault } from "./fault.ts";
import type { LakeFile } from "./records.ts";
import type { FileCheck } from "./sound.ts";

/** Files where an engine reads them, in the order that they were asked for, until this is disposed of. */
export interface Located extends Disposable {
  /** Local paths, or `s3://` URLs for an engine that reads these. */
  readonly at: readonly string[];
}

/** @throws SpampotsError `lake-damaged` that names the first file which isn't what its record says. */
export type Locate = (files: readonly LakeFile[]) => Promise<Located>;

/** Files on the lake's own disk: nothing has to be kept for whoever reads them. */
export function onDisk(root: string, check: FileCheck): Locate {
  return async (files) => {
    await check(files);
    return { at: files.map((file) => join(root, file.key)), [Symbol.dispose]: () => {} };
  };
}

const foldersAtOnce = 8;

/**
 * Objects that a cluster reads itself: they are there, with the sizes that their records state. S3 keeps their bytes;
 * comparing digests would mean to read all of the lake here. `spampots lake verify` does that.
 */
export function inObjectStore(store: Store): Locate {
  return async (files) => {
    const folders = new Set(files.map(({ key }) => key.slice(0, key.lastIndexOf("/") + 1)));
    const found = new Map<string, number>();
    await mapAtOnce(folders, foldersAtOnce, async (folder) => {
      for await (const { key, bytes } of store.list(folder)) found.set(key, bytes);
    });
    const damage = damageOf(
      files.flatMap((file): LakeFault | [] => {
        const fault = faultBySize(file, found.get(file.key));
        return fault === undefined ? [] : { key: file.key, fault };
      }),
    );
    if (damage !== undefined) throw damage;
    return { at: files.map((file) => `${store.url}/${file.key}`), [Symbol.dispose]: () => {} };
  };
}

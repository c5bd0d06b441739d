/**
 * Names of the lake's records. Whoever ticks asks for them again and again, and S3 tells a thousand at a time: so of a
 * long list in S3 the newest days are listed anew each time, all of it now and then.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileError, systemCode } from "../store/disk-error.ts";
import { isSegment } from "../store/keys.ts";
import type { Store } from "../store/store.ts";

/** Keys in a folder of the lake, sorted; with `all`, none that is there is missing. */
export type Names = (folder: string, all?: boolean) => Promise<string[]>;

/** On a disk, by names alone: a lake has a file for each sensor and hour. */
export function namesOnDisk(root: string): Names {
  return async (folder) => {
    const names = await readdir(join(root, folder)).catch((error: unknown): string[] => {
      // A folder that was never made holds nothing.
      if (systemCode(error) === "ENOENT") return [];
      throw fileError(error);
    });
    return names
      .filter(isSegment)
      .sort()
      .map((name) => `${folder}/${name}`);
  };
}

export interface TailOptions {
  /** So many keys at the end of a folder are always listed anew. */
  readonly tail?: number;
  /** Milliseconds after which all are. */
  readonly allEveryMs?: number;
}

/**
 * In a store. Records are never deleted, so what was listed is there. A name that sorts before the newest ones (a batch
 * of long ago) may be missed for as long as `allEveryMs`.
 */
export function namesInStore(store: Store, { tail = 10_000, allEveryMs = 900_000 }: TailOptions = {}): Names {
  const known = new Map<string, { readonly keys: readonly string[]; readonly allAt: number }>();
  return async (folder, all = false) => {
    const before = known.get(folder);
    const old = all || before === undefined || performance.now() - before.allAt > allEveryMs ? undefined : before;
    const kept = old?.keys.slice(0, -tail) ?? [];
    const allAt = kept.length > 0 && old !== undefined ? old.allAt : performance.now();
    const after = kept.at(-1);
    const keys = [...kept];
    for await (const { key } of store.list(`${folder}/`, after === undefined ? {} : { after })) keys.push(key);
    known.set(folder, { keys, allAt });
    return keys;
  };
}

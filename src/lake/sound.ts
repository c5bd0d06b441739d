/**
 * Before a query reads files of the lake, they are compared with their records: what a disk or a person changed is named
 * and never published. A file is read once for that in each process, unless it was touched since.
 *
 * @see design §3 point 2; `docs/decisions/0010-damage-is-found-before-publishing.md`
 */
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../store/disk-error.ts";
import type { Store } from "../store/store.ts";
import { damageOf, faultOf, type LakeFault } from "./fault.ts";
import type { LakeFile } from "./records.ts";

/** @throws SpampotsError `lake-damaged` that names the first file which isn't what its record says. */
export type FileCheck = (files: readonly LakeFile[]) => Promise<void>;

/** A check that remembers which files it found sound. */
export function fileCheck(root: string, store: Store): FileCheck {
  const sound = new Map<string, string>();
  const faultOfFile = async (file: LakeFile): Promise<LakeFault | undefined> => {
    const stamp = await stampOf(join(root, file.key));
    const name = `${file.key} ${file.sha256} ${file.bytes}`;
    if (stamp !== undefined && sound.get(name) === stamp) return undefined;
    const fault = await faultOf({ store }, file);
    if (fault !== undefined) return { key: file.key, fault };
    if (stamp !== undefined) sound.set(name, stamp);
    return undefined;
  };
  return async (files) => {
    const faults = (await Promise.all(files.map(faultOfFile))).filter((fault) => fault !== undefined);
    const damage = damageOf(faults);
    if (damage !== undefined) throw damage;
  };
}

/** What changes whenever a file does: inode, size, and the instants of its last change. */
async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await lstat(path, { bigint: true });
    return [ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

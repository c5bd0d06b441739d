/**
 * What is wrong with a file of the lake, by its record: the words for it, how it is found, and the error that names it.
 *
 * @see design §3 point 2; `docs/decisions/0010-damage-is-found-before-publishing.md`
 */
import { SpampotsError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { isCompactionKey, type LakeFile } from "./records.ts";

/** It isn't there, it ends early, it holds other bytes, or (a record) it can't be read. */
export type LakeFaultWord = "missing" | "truncated" | "changed" | "unreadable";

export interface LakeFault {
  readonly key: string;
  readonly fault: LakeFaultWord;
}

/** What a file's size tells, `found` as it is or `undefined` where there is no file; `undefined` where it is right. */
export function faultBySize({ bytes }: LakeFile, found: number | undefined): LakeFaultWord | undefined {
  if (found === undefined) return "missing";
  if (found === bytes) return undefined;
  return found < bytes ? "truncated" : "changed";
}

/** What is wrong with a file, all of it read; `undefined` where nothing is. */
export async function faultOf(
  { store }: { readonly store: Store },
  file: LakeFile,
): Promise<LakeFaultWord | undefined> {
  const found = await store.digest(file.key, { bytes: file.bytes });
  return faultBySize(file, found?.bytes) ?? (found?.sha256 === file.sha256 ? undefined : "changed");
}

/** The error `lake-damaged` that names the first of these, and how many others there are; `undefined` where none is. */
export function damageOf([first, ...others]: readonly LakeFault[]): SpampotsError | undefined {
  if (first === undefined) return undefined;
  return new SpampotsError("lake-damaged", "A file of the lake is missing or not what its record says.", {
    hint: isCompactionKey(first.key)
      ? "Restore it from a copy of the lake; `spampots lake verify` names every such file."
      : "Restore it from a copy of the lake, or make it anew: `spampots ingest --again` with its raw file in done/, whose name begins like this one's. `spampots lake verify` names every such file.",
    key: first.key,
    fault: first.fault,
    ...(others.length > 0 ? { others: others.length } : {}),
  });
}

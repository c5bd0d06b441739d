/**
 * Verifies the lake: every file that is there by a record against the record's size and digest. What a disk or a person
 * damaged is named before a query stumbles over it.
 *
 * @see design §3 point 2
 */
import { mapAtOnce } from "../at-once.ts";
import { isError, type SpampotsError } from "../errors.ts";
import { faultOf, type LakeFault } from "./fault.ts";
import type { Lake } from "./lake.ts";
import { type BatchName, type BatchRecord, visibleFiles } from "./records.ts";

export interface LakeReport {
  /** Parquet files that were compared, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  /** In the order of keys. */
  readonly faults: readonly LakeFault[];
}

export interface VerifyLakeOptions {
  /** Captures before this instant may have been deleted: their days aren't looked at. */
  readonly retainedFrom?: number;
  readonly onProgress?: (done: { readonly day: string; readonly files: number; readonly bytes: number }) => void;
}

/** Files and records that are read at a time. */
const filesAtOnce = 8;
const recordsAtOnce = 32;

/** Compares all files that records make visible. What is wrong is reported, never thrown; what the disk throws is. */
export async function verifyLake(
  lake: Lake,
  { retainedFrom, onProgress }: VerifyLakeOptions = {},
): Promise<LakeReport> {
  const faults: LakeFault[] = [];
  const read = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!isError(error, "lake-damaged")) throw error;
      faults.push({ key: keyOf(error), fault: "unreadable" });
      return undefined;
    }
  };
  const days = await filesByDay(lake, read);
  await read(() => lake.exclusions());
  let [files, bytes] = [0, 0];
  for (const [day, records] of [...days].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (retainedFrom !== undefined && Date.parse(day) < retainedFrom) continue;
    const compactions = await read(() => lake.compactions(day));
    const visible = compactions === undefined ? [] : visibleFiles(day, records, compactions);
    const found = await mapAtOnce(visible, filesAtOnce, async (file) => ({ file, fault: await faultOf(lake, file) }));
    for (const { file, fault } of found) {
      if (fault !== undefined) faults.push({ key: file.key, fault });
      files += 1;
      bytes += file.bytes;
    }
    onProgress?.({ day, files, bytes });
  }
  return { files, bytes, faults: faults.sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

/** Newest generations by the days they have files of, with the files of that day alone. */
async function filesByDay(
  lake: Lake,
  read: <T>(work: () => Promise<T>) => Promise<T | undefined>,
): Promise<Map<string, BatchRecord[]>> {
  const days = new Map<string, BatchRecord[]>();
  const readAll = (names: readonly BatchName[]) =>
    mapAtOnce(names, recordsAtOnce, (name) => read(() => lake.record(name)));
  for (const record of await readAll(await lake.names({ all: true }))) {
    if (record === undefined) continue;
    for (const [day, files] of Map.groupBy(record.files, (file) => file.day)) {
      const records = days.get(day);
      if (records === undefined) days.set(day, [{ ...record, files }]);
      else records.push({ ...record, files });
    }
  }
  return days;
}

const keyOf = (error: SpampotsError) => String(error.facts.key ?? "");

/**
 * Compaction: a day's small files become one, which one put-once record makes visible in their place. No answer changes:
 * rows keep batch and generation, and of a compacted file only those count that a query is told of. Killed anywhere it leaves a file that no
 * record names.
 *
 * @see design §3 point 2
 */
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileDigest } from "../capture/spool-file.ts";
import { SpampotsError } from "../errors.ts";
import { dayMs } from "../model.ts";
import { temporaryPath } from "../store/temporary.ts";
import { type DayRecords, dayRecords, daysOf } from "./days.ts";
import type { ParquetWriter } from "./engine.ts";
import type { Lake } from "./lake.ts";
import { compactionKey, type Dataset, datasets, type LakeFile, retainedFrom, visibleFiles } from "./records.ts";
import { putAgainIfSwept } from "./sweep.ts";

export interface CompactOptions {
  /** Milliseconds since 1970 UTC: days that aren't over are left alone, since more files are coming. */
  readonly now: number;
  /** Days that captures are kept: what is older may be deleted at any time, and is left alone too. */
  readonly retainDays: number;
  /** Folder below whose temporary folder a merged file is made. */
  readonly temporary: string;
  /** Files of fewer bytes are merged. */
  readonly smallBytes: number;
  /** How many one merge takes at most. */
  readonly mostFiles?: number;
  /** Told which day is looked at. */
  readonly onProgress?: (day: string) => void;
}

/** One merge that was committed. */
export interface Compacted {
  readonly day: string;
  readonly dataset: Dataset;
  /** Files that it replaced. */
  readonly merged: number;
  readonly file: LakeFile;
}

/** A file is small that a query reads in well under a second; 32 MiB are about 700,000 captures. */
export const smallLakeFile = 32 * 1024 * 1024;

/**
 * What one merge takes at most: as much as a machine copies from S3, sorts and writes in a minute or so, and not more
 * names than a record may well hold.
 */
const mostFilesMerged = 1000;
const mostBytes = 256 * 1024 * 1024;

/** As often as others may be quicker on one day, one after another; then the day is theirs. */
const attempts = 20;

/**
 * Merges small files wherever a day has two or more, the smallest first, portion by portion.
 *
 * @throws SpampotsError `lake-damaged` where a file isn't what its record says: damage is never copied; `disk-failed`.
 */
export async function compact(
  lake: Lake,
  writer: ParquetWriter,
  options: CompactOptions,
): Promise<readonly Compacted[]> {
  const done: Compacted[] = [];
  const from = retainedFrom(options.now, options.retainDays);
  const recordsOf = dayRecords(lake);
  for (const day of await daysOf(lake)) {
    const start = Date.parse(day);
    if (start < from || start + dayMs > options.now) continue;
    options.onProgress?.(day);
    for (const dataset of datasets) {
      if (await mayMerge(lake, day, dataset, options.smallBytes))
        done.push(...(await compactDay(lake, writer, { day, dataset, recordsOf }, options)));
    }
  }
  return done;
}

/** Are there two small files at all that weren't merged yet? Of a day that was compacted no batch record has to be read. */
async function mayMerge(lake: Lake, day: string, dataset: Dataset, smallBytes: number): Promise<boolean> {
  const small: string[] = [];
  for await (const { key, bytes } of lake.store.list(`${dataset}/day=${day}/`)) if (bytes < smallBytes) small.push(key);
  if (small.length < 2) return false;
  const merged = new Set((await lake.compactions(day)).flatMap(({ replaces }) => replaces));
  return small.filter((key) => !merged.has(key)).length > 1;
}

async function compactDay(
  lake: Lake,
  writer: ParquetWriter,
  { day, dataset, recordsOf }: { day: string; dataset: Dataset; recordsOf: DayRecords },
  options: CompactOptions,
): Promise<readonly Compacted[]> {
  const done: Compacted[] = [];
  for (let lost = 0; lost < attempts; ) {
    // What is visible and the next number come from one reading: whoever commits in between takes the number.
    const records = await recordsOf(await lake.names(), day);
    const compactions = await lake.compactions(day);
    const portion = portionOf(
      visibleFiles(day, records, compactions).filter(
        (file) => file.dataset === dataset && file.bytes < options.smallBytes,
      ),
      options.mostFiles ?? mostFilesMerged,
    );
    if (portion.length < 2) return done;
    const number = compactions.length + 1;
    const file = await merge(lake, writer, { day, dataset, number }, portion, options.temporary);
    if (file === undefined) lost += 1;
    else {
      lost = 0;
      done.push({ day, dataset, merged: portion.length, file });
    }
  }
  return done;
}

/** The smallest files, two or more where there are. */
function portionOf(small: readonly LakeFile[], mostFiles: number): readonly LakeFile[] {
  let bytes = 0;
  return small
    .toSorted((a, b) => a.bytes - b.bytes)
    .filter((file, index) => {
      bytes += file.bytes;
      return index < 2 || (index < mostFiles && bytes <= mostBytes);
    });
}

/** Merges and commits; `undefined` where another took the number. */
async function merge(
  lake: Lake,
  writer: ParquetWriter,
  { day, dataset, number }: { day: string; dataset: Dataset; number: number },
  portion: readonly LakeFile[],
  temporary: string,
): Promise<LakeFile | undefined> {
  const folder = temporaryPath(temporary);
  await mkdir(folder, { recursive: true });
  try {
    const path = join(folder, "merged.parquet");
    const rows = await mergeInto(path, lake, writer, portion);
    const sha256 = await fileDigest(path);
    const { size: bytes } = await stat(path);
    const file = { key: compactionKey({ dataset, day, number, sha256 }), dataset, day, rows, bytes, sha256 };
    await lake.putFile(file.key, { path, bytes });
    const replaces = portion.map(({ key }) => key).sort();
    if ((await lake.commitCompaction(day, number, { v: 1, file, replaces })) === "exists") return undefined;
    await putAgainIfSwept(lake, new Map([[file, path]]));
    return file;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function mergeInto(
  path: string,
  lake: Lake,
  writer: ParquetWriter,
  portion: readonly LakeFile[],
): Promise<number> {
  using located = await lake.local(portion);
  const [{ dataset, day } = { dataset: datasets[0], day: "" }] = portion;
  const rows = await writer.mergeParquet(located.at, path);
  const expected = portion.reduce((sum, file) => sum + file.rows, 0);
  if (rows === expected) return rows;
  throw new SpampotsError("lake-damaged", "Files of the lake don't hold the rows that their records state.", {
    hint: "Restore the day's files from a copy of the lake.",
    day,
    dataset,
    expected,
    found: rows,
  });
}

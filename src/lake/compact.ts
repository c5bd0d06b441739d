/**
 * Compaction: a day's small files become one, which one put-once record makes visible in their place. No answer changes:
 * rows keep batch and generation, and of a compacted file only live ones count. Killed anywhere it leaves a file that no
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
import { daysOf, recordsOfDay } from "./days.ts";
import type { Engine } from "./engine.ts";
import type { Lake } from "./lake.ts";
import { compactionKey, type Dataset, datasets, type LakeFile, retainedFrom, visibleFiles } from "./records.ts";

export interface CompactOptions {
  /** Milliseconds since 1970 UTC: days that aren't over are left alone, since more files are coming. */
  readonly now: number;
  /** Days that captures are kept: what is older may be deleted at any time, and is left alone too. */
  readonly retainDays: number;
  /** Folder below whose temporary folder a merged file is made. */
  readonly temporary: string;
  /** Files of fewer bytes are merged. */
  readonly smallBytes: number;
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

/** More than the compactions that others can commit on one day meanwhile. */
const attempts = 20;

/**
 * Merges small files wherever a day has two or more.
 *
 * @throws SpampotsError `lake-damaged` where a file isn't what its record says: damage is never copied; `disk-failed`.
 */
export async function compact(lake: Lake, engine: Engine, options: CompactOptions): Promise<readonly Compacted[]> {
  const done: Compacted[] = [];
  const from = retainedFrom(options.now, options.retainDays);
  for (const day of await daysOf(lake)) {
    const start = Date.parse(day);
    if (start < from || start + dayMs > options.now) continue;
    options.onProgress?.(day);
    for (const dataset of datasets) done.push(...(await compactDay(lake, engine, day, dataset, options)));
  }
  return done;
}

async function compactDay(
  lake: Lake,
  engine: Engine,
  day: string,
  dataset: Dataset,
  options: CompactOptions,
): Promise<readonly Compacted[]> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    // What is visible and the next number come from one reading: whoever commits in between takes the number.
    const records = await recordsOfDay(lake, await lake.names(), day);
    const compactions = await lake.compactions(day);
    const small = visibleFiles(
      records.map((record) => ({ ...record, files: record.files.filter((file) => file.day === day) })),
      compactions,
    ).filter((file) => file.dataset === dataset && file.bytes < options.smallBytes);
    if (small.length < 2) return [];
    const number = compactions.length + 1;
    const file = await mergeInto(lake, engine, { day, dataset, number }, small, options.temporary);
    const replaces = small.map(({ key }) => key);
    const outcome = await lake.commitCompaction(day, number, { v: 1, file, replaces });
    if (outcome === "created") return [{ day, dataset, merged: small.length, file }];
  }
  throw new SpampotsError("store-unavailable", "Other compactions keep taking place on the same day.", { day });
}

async function mergeInto(
  lake: Lake,
  engine: Engine,
  { day, dataset, number }: { day: string; dataset: Dataset; number: number },
  small: readonly LakeFile[],
  temporary: string,
): Promise<LakeFile> {
  await lake.check(small);
  const folder = temporaryPath(temporary);
  await mkdir(folder, { recursive: true });
  try {
    const to = join(folder, "merged.parquet");
    const paths = small.map((file) => lake.path(file.key));
    const rows = await engine.mergeParquet(dataset, paths, to);
    const expected = small.reduce((sum, file) => sum + file.rows, 0);
    if (rows !== expected) {
      throw new SpampotsError("lake-damaged", "Files of the lake don't hold the rows that their records state.", {
        hint: "Restore the day's files from a copy of the lake.",
        day,
        dataset,
        expected,
        found: rows,
      });
    }
    const sha256 = await fileDigest(to);
    const { size: bytes } = await stat(to);
    const key = compactionKey({ dataset, day, number, sha256 });
    await lake.putFile(key, { path: to, bytes });
    return { key, dataset, day, rows, bytes, sha256 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

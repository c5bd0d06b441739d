/**
 * Which files of the lake nothing needs any more: those that no record names (left by a killed ingest or compaction),
 * those that a newer generation or a compaction replaced, and days that are no longer retained. Records are never
 * deleted: they say what there was.
 *
 * @see design §3 point 2
 */
import { dayMs } from "../model.ts";
import type { StoreEntry } from "../store/store.ts";
import { type DayRecords, dayRecords, daysOf } from "./days.ts";
import type { Lake } from "./lake.ts";
import {
  type BatchName,
  compactionRecordKeyOf,
  datasets,
  type LakeFile,
  parseBatchKey,
  parseFileKey,
  retainedFrom,
  visibleFiles,
} from "./records.ts";

/** A Parquet file that can go, and why. */
export interface DeadFile {
  readonly why: "unnamed" | "replaced" | "expired";
  readonly entry: StoreEntry;
}

/** A batch's newest generation, and when it was committed. */
interface Committed {
  readonly name: BatchName;
  readonly at: number;
}

/**
 * Files that can go, day by day. Nobody may still write or read them: an unnamed file is a day old, and what replaced a
 * file is. A day is deleted a day after publishing ceased to read it.
 *
 * @throws SpampotsError `lake-damaged` where a record can't be read: nothing of its day can be told then.
 */
export async function* deadFiles(
  lake: Lake,
  { now, retainDays }: { readonly now: number; readonly retainDays: number },
): AsyncGenerator<DeadFile> {
  const newest = await newestCommitted(lake);
  const retained = retainedFrom(now, retainDays) - dayMs;
  const recordsOf = dayRecords(lake);
  for (const day of await daysOf(lake)) {
    const expired = Date.parse(day) + dayMs <= retained;
    const fate = expired ? undefined : await fateOfDay(lake, { day, recordsOf }, newest);
    const unnamed: StoreEntry[] = [];
    for (const dataset of datasets) {
      for await (const entry of lake.store.list(`${dataset}/day=${day}/`)) {
        if (fate === undefined) yield { why: "expired", entry };
        else if (!fate.visible.has(entry.key)) {
          const since = fate.replacedAt(entry.key);
          if (Math.max(since ?? 0, entry.modifiedAt) > now - dayMs) continue;
          if (since === undefined) unnamed.push(entry);
          else yield { why: "replaced", entry };
        }
      }
    }
    if (unnamed.length === 0) continue;
    // Who was stopped for a day between file and record may have gone on meanwhile.
    const again = await fateOfDay(lake, { day, recordsOf }, await newestCommitted(lake));
    for (const entry of unnamed) if (!again.visible.has(entry.key)) yield { why: "unnamed", entry };
  }
}

/** When each batch was first committed, by the first 16 hex digits of its id: for how long its raw file was kept. */
export async function firstCommits(lake: Lake): Promise<ReadonlyMap<string, number>> {
  const first = new Map<string, number>();
  for await (const { key, modifiedAt } of lake.store.list("batches/")) {
    const name = parseBatchKey(key);
    if (name) first.set(name.batch16, Math.min(modifiedAt, first.get(name.batch16) ?? modifiedAt));
  }
  return first;
}

async function newestCommitted(lake: Lake): Promise<ReadonlyMap<string, Committed>> {
  const newest = new Map<string, Committed>();
  for await (const { key, modifiedAt } of lake.store.list("batches/")) {
    const name = parseBatchKey(key);
    // Of two of one generation the first counts, as it does for who reads (`newestGenerations`).
    if (name === undefined || (newest.get(name.batch16)?.name.generation ?? 0) >= name.generation) continue;
    newest.set(name.batch16, { name, at: modifiedAt });
  }
  return newest;
}

interface DayFate {
  readonly visible: ReadonlySet<string>;
  /** When a file was replaced; `undefined` for one that no record ever named. */
  replacedAt(key: string): number | undefined;
}

async function fateOfDay(
  lake: Lake,
  { day, recordsOf }: { day: string; recordsOf: DayRecords },
  newest: ReadonlyMap<string, Committed>,
): Promise<DayFate> {
  const names = [...newest.values()].map(({ name }) => name);
  const records = await recordsOf(names, day);
  const replaced = new Map<string, number>();
  const committed = new Map<string, number>();
  for await (const { key, modifiedAt } of lake.store.list(`compactions/${day}/`)) committed.set(key, modifiedAt);
  const compactions = await lake.compactions(day);
  for (const record of compactions) {
    // One that came since the listing is younger than a day.
    const at = committed.get(compactionRecordKeyOf(record)) ?? Number.POSITIVE_INFINITY;
    for (const key of record.replaces) replaced.set(key, at);
  }
  return {
    visible: new Set(visibleFiles(day, records, compactions).map((file) => file.key)),
    replacedAt(key) {
      const file = parseFileKey(key);
      const later = file && newest.get(file.batch16);
      if (later !== undefined && file !== undefined && later.name.generation > file.generation) return later.at;
      return replaced.get(key);
    },
  };
}

/**
 * To be called once a record names these files (local paths by file): those that aren't there are put again. A file that
 * no record named for a day is swept: that happens to whoever is stopped so long between put and commit, or puts again
 * what a killed process left just when a sweep looks at it.
 */
export async function putAgainIfSwept(
  { store }: Pick<Lake, "store">,
  files: ReadonlyMap<LakeFile, string>,
): Promise<void> {
  for (const [{ key, bytes }, path] of files) {
    if ((await store.stat(key)) === undefined) await store.putFile(key, { path, bytes });
  }
}

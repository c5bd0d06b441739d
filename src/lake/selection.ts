/**
 * What of the lake a query may read: which files, and of compacted ones which batches count. What a compacted file holds
 * follows from what it replaced, so where all of it counts nothing has to be said, and else the shorter list. Pure.
 *
 * @see design §3 point 2
 */
import { SpampotsError } from "../errors.ts";
import {
  type BatchRecord,
  type CompactionRecord,
  compactionRecordKeyOf,
  isCompactionKey,
  type LakeFile,
  parseFileKey,
} from "./records.ts";

/** Batches as compacted files tell them apart: first 16 hex digits of the id, `:`, generation. */
export interface Counted {
  /** True where only those in the list count, false where all others do. */
  readonly only: boolean;
  readonly batches: readonly string[];
}

/** Files by what of them counts. */
export interface Choice {
  /** Files whose every row counts. */
  readonly whole: readonly LakeFile[];
  /** Compacted files of which some rows count. */
  readonly mixed: readonly LakeFile[];
  /** Which, in all of the mixed ones. */
  readonly counted: Counted;
}

const nameOf = (batch: string, generation: number) => `${batch.slice(0, 16)}:${generation}`;

/**
 * Chooses among visible files. `compactions` are all of the files' days, each day's in the order of their numbers.
 *
 * @throws SpampotsError `lake-damaged` where what a compacted file was made from can't be told.
 */
export function choose(
  files: readonly LakeFile[],
  batches: readonly BatchRecord[],
  compactions: readonly CompactionRecord[],
): Choice {
  const live = new Set(batches.map(({ batch, generation }) => nameOf(batch, generation)));
  const contents = contentsOf(compactions);
  const [whole, mixed]: [LakeFile[], LakeFile[]] = [[], []];
  const [alive, dead] = [new Set<string>(), new Set<string>()];
  for (const file of files) {
    if (!isCompactionKey(file.key)) {
      whole.push(file);
      continue;
    }
    const held = contents.get(file.key) ?? [];
    const counting = held.filter((name) => live.has(name));
    if (counting.length === held.length) whole.push(file);
    else if (counting.length > 0) {
      mixed.push(file);
      for (const name of held) (live.has(name) ? alive : dead).add(name);
    }
  }
  const only = alive.size < dead.size;
  return { whole, mixed, counted: { only, batches: [...(only ? alive : dead)].sort() } };
}

/** What each compacted file holds, by its key. */
function contentsOf(compactions: readonly CompactionRecord[]): ReadonlyMap<string, readonly string[]> {
  const contents = new Map<string, readonly string[]>();
  for (const record of compactions) {
    const held = new Set<string>();
    for (const key of record.replaces) {
      const file = parseFileKey(key);
      const names = file === undefined ? contents.get(key) : [nameOf(file.batch16, file.generation)];
      if (names === undefined) {
        throw new SpampotsError("lake-damaged", "A record of a compaction replaces a file that no record made.", {
          key: compactionRecordKeyOf(record),
          replaces: key,
          hint: "Restore the folder compactions/ from a copy of the lake.",
        });
      }
      for (const name of names) held.add(name);
    }
    contents.set(record.file.key, [...held]);
  }
  return contents;
}

/** Batches that share a moment with another batch of their sensor, by id, sorted. */
export function overlappingBatches(batches: readonly BatchRecord[]): string[] {
  const bySensor = new Map<string, { batch: string; first: number; last: number }[]>();
  for (const { sensor, batch, first, last } of batches) {
    if (first === undefined || last === undefined) continue;
    const list = bySensor.get(sensor) ?? [];
    list.push({ batch, first, last });
    bySensor.set(sensor, list);
  }
  const overlapping = new Set<string>();
  for (const list of bySensor.values()) {
    list.sort((a, b) => a.first - b.first);
    let reach: (typeof list)[number] | undefined;
    for (const interval of list) {
      if (reach !== undefined && interval.first <= reach.last) overlapping.add(interval.batch).add(reach.batch);
      if (reach === undefined || interval.last > reach.last) reach = interval;
    }
  }
  return [...overlapping].sort();
}

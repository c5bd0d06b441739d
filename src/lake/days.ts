/** The lake day by day: for work that goes over all of it without holding more than a day's records. */
import type { Lake } from "./lake.ts";
import { type BatchName, type BatchRecord, batchKey, datasets } from "./records.ts";

/** Days (`YYYY-MM-DD`) that have Parquet files, ascending. */
export async function daysOf(lake: Lake): Promise<readonly string[]> {
  const days = new Set<string>();
  for (const dataset of datasets) {
    for await (const name of lake.store.children(`${dataset}/`)) {
      const day = /^day=(\d{4}-\d{2}-\d{2})$/.exec(name)?.[1];
      if (day !== undefined) days.add(day);
    }
  }
  return [...days].sort();
}

/** Reads records of those batches that may have files of a day. @throws SpampotsError `lake-damaged` */
export type DayRecords = (names: readonly BatchName[], day: string) => Promise<readonly BatchRecord[]>;

/** A reader that holds the records of the last day it was asked for: a day is looked at again and again, then the next. */
export function dayRecords(lake: Pick<Lake, "records">): DayRecords {
  let held = new Map<string, BatchRecord>();
  return async (names, day) => {
    const ofDay = names.filter((name) => name.firstDay <= day && day <= name.lastDay);
    const wanted = new Set(ofDay.map(({ key }) => key));
    const read = await lake.records(ofDay.filter(({ key }) => !held.has(key)));
    const both = [...held.values(), ...read].map((record) => [batchKey(record), record] as const);
    held = new Map(both.filter(([key]) => wanted.has(key)));
    return [...held.values()];
  };
}

/** The lake day by day: for work that goes over all of it without holding more than a day's records. */
import type { Lake } from "./lake.ts";
import { type BatchName, type BatchRecord, datasets } from "./records.ts";

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

/** Records of those batches that may have files of the day. @throws SpampotsError `lake-damaged` */
export async function recordsOfDay(
  lake: Lake,
  names: readonly BatchName[],
  day: string,
): Promise<readonly BatchRecord[]> {
  return lake.records(names.filter((name) => name.firstDay <= day && day <= name.lastDay));
}

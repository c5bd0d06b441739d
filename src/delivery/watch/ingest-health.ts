/** How ingest goes: captures and sensors by day, quarantine, tables. Counted from batch records alone; no row is read. */
import { listTables } from "../../enrich/table-list.ts";
import { dayId, secondsInstant } from "../../feed/period.ts";
import { coverageOf } from "../../lake/coverage.ts";
import type { Lake } from "../../lake/lake.ts";
import { type BatchRecord, touches } from "../../lake/records.ts";
import { dayMs } from "../../model.ts";
import type { Store } from "../../store/store.ts";
import type { IngestHealth, TableHealth } from "./health.ts";

/** UTC days that are counted, today among them. */
export const countedDays = 14;

/**
 * How ingest goes at `now`. Captures are counted as stored: of one that came in two files, both.
 *
 * @param known sensors in the sensors file.
 * @throws SpampotsError `lake-damaged`
 */
export async function readIngest(lake: Lake, known: number, now: number): Promise<IngestHealth> {
  const today = Math.floor(now / dayMs) * dayMs;
  const from = today - (countedDays - 1) * dayMs;
  const all = await lake.batches(from, today + dayMs);
  const exclusions = await lake.exclusions();
  const batches = all.filter(({ batch }) => !exclusions.has(batch));
  const starts = Array.from({ length: countedDays }, (_, index) => from + index * dayMs);
  const { expected, seen } = coverageOf(batches, now - dayMs, now);
  const newest = Math.max(...all.map(({ sealed_at }) => sealed_at));
  return {
    days: daysOf(batches, starts),
    sensors: {
      known,
      last_day: sensorsIn(batches, now - dayMs, now),
      last_days: sensorsIn(batches, from, now),
    },
    coverage: { expected, seen },
    quarantine: quarantineOf(batches, now),
    ...(all.length === 0 ? {} : { newest_seal: secondsInstant(newest) }),
    excluded: all.length - batches.length,
  };
}

function daysOf(batches: readonly BatchRecord[], starts: readonly number[]): IngestHealth["days"] {
  const rows = new Map<string, number>();
  for (const { files } of batches) {
    for (const { dataset, day, rows: more } of files) {
      const name = `${dataset} ${day}`;
      rows.set(name, (rows.get(name) ?? 0) + more);
    }
  }
  return starts.map((start) => {
    const day = dayId(start);
    return {
      day,
      captures: rows.get(`captures ${day}`) ?? 0,
      requests: rows.get(`requests ${day}`) ?? 0,
      sensors: sensorsIn(batches, start, start + dayMs),
    };
  });
}

const sensorsIn = (batches: readonly BatchRecord[], from: number, to: number) =>
  new Set(batches.filter(({ hours }) => touches(hours, from, to)).map(({ sensor }) => sensor)).size;

function quarantineOf(batches: readonly BatchRecord[], now: number): IngestHealth["quarantine"] {
  const codes = new Map<string, { last_day: number; last_days: number }>();
  for (const { quarantined, sealed_at } of batches) {
    for (const [code, lines] of Object.entries(quarantined)) {
      const sum = codes.get(code) ?? { last_day: 0, last_days: 0 };
      sum.last_days += lines;
      if (sealed_at > now - dayMs) sum.last_day += lines;
      codes.set(code, sum);
    }
  }
  return [...codes].map(([code, sums]) => ({ code, ...sums })).sort((a, b) => b.last_days - a.last_days);
}

/** The newest table of each kind that is in use. @throws SpampotsError `bad-table` */
export async function readTables(store: Store): Promise<TableHealth[]> {
  // By date: of each kind, the last one stays.
  const newest = new Map((await listTables(store)).filter(({ used }) => used).map((table) => [table.kind, table]));
  return [...newest.values()].map(({ kind, name, date, rows }) => ({ kind, name, date, rows }));
}

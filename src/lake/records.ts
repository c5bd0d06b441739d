/**
 * Records of the lake: the put-once statements that make files visible. A file that no record names, or that a
 * compaction replaces, is not there. Pure: names, forms and what follows from them.
 *
 * Keys, below the lake's root:
 * - `batches/<first day>_<last day>_<first 16 hex of batch>-<generation, 4 digits>.json`
 * - `captures/day=<day>/<batch 16>-<generation>-<16 hex of SHA-256>.parquet`, `requests/day=<day>/…` likewise
 * - `compactions/<day>/<n, 4 digits>.json` and `captures/day=<day>/c<n>-<16 hex>.parquet`
 * - `exclusions/<batch>.json`
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { SpampotsError } from "../errors.ts";
import { dayMs, hourMs } from "../model.ts";

/** Half-open ranges of hours since 1970, ascending, not touching. */
export type HourRanges = readonly (readonly [number, number])[];

const hourRanges = z.array(z.tuple([z.int(), z.int()]));
const digest = z.string().regex(/^[0-9a-f]{64}$/);

export const datasets = ["captures", "requests"] as const;
export type Dataset = (typeof datasets)[number];

const lakeFile = z.strictObject({
  key: z.string(),
  dataset: z.enum(datasets),
  day: z.string(),
  rows: z.int(),
  bytes: z.int(),
  sha256: digest,
});

/** A Parquet file of one day. */
export type LakeFile = z.infer<typeof lakeFile>;

const batchRecord = z.strictObject({
  v: z.literal(1),
  batch: digest,
  generation: z.int().min(1),
  sensor: z.string(),
  sealed_at: z.int(),
  simulated: z.boolean(),
  /** Instants of the first and last capture or request; both absent where the batch holds neither. */
  first: z.int().optional(),
  last: z.int().optional(),
  /** Hours for which the sensor is known to have been up. */
  hours: hourRanges,
  /** Hours with captures in any feed, and with requests. */
  captures: hourRanges,
  requests: hourRanges,
  /** Hours by side and economy, without probes. */
  concerns: z.strictObject({
    source: z.record(z.string(), hourRanges),
    target: z.record(z.string(), hourRanges),
    url: z.record(z.string(), hourRanges),
  }),
  counts: z.record(z.string(), z.int()),
  quarantined: z.record(z.string(), z.int()),
  /** Digest over what made the rows: parser, tables, maps, sensors. */
  made_with: digest,
  tables: z.array(
    z.strictObject({ kind: z.string(), name: z.string(), date: z.string(), rows: z.int(), sha256: z.string() }),
  ),
  files: z.array(lakeFile),
});

/** The record that commits one generation of one batch. Instants are milliseconds. */
export type BatchRecord = z.infer<typeof batchRecord>;

const compactionRecord = z.strictObject({
  v: z.literal(1),
  file: lakeFile,
  /** Keys of the files that are not there any more. */
  replaces: z.array(z.string()).min(1),
});
export type CompactionRecord = z.infer<typeof compactionRecord>;

const exclusionRecord = z.strictObject({ v: z.literal(1), batch: digest, reason: z.string(), excluded_at: z.int() });
export type ExclusionRecord = z.infer<typeof exclusionRecord>;

/** How a record's text ends: its last member is the SHA-256 of the text without it. */
const seal = /,"sha256":"([0-9a-f]{64})"\}\n$/;

/** The text of a record, its digest compared and taken off. Records of earlier versions have none. */
function unsealed(text: string): string {
  const [whole, stated] = seal.exec(text) ?? [];
  if (whole === undefined) return text;
  const body = `${text.slice(0, -whole.length)}}`;
  if (textDigest(body) !== stated) throw new Error("Its bytes aren't those that were written.");
  return body;
}

const textDigest = (text: string) => createHash("sha256").update(text).digest("hex");

function decode<T>(schema: z.ZodType<T>, key: string, bytes: Uint8Array, keyOf: (record: T) => string): T {
  try {
    const record = schema.parse(JSON.parse(unsealed(new TextDecoder("utf-8", { fatal: true }).decode(bytes))));
    if (keyOf(record) !== key) throw new Error("It is the record of something else.");
    return record;
  } catch (cause) {
    throw new SpampotsError("lake-damaged", "A record of the lake is damaged.", {
      cause,
      key,
      hint: "Restore this file from a copy of the lake, or ingest its batch again from done/.",
    });
  }
}

/** A batch's record. @throws SpampotsError `lake-damaged`, also where another record stands under the key. */
export const decodeBatch = (key: string, bytes: Uint8Array): BatchRecord => decode(batchRecord, key, bytes, batchKey);
/** A compaction's record. @throws SpampotsError `lake-damaged` */
export const decodeCompaction = (key: string, bytes: Uint8Array): CompactionRecord =>
  decode(compactionRecord, key, bytes, compactionRecordKeyOf);
/** An exclusion's record. @throws SpampotsError `lake-damaged` */
export const decodeExclusion = (key: string, bytes: Uint8Array): ExclusionRecord =>
  decode(exclusionRecord, key, bytes, exclusionKey);

/** Key of an exclusion's record. */
export const exclusionKey = ({ batch }: Pick<ExclusionRecord, "batch">) => `exclusions/${batch}.json`;

/** Key of compaction `number` of a day. */
export const compactionRecordKey = (day: string, number: number) => `compactions/${day}/${fourDigits(number)}.json`;

/** The same of what a record says: its file is named by the number. */
export function compactionRecordKeyOf({ file }: CompactionRecord): string {
  return compactionRecordKey(file.day, Number(/\/c(\d{4,})-/.exec(file.key)?.[1]));
}

/** A record's bytes: JSON, and a digest of it as the last member, so that no flipped bit passes for another number. */
export function encodeRecord(record: BatchRecord | CompactionRecord | ExclusionRecord): Uint8Array {
  const body = JSON.stringify(record);
  return new TextEncoder().encode(`${body.slice(0, -1)},"sha256":"${textDigest(body)}"}\n`);
}

const fourDigits = (number: number) => String(number).padStart(4, "0");

/** Name part that a batch's generation has in every key. */
export function generationName(batch: string, generation: number): string {
  return `${batch.slice(0, 16)}-${fourDigits(generation)}`;
}

/** What a batch record's key tells without reading it. Days are `YYYY-MM-DD`, both inclusive. */
export interface BatchName {
  readonly key: string;
  readonly firstDay: string;
  readonly lastDay: string;
  readonly batch16: string;
  readonly generation: number;
}

/** Key of a batch record: days of its hours, or of its seal where it holds nothing. */
export function batchKey(record: BatchRecord): string {
  const day = (hour: number) => new Date(hour * hourMs).toISOString().slice(0, 10);
  const sealed = Math.floor(record.sealed_at / hourMs);
  const all = [...record.hours, ...record.captures, ...record.requests];
  const first = Math.min(...all.map(([start]) => start), ...(all.length === 0 ? [sealed] : []));
  const last = Math.max(...all.map(([, end]) => end - 1), ...(all.length === 0 ? [sealed] : []));
  return `batches/${day(first)}_${day(last)}_${generationName(record.batch, record.generation)}.json`;
}

/** Reads a batch record's key; `undefined` for any other key. */
export function parseBatchKey(key: string): BatchName | undefined {
  const match = /^batches\/(\d{4}-\d{2}-\d{2})_(\d{4}-\d{2}-\d{2})_([0-9a-f]{16})-(\d{4})\.json$/.exec(key);
  const [, firstDay, lastDay, batch16, generation] = match ?? [];
  if (firstDay === undefined || lastDay === undefined || batch16 === undefined || generation === undefined)
    return undefined;
  return { key, firstDay, lastDay, batch16, generation: Number(generation) };
}

/** Key of a compacted file: the compaction's number on its day, and the first hex digits of the file's digest. */
export function compactionKey(file: Pick<LakeFile, "dataset" | "day" | "sha256"> & { number: number }): string {
  return `${file.dataset}/day=${file.day}/c${fourDigits(file.number)}-${file.sha256.slice(0, 16)}.parquet`;
}

/** True for a compacted file's key. A batch's key may begin with the same letter: it is a hex digit. */
export function isCompactionKey(key: string): boolean {
  return /\/c\d{4,}-[0-9a-f]{16}\.parquet$/.test(key);
}

/** Batch and generation of a Parquet file's key; `undefined` for any other key, a compaction's among them. */
export function parseFileKey(key: string): Pick<BatchName, "batch16" | "generation"> | undefined {
  const [, batch16, generation] = /\/([0-9a-f]{16})-(\d{4})-[0-9a-f]{16}\.parquet$/.exec(key) ?? [];
  return batch16 === undefined ? undefined : { batch16, generation: Number(generation) };
}

/** The newest generation of each batch. */
export function newestGenerations(names: Iterable<BatchName>): BatchName[] {
  const newest = new Map<string, BatchName>();
  for (const name of names) {
    const known = newest.get(name.batch16);
    if (known === undefined || known.generation < name.generation) newest.set(name.batch16, name);
  }
  return [...newest.values()];
}

/** Ranges out of a set of hours. */
export function hourRangesOf(hours: Iterable<number>): HourRanges {
  const sorted = [...new Set(hours)].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const hour of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === hour) last[1] = hour + 1;
    else ranges.push([hour, hour + 1]);
  }
  return ranges;
}

/** The first instant whose captures are kept where the lake keeps `days`: midnight UTC. */
export function retainedFrom(now: number, days: number): number {
  return Math.floor(now / dayMs - days) * dayMs;
}

/** True where any hour of the ranges lies in the interval of instants [from, to). */
export function touches(ranges: HourRanges | undefined, from: number, to: number): boolean {
  return ranges?.some(([start, end]) => start * hourMs < to && end * hourMs > from) ?? false;
}

/** Hours of the ranges that lie in [from, to). */
export function* hoursWithin(ranges: HourRanges, from: number, to: number): Generator<number> {
  for (const [start, end] of ranges) {
    for (let hour = Math.max(start, Math.floor(from / hourMs)); hour < end && hour * hourMs < to; hour += 1) yield hour;
  }
}

/**
 * Which files of a day are there, by key: those of these batches, but for what compactions replaced, and the
 * compactions' own. `compactions` are all of the day, in the order of their numbers.
 */
export function visibleFiles(
  day: string,
  batches: readonly Pick<BatchRecord, "files">[],
  compactions: readonly CompactionRecord[],
): LakeFile[] {
  const files = new Map<string, LakeFile>();
  for (const batch of batches) for (const file of batch.files) if (file.day === day) files.set(file.key, file);
  for (const { file, replaces } of compactions) {
    for (const key of replaces) files.delete(key);
    files.set(file.key, file);
  }
  return [...files.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

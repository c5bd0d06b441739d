/**
 * The lake on a disk: what was committed, and what of it a query may read. Records and files go through a put-once store
 * below the lake's folder; the engine reads the same files by path.
 */
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { SpampotsError } from "../errors.ts";
import { openDiskStore } from "../store/disk.ts";
import { fileError, systemCode } from "../store/disk-error.ts";
import { isSegment } from "../store/keys.ts";
import type { FileBody, Store } from "../store/store.ts";
import type { Selection } from "./engine.ts";
import {
  type BatchName,
  type BatchRecord,
  batchKey,
  type CompactionRecord,
  compactionRecordKey,
  type Dataset,
  decodeBatch,
  decodeCompaction,
  decodeExclusion,
  type ExclusionRecord,
  encodeRecord,
  exclusionKey,
  isCompactionKey,
  type LakeFile,
  newestGenerations,
  parseBatchKey,
  visibleFiles,
} from "./records.ts";
import { type FileCheck, fileCheck } from "./sound.ts";

export interface Lake {
  readonly root: string;
  /** Folder for half-made files; emptied by whoever starts next. */
  readonly store: Store;
  /** Newest generation of every batch, by name alone. The same array as long as nothing is committed. */
  names(): Promise<readonly BatchName[]>;
  /** Reads one batch record. @throws SpampotsError `lake-damaged` */
  record(name: BatchName): Promise<BatchRecord>;
  /** Newest generations with anything in [from, to), excluded ones too, sorted by batch. */
  batches(from: number, to: number): Promise<readonly BatchRecord[]>;
  /** Batch ids excluded, with the reasons. The same map as long as nothing is excluded. */
  exclusions(): Promise<ReadonlyMap<string, ExclusionRecord>>;
  /** Makes a batch's generation visible in one step. `exists` where another has done it. */
  commit(record: BatchRecord): Promise<"created" | "exists">;
  exclude(record: ExclusionRecord): Promise<"created" | "exists">;
  /** Puts a finished file; it is not there until a record names it. */
  putFile(key: string, file: FileBody): Promise<void>;
  compactions(day: string): Promise<readonly CompactionRecord[]>;
  /** Commits compaction `number` of a day; `exists` where another took the number. */
  commitCompaction(day: string, number: number, record: CompactionRecord): Promise<"created" | "exists">;
  /** Compares files with their records, each once. @throws SpampotsError `lake-damaged` */
  readonly check: FileCheck;
  /** What a query over these batches in [from, to) reads: files that were checked. @throws SpampotsError `lake-damaged` */
  select(dataset: Dataset, batches: readonly BatchRecord[], from: number, to: number): Promise<Selection>;
  /** Visible files of a day, of all newest generations. */
  filesOfDay(day: string, records: readonly BatchRecord[]): Promise<readonly LakeFile[]>;
  path(key: string): string;
}

const dayText = (instant: number) => new Date(instant).toISOString().slice(0, 10);

/** Opens the lake below `root`, which is made where it is missing. */
export async function openLake(root: string): Promise<Lake> {
  await mkdir(root, { recursive: true });
  const store = openDiskStore(root);
  // Records are immutable: what was read once needn't be read again.
  const known = new Map<string, BatchRecord>();
  const readBatch = async (name: BatchName): Promise<BatchRecord> => {
    const cached = known.get(name.key);
    if (cached) return cached;
    const record = decodeBatch(name.key, await required(store, name.key));
    known.set(name.key, record);
    return record;
  };
  // By names alone: a lake has a file for each sensor and hour, and whoever ticks asks again and again.
  const namesIn = async (folder: string) => (await readdir(join(root, folder)).catch(noneYet)).filter(isSegment).sort();
  const names = unlessSame(
    () => namesIn("batches"),
    async (files) => newestGenerations(files.flatMap((file) => parseBatchKey(`batches/${file}`) ?? [])),
  );
  const exclusions = unlessSame(
    () => namesIn("exclusions"),
    async (files) => {
      const excluded = new Map<string, ExclusionRecord>();
      for (const key of files.map((file) => `exclusions/${file}`)) {
        const record = decodeExclusion(key, await required(store, key));
        excluded.set(record.batch, record);
      }
      return excluded;
    },
  );
  const compactions = async (day: string) => {
    const records: CompactionRecord[] = [];
    for await (const { key } of store.list(`compactions/${day}/`))
      records.push(decodeCompaction(key, await required(store, key)));
    return records;
  };
  const filesOfDay = async (day: string, records: readonly BatchRecord[]) =>
    visibleFiles(
      records.map((record) => ({ ...record, files: record.files.filter((file) => file.day === day) })),
      await compactions(day),
    );
  const path = (key: string) => join(root, key);
  const check = fileCheck({ store, path });
  return {
    root,
    store,
    names,
    record: readBatch,
    compactions,
    filesOfDay,
    path,
    check,
    async batches(from, to) {
      const wanted = (await names()).filter(
        (name) => name.lastDay >= dayText(from) && name.firstDay <= dayText(to - 1),
      );
      const records: BatchRecord[] = [];
      for (const name of wanted) records.push(await readBatch(name));
      return records.sort((a, b) => (a.batch < b.batch ? -1 : 1));
    },
    exclusions,
    commit: (record) => store.putOnce(batchKey(record), encodeRecord(record)),
    exclude: (record) => store.putOnce(exclusionKey(record), encodeRecord(record)),
    putFile: (key, file) => store.putFile(key, file),
    commitCompaction: (day, number, record) => store.putOnce(compactionRecordKey(day, number), encodeRecord(record)),
    async select(dataset, batches, from, to) {
      const days = new Set(
        batches.flatMap((record) => record.files.filter((file) => file.dataset === dataset).map((file) => file.day)),
      );
      const whole: string[] = [];
      const mixed: string[] = [];
      for (const day of [...days].filter((day) => day >= dayText(from) && day <= dayText(to - 1)).sort()) {
        const files = (await filesOfDay(day, batches)).filter((file) => file.dataset === dataset);
        await check(files);
        whole.push(...files.filter((file) => !isCompactionKey(file.key)).map((file) => path(file.key)));
        mixed.push(...files.filter((file) => isCompactionKey(file.key)).map((file) => path(file.key)));
      }
      const live = batches.map((record) => `${record.batch}:${record.generation}`);
      return { dataset, whole, mixed, live, overlapping: overlappingBatches(batches) };
    },
  };
}

/** What is made of a list of names: made again when the names are others. */
function unlessSame<T>(
  list: () => Promise<string[]>,
  make: (names: readonly string[]) => Promise<T>,
): () => Promise<T> {
  let last: { readonly names: readonly string[]; readonly made: T } | undefined;
  return async () => {
    const names = await list();
    const before = last;
    if (before?.names.length === names.length && names.every((name, at) => name === before.names[at]))
      return before.made;
    const made = await make(names);
    last = { names, made };
    return made;
  };
}

/** A folder that was never made holds nothing. */
function noneYet(error: unknown): string[] {
  if (systemCode(error) === "ENOENT") return [];
  throw fileError(error);
}

async function required(store: Store, key: string): Promise<Uint8Array> {
  const bytes = await store.get(key);
  if (bytes) return bytes;
  throw new SpampotsError("lake-damaged", "A record of the lake is missing.", { key });
}

/** Batches that share a moment with another batch of their sensor. */
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

/**
 * The lake, on a disk or in S3: what was committed, and what of it a query may read. Records and files go through a
 * put-once store; engines read the same files where `located.ts` tells them.
 *
 * @see design §3 point 2
 */
import { mkdir } from "node:fs/promises";
import { mapAtOnce } from "../at-once.ts";
import { openDiskStore } from "../store/disk.ts";
import { openStore } from "../store/open.ts";
import type { S3Options } from "../store/s3-session.ts";
import { bucketOf } from "../store/s3-url.ts";
import type { FileBody, Store } from "../store/store.ts";
import { sweepTemporary } from "../store/temporary.ts";
import { type CopiesOptions, copiesOf } from "./copies.ts";
import type { Selection } from "./engine.ts";
import { inObjectStore, type Locate, onDisk } from "./located.ts";
import { type Names, namesInStore, namesOnDisk } from "./names.ts";
import { recordReader } from "./record-reader.ts";
import {
  type BatchName,
  type BatchRecord,
  batchKey,
  type CompactionRecord,
  compactionRecordKey,
  type Dataset,
  type ExclusionRecord,
  encodeRecord,
  exclusionKey,
  type LakeFile,
  visibleFiles,
} from "./records.ts";
import { choose, overlappingBatches } from "./selection.ts";
import { fileCheck } from "./sound.ts";

/** How a lake in S3 is reached. */
export interface LakeInS3 {
  readonly s3: S3Options;
  /** Where copies of its files are kept, for engines that read local files alone. */
  readonly copies: CopiesOptions;
  /** True where the engine that answers slices reads S3 itself. */
  readonly cluster?: boolean;
}

export interface Lake {
  /** Its folder, or its URL in S3. */
  readonly root: string;
  readonly store: Store;
  /**
   * Newest generation of every batch, by name alone. The same array as long as nothing is committed. In S3 a batch of
   * days long past that another process committed may be missing for a quarter of an hour, unless `all` is asked for.
   */
  names(options?: { readonly all?: boolean }): Promise<readonly BatchName[]>;
  /** Reads one batch record. @throws SpampotsError `lake-damaged` */
  record(name: BatchName): Promise<BatchRecord>;
  /** Reads many, in their order. @throws SpampotsError `lake-damaged` */
  records(names: readonly BatchName[]): Promise<readonly BatchRecord[]>;
  /** Newest generations with anything in [from, to), excluded ones too, sorted by batch. They are remembered. */
  batches(from: number, to: number): Promise<readonly BatchRecord[]>;
  /** Batch ids excluded, with the reasons. The same map as long as nothing is excluded. */
  exclusions(): Promise<ReadonlyMap<string, ExclusionRecord>>;
  /** Makes a batch's generation visible in one step. `exists` where another has done it. */
  commit(record: BatchRecord): Promise<"created" | "exists">;
  exclude(record: ExclusionRecord): Promise<"created" | "exists">;
  /** Puts a finished file; it is not there until a record names it. */
  putFile(key: string, file: FileBody): Promise<void>;
  /** A day's compactions in the order of their numbers. @throws SpampotsError `lake-damaged`, also where one is missing. */
  compactions(day: string): Promise<readonly CompactionRecord[]>;
  /** Commits compaction `number` of a day; `exists` where another took the number. */
  commitCompaction(day: string, number: number, record: CompactionRecord): Promise<"created" | "exists">;
  /** Files as local ones. @throws SpampotsError `lake-damaged` */
  readonly local: Locate;
  /**
   * What a query over these batches in [from, to) reads, to be disposed of after it: files that are what their records
   * say.
   *
   * @throws SpampotsError `lake-damaged`
   */
  select(dataset: Dataset, batches: readonly BatchRecord[], from: number, to: number): Promise<Selection>;
  /** Visible files of a day, of all newest generations. */
  filesOfDay(day: string, records: readonly BatchRecord[]): Promise<readonly LakeFile[]>;
}

const daysAtOnce = 8;

const dayText = (instant: number) => new Date(instant).toISOString().slice(0, 10);

/**
 * Opens the lake in the folder `root`, which is made where it is missing, or at the URL `s3://bucket/prefix`.
 *
 * @throws SpampotsError as `openStore`
 */
export async function openLake(root: string, inS3?: LakeInS3): Promise<Lake> {
  if (inS3 === undefined || bucketOf(root) === undefined) {
    await mkdir(root, { recursive: true });
    // Names are read past the store: who finds nothing to do would leave what a killed process left.
    await sweepTemporary(root);
    const store = openDiskStore(root);
    const local = onDisk(root, fileCheck(root, store));
    return lakeIn({ store, keys: namesOnDisk(root), local, locate: local });
  }
  const store = await openStore(root, inS3.s3);
  const local = copiesOf(store, inS3.copies);
  return lakeIn({ store, keys: namesInStore(store), local, locate: inS3.cluster ? inObjectStore(store) : local });
}

interface Place {
  readonly store: Store;
  readonly keys: Names;
  readonly local: Locate;
  /** Where the engine that answers slices reads. */
  readonly locate: Locate;
}

function lakeIn({ store, keys, local, locate }: Place): Lake {
  const { kept, ...reader } = recordReader(store, keys);
  return {
    root: store.url,
    store,
    local,
    ...reader,
    async batches(from, to) {
      const wanted = (await reader.names()).filter(
        (name) => name.lastDay >= dayText(from) && name.firstDay <= dayText(to - 1),
      );
      return (await kept.records(wanted)).toSorted((a, b) => (a.batch < b.batch ? -1 : 1));
    },
    filesOfDay: async (day, records) => visibleFiles(day, records, await kept.compactions(day)),
    commit: (record) => store.putOnce(batchKey(record), encodeRecord(record)),
    exclude: (record) => store.putOnce(exclusionKey(record), encodeRecord(record)),
    putFile: (key, file) => store.putFile(key, file),
    commitCompaction: (day, number, record) => store.putOnce(compactionRecordKey(day, number), encodeRecord(record)),
    async select(dataset, batches, from, to) {
      const days = daysWithFiles(dataset, batches).filter((day) => day >= dayText(from) && day <= dayText(to - 1));
      const merged = await mapAtOnce(days, daysAtOnce, kept.compactions);
      const visible = days.flatMap((day, at) => visibleFiles(day, batches, merged[at] ?? []));
      const files = visible.filter((file) => file.dataset === dataset);
      const { whole, mixed, counted } = choose(files, batches, merged.flat());
      const located = await locate([...whole, ...mixed]);
      return {
        dataset,
        days: [...new Set([...whole, ...mixed].map((file) => file.day))].sort(),
        whole: located.at.slice(0, whole.length),
        mixed: located.at.slice(whole.length),
        counted,
        overlapping: overlappingBatches(batches),
        [Symbol.dispose]: () => located[Symbol.dispose](),
      };
    },
  };
}

/** Days on which these batches have files of a dataset, ascending. */
function daysWithFiles(dataset: Dataset, batches: readonly BatchRecord[]): readonly string[] {
  const files = batches.flatMap((record) => record.files).filter((file) => file.dataset === dataset);
  return [...new Set(files.map(({ day }) => day))].sort();
}

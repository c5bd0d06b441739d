/**
 * Reads the lake's records, and remembers those that are asked for at every look, since records never change. Part of
 * `lake.ts`.
 *
 * @see design §3 point 2
 */
import { mapAtOnce } from "../at-once.ts";
import { SpampotsError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import type { Lake } from "./lake.ts";
import type { Names } from "./names.ts";
import {
  type BatchName,
  type BatchRecord,
  type CompactionRecord,
  compactionRecordKey,
  decodeBatch,
  decodeCompaction,
  decodeExclusion,
  type ExclusionRecord,
  newestGenerations,
  parseBatchKey,
} from "./records.ts";

/** What of the {@link Lake} is reading records. */
export interface RecordReader extends Pick<Lake, "names" | "record" | "records" | "exclusions" | "compactions"> {
  /** The same, and what was read is remembered. */
  readonly kept: Pick<Lake, "records" | "compactions">;
}

/** Records that are read at a time: in S3 each is a request. */
const recordsAtOnce = 32;

/** Reads records in a store whose keys `keys` lists. */
export function recordReader(store: Store, keys: Names): RecordReader {
  const read = <T>(decode: (key: string, bytes: Uint8Array) => T) => {
    const known = new Map<string, T>();
    const once = async (key: string): Promise<T> => known.get(key) ?? decode(key, await required(store, key));
    const kept = async (key: string): Promise<T> => {
      const record = await once(key);
      known.set(key, record);
      return record;
    };
    return { once, kept };
  };
  const batch = read(decodeBatch);
  const exclusion = read(decodeExclusion);
  const compaction = read(decodeCompaction);
  const records = (readOne: (key: string) => Promise<BatchRecord>) => (wanted: readonly BatchName[]) =>
    mapAtOnce(wanted, recordsAtOnce, ({ key }) => readOne(key));
  const compactions = (readOne: (key: string) => Promise<CompactionRecord>) => async (day: string) =>
    mapAtOnce(await compactionKeys(store, day), recordsAtOnce, readOne);
  const names = unlessSame<readonly BatchName[]>(
    (all) => keys("batches", all),
    async (found) => newestGenerations(found.flatMap((key) => parseBatchKey(key) ?? [])),
  );
  const exclusions = unlessSame<ReadonlyMap<string, ExclusionRecord>>(
    (all) => keys("exclusions", all),
    async (found) =>
      new Map((await mapAtOnce(found, recordsAtOnce, exclusion.kept)).map((record) => [record.batch, record])),
  );
  return {
    names: ({ all = false } = {}) => names(all),
    record: ({ key }) => batch.once(key),
    records: records(batch.once),
    compactions: compactions(compaction.once),
    exclusions: () => exclusions(true),
    kept: { records: records(batch.kept), compactions: compactions(compaction.kept) },
  };
}

/** Keys of a day's compactions in the order of their numbers. */
async function compactionKeys(store: Store, day: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(`compactions/${day}/`)) {
    const expected = compactionRecordKey(day, found.length + 1);
    // What it replaced would count twice: once in its own file, and once in what was made of that.
    if (key !== expected) throw missing(expected);
    found.push(key);
  }
  return found;
}

/** What is made of a list of names: made again when the names are others. */
function unlessSame<T>(
  list: (all: boolean) => Promise<string[]>,
  make: (names: readonly string[]) => Promise<T>,
): (all: boolean) => Promise<T> {
  let last: { readonly names: readonly string[]; readonly made: T } | undefined;
  return async (all) => {
    const names = await list(all);
    const before = last;
    if (before?.names.length === names.length && names.every((name, at) => name === before.names[at]))
      return before.made;
    const made = await make(names);
    last = { names, made };
    return made;
  };
}

async function required(store: Store, key: string): Promise<Uint8Array> {
  const bytes = await store.get(key);
  if (bytes) return bytes;
  throw missing(key);
}

const missing = (key: string) =>
  new SpampotsError("lake-damaged", "A record of the lake is missing.", {
    key,
    hint: "Restore it from a copy of the lake.",
  });

/**
 * The story of ingest: a spool file becomes rows of the lake, quarantine and a batch record, which is the commit. Killed
 * anywhere and run again it gives the same lake: files that no record names are not there.
 */
import { createHash } from "node:crypto";
import { appendFile, copyFile, link, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import type { LineBlock } from "./capture/lines.ts";
import { parserVersion } from "./capture/message.ts";
import { fileDigest } from "./capture/spool-file.ts";
import type { Maps } from "./enrich/maps.ts";
import type { TableSet } from "./enrich/table-load.ts";
import { SpampotsError } from "./errors.ts";
import type { ParquetWriter } from "./lake/engine.ts";
import { faultOf } from "./lake/fault.ts";
import type { Lake } from "./lake/lake.ts";
import {
  type BatchName,
  type BatchRecord,
  batchKey,
  type Dataset,
  generationName,
  hourRangesOf,
  type LakeFile,
} from "./lake/records.ts";
import type { BlockResult } from "./lake/rows/block-rows.ts";
import { type Gathered, gather, holdsRepeats, nothingGathered } from "./lake/rows/gathered.ts";
import type { Quarantine } from "./lake/rows/quarantine.ts";
import type { BatchFacts } from "./lake/rows/row.ts";
import type { Threads } from "./lake/rows/threads.ts";
import { putAgainIfSwept } from "./lake/sweep.ts";
import { type Log, plain } from "./log.ts";
import { dayMs, type Sensor, type SpoolHeader } from "./model.ts";
import type { Settings } from "./settings.ts";
import { temporaryPath } from "./store/temporary.ts";

/** What ingest works with. */
export interface IngestWorld {
  readonly settings: Settings;
  readonly lake: Lake;
  readonly writer: ParquetWriter;
  readonly threads: Threads;
  readonly tables: TableSet;
  readonly maps: Maps;
  readonly sensors: readonly Sensor[];
  readonly log: Log;
  /** Told after each block: captures and requests so far in this file. */
  readonly onProgress?: (progress: { readonly bytes: number; readonly rows: number }) => void;
}

/** What became of one spool file. */
export interface Ingested {
  readonly path: string;
  readonly batch: string;
  readonly generation: number;
  /** "known": a batch of these bytes was in the lake before, or another ingester was first. */
  readonly outcome: "ingested" | "known";
  readonly sensor?: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly quarantined: Readonly<Record<string, number>>;
}

/** A capture may be a little later than its file's seal: sensors' clocks. */
const clockSkew = dayMs;

/** Blocks a thread may hold beside the one it works on: bounds memory. */
const blocksInFlight = 2;

/** How a file is to be ingested. */
export interface IngestOptions {
  /** Write the batch's next generation, unless what makes rows (parser, tables, maps, sensors) is as it was. */
  readonly again?: boolean;
  /** Batches of the lake as listed before; what came since is noticed when the file is committed. */
  readonly names?: readonly BatchName[];
}

/** A spool file that was read: its rows wait in a folder of their own. */
export interface ReadFile {
  /** Makes the rows part of the lake. To be called once, also where nothing came of the file. */
  commit(): Promise<Ingested>;
}

/**
 * Ingests one spool file.
 *
 * @throws SpampotsError `spool-header`, `unknown-sensor`, `disk-failed`, `lake-damaged`
 */
export async function ingestFile(path: string, world: IngestWorld, options: IngestOptions = {}): Promise<Ingested> {
  return (await readFile(path, world, options)).commit();
}

/**
 * The first half of {@link ingestFile}: parsing, which keeps the threads busy. The engine writes Parquet in the second,
 * so whoever has many files reads the next one meanwhile.
 *
 * @throws as {@link ingestFile}
 */
export async function readFile(
  path: string,
  world: IngestWorld,
  { again = false, names }: IngestOptions = {},
): Promise<ReadFile> {
  const batch = await fileDigest(path);
  const known = (names ?? (await world.lake.names())).find((name) => name.batch16 === batch.slice(0, 16));
  const madeWith = makersDigest(world);
  if (known !== undefined && !(again && (await isOutdated(known, madeWith, world)))) {
    const { generation } = known;
    return { commit: async () => ({ path, batch, generation, outcome: "known", counts: {}, quarantined: {} }) };
  }
  const generation = (known?.generation ?? 0) + 1;
  const folder = temporaryPath(world.settings.data);
  await mkdir(folder, { recursive: true });
  const clear = () => rm(folder, { recursive: true, force: true });
  try {
    const { header, gathered } = await readSpool(path, folder, batch, world);
    const read = { path, batch, generation, folder, header, gathered, madeWith };
    return { commit: () => commitRows(read, world).finally(clear) };
  } catch (error) {
    await clear();
    throw error;
  }
}

/** What was read of a file. */
interface Read {
  readonly path: string;
  readonly batch: string;
  readonly generation: number;
  readonly folder: string;
  readonly header: SpoolHeader;
  readonly gathered: Gathered;
  readonly madeWith: string;
}

/** Rows, then what they were made of, then the record that makes them visible. */
async function commitRows(read: Read, world: IngestWorld): Promise<Ingested> {
  const { path, batch, generation, folder, header, gathered } = read;
  const draft = batchRecord(read, { files: [], duplicates: 0 }, world);
  // The same bytes came twice, or to another ingester: their Parquet would be files that no record names.
  if (await world.lake.store.get(batchKey(draft))) {
    return { path, batch, generation, outcome: "known", counts: {}, quarantined: {} };
  }
  const facts = { batch, generation, sensor: header.sensor, parser: parserVersion };
  const put = await putRows(folder, facts, gathered, world);
  const record = batchRecord(read, { ...put, files: [...put.files.keys()] }, world);
  await keepRaw(path, batch, world.settings);
  await putQuarantine(record, gathered.quarantine, world.settings);
  const outcome = (await world.lake.commit(record)) === "created" ? "ingested" : "known";
  if (outcome === "ingested") await putAgainIfSwept(world.lake, put.files);
  const { sensor, counts, quarantined } = record;
  world.log.info({ batch, generation, sensor, counts, quarantined }, "batch ingested");
  return { path, batch, generation, outcome, sensor, counts, quarantined };
}

/** True where rows would come out otherwise today, or a visible file of the batch is damaged: `--again` repairs it. */
async function isOutdated(name: BatchName, madeWith: string, { lake }: IngestWorld): Promise<boolean> {
  const record = await lake.record(name);
  if (record.made_with !== madeWith) return true;
  for (const day of new Set(record.files.map((file) => file.day))) {
    const visible = new Set((await lake.filesOfDay(day, [record])).map((file) => file.key));
    for (const file of record.files) {
      if (visible.has(file.key) && (await faultOf(lake, file)) !== undefined) return true;
    }
  }
  return false;
}

/** Digest over everything that rows depend on beside the file. */
export function makersDigest({ tables, maps, sensors }: Pick<IngestWorld, "tables" | "maps" | "sensors">): string {
  const hash = createHash("sha256").update(`parser ${parserVersion}\n`);
  for (const table of tables.tables) hash.update(`${table.kind} ${table.date} ${table.sha256}\n`);
  return hash.update(`maps ${maps.digest}\n`).update(JSON.stringify(sensors)).digest("hex");
}

/** Streams the file through the threads; each day's rows go to a text file of their own in `folder`. */
async function readSpool(
  path: string,
  folder: string,
  batch: string,
  world: IngestWorld,
): Promise<{ header: SpoolHeader; gathered: Gathered }> {
  const gathered = nothingGathered();
  let header: SpoolHeader | undefined;
  let bytes = 0;
  let failure: unknown;
  const running = new Set<Promise<void>>();
  // Appends one after another: blocks come back in any order, rows of a day in any order too.
  let writing = Promise.resolve();
  const begin = (block: LineBlock, { sensor, sealedAt }: SpoolHeader) => {
    const done: Promise<void> = world.threads
      .rows({ firstLine: block.firstLine, bytes: block.bytes, sensor, latest: sealedAt + clockSkew })
      .then((result) => {
        gather(gathered, result);
        writing = writing.then(() => writeRows(folder, result));
        return writing;
      })
      .catch((error) => {
        failure ??= error;
      })
      .finally(() => running.delete(done));
    running.add(done);
  };
  for await (const part of world.threads.parts(path)) {
    if (failure !== undefined) throw failure;
    if (part.kind === "header") {
      header = part.header;
      checkSensor(header, world.sensors, path);
    } else if (part.kind === "fault") {
      // A changed byte inside compressed data may have changed lines that came before: nothing of the file counts.
      if (part.error.facts.altered === true) throw damaged(path, part.error);
      const reason = String(part.error.facts.reason ?? part.error.message);
      gathered.quarantine.add({ line: part.line, code: part.error.code, reason });
    } else if (part.kind === "block" && header !== undefined) {
      bytes += part.bytes.length;
      begin(part, header);
      if (running.size >= world.settings.threads * blocksInFlight) await Promise.race(running);
      world.onProgress?.({ bytes, rows: (gathered.counts.captures ?? 0) + (gathered.counts.requests ?? 0) });
    } else if (part.kind === "end" && part.batch !== batch) {
      throw new SpampotsError("spool-header", "The file changed while it was read.", {
        path,
        hint: "Move finished files into the spool folder by rename; ingest it again.",
      });
    }
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure;
  if (header === undefined) throw new SpampotsError("internal", "A spool file ended without a header.", { path });
  return { header, gathered };
}

function damaged(path: string, cause: SpampotsError): SpampotsError {
  return new SpampotsError("bad-compression", "A spool file was damaged after it was written; none of it was taken.", {
    cause,
    path,
    hint: "Fetch the file from its sensor again. It stays where it is.",
  });
}

/** @throws SpampotsError `unknown-sensor` where a file of captures is of none of these sensors. */
export function checkSensor({ sensor }: Pick<SpoolHeader, "sensor">, sensors: readonly Sensor[], path: string): void {
  if (sensors.some(({ id }) => id === sensor)) return;
  throw new SpampotsError("unknown-sensor", "The sensors file doesn't hold this sensor.", {
    path,
    sensor,
    hint: "Add the sensor with its addresses to the file that SPAMPOTS_SENSORS names: without them probes can't be told.",
  });
}

async function writeRows(folder: string, result: BlockResult): Promise<void> {
  for (const [key, bytes] of result.rows) {
    await appendFile(join(folder, `${key}.tsv`), bytes);
    // Given back at once: left to the collector, megabytes of these make it go over everything again and again.
    bytes.buffer.transfer(0);
  }
}

/** Each day's rows become one Parquet file, put under a name that holds its digest. Files, and where they are here. */
async function putRows(
  folder: string,
  facts: BatchFacts,
  gathered: Gathered,
  { writer, lake }: IngestWorld,
): Promise<{ files: ReadonlyMap<LakeFile, string>; duplicates: number }> {
  const files = new Map<LakeFile, string>();
  const repeats = holdsRepeats(gathered.ids);
  let rows = 0;
  for (const key of [...gathered.days].sort()) {
    const [dataset, day] = key.split(" ") as [Dataset, string]; // keys are made in block.ts
    const text = join(folder, `${key}.tsv`);
    const to = join(folder, `${files.size}.parquet`);
    const count = await writer.writeParquet({ dataset, from: text, to, facts, repeats });
    const sha256 = await fileDigest(to);
    const { size } = await stat(to);
    const name = `${dataset}/day=${day}/${generationName(facts.batch, facts.generation)}-${sha256.slice(0, 16)}.parquet`;
    await lake.putFile(name, { path: to, bytes: size });
    files.set({ key: name, dataset, day, rows: count, bytes: size, sha256 }, to);
    rows += count;
    await rm(text);
  }
  const read = (gathered.counts.captures ?? 0) + (gathered.counts.requests ?? 0);
  return { files, duplicates: read - rows };
}

function batchRecord(
  { batch, generation, header, gathered, madeWith }: Read,
  { files, duplicates }: { readonly files: LakeFile[]; readonly duplicates: number },
  world: IngestWorld,
): BatchRecord {
  const { counts: quarantined, total } = gathered.quarantine;
  const concerns: {
    source: Record<string, [number, number][]>;
    target: Record<string, [number, number][]>;
    url: Record<string, [number, number][]>;
  } = { source: {}, target: {}, url: {} };
  for (const [key, hours] of [...gathered.concerns].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [side, economy] = key.split(" ") as ["source" | "target" | "url", string]; // keys are made in block.ts
    concerns[side][economy] = hourRangesOf(hours).map(([start, end]) => [start, end]);
  }
  const ranges = (hours: Iterable<number>): [number, number][] =>
    hourRangesOf(hours).map(([start, end]) => [start, end]);
  return {
    v: 1,
    batch,
    generation,
    sensor: header.sensor,
    sealed_at: header.sealedAt,
    simulated: header.simulated,
    ...(gathered.last >= gathered.first ? { first: gathered.first, last: gathered.last } : {}),
    hours: ranges(gathered.hours),
    captures: ranges(gathered.captureHours),
    requests: ranges(gathered.requestHours),
    concerns,
    counts: { ...gathered.counts, duplicates, quarantined: total },
    quarantined,
    made_with: madeWith,
    tables: world.tables.tables.map(({ kind, name, date, rows, sha256 }) => ({ kind, name, date, rows, sha256 })),
    files,
  };
}

/** Raw files stay in `done/`, so that a better parser can go over them: moved there from the spool, linked from elsewhere. */
async function keepRaw(path: string, batch: string, settings: Settings): Promise<void> {
  await mkdir(settings.done, { recursive: true });
  const to = join(settings.done, `${batch.slice(0, 16)}-${rawName(path)}`);
  if (await isFile(to)) return;
  await link(path, to).catch(async () => {
    const half = temporaryPath(settings.data);
    await copyFile(path, half);
    await rename(half, to);
  });
}

/** Bytes of a name, so that the batch's fits in front of it where names have at most 255. */
const longestRawName = 200;

/** What a raw file is called in `done/`: as its sensor called it, without what a terminal obeys, its end if it is too long. */
function rawName(path: string): string {
  const name = plain(basename(path).replace(/^[0-9a-f]{16}-/, ""));
  return Buffer.from(name).subarray(-longestRawName).toString().replaceAll("\ufffd", "_");
}

const isFile = (path: string) =>
  stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );

/** One line for each line that is no row: code, line and reason in our words. The raw line stands in `done/`. */
async function putQuarantine(record: BatchRecord, quarantine: Quarantine, settings: Settings): Promise<void> {
  const { listed, total } = quarantine;
  if (total === 0) return;
  await mkdir(settings.quarantine, { recursive: true });
  const { batch } = record;
  const lines = listed.map((entry) => JSON.stringify({ batch, ...entry }));
  if (total > listed.length) lines.push(JSON.stringify({ batch, not_listed: total - listed.length }));
  const path = join(settings.quarantine, `${generationName(record.batch, record.generation)}.ndjson`);
  const half = temporaryPath(settings.data);
  await writeFile(half, `${lines.join("\n")}\n`);
  await rename(half, path);
}

/** A file in the spool folder that was ingested leaves it: it stands in `done/` already. */
export async function clearSpool(path: string, settings: Settings): Promise<void> {
  const inside = relative(settings.spool, path);
  if (inside !== "" && !inside.startsWith("..")) await rm(path, { force: true });
}

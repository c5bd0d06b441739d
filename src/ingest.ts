/**
 * The story of ingest: a spool file becomes rows of the lake, quarantine and a batch record, which is the commit. Killed
 * anywhere and run again it gives the same lake: files that no record names are not there.
 */
import { createHash } from "node:crypto";
import { appendFile, copyFile, link, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import type { LineBlock } from "./capture/lines.ts";
import { parserVersion } from "./capture/message.ts";
import { fileDigest, spoolBlocks } from "./capture/spool-file.ts";
import type { Maps } from "./enrich/maps.ts";
import type { TableSet } from "./enrich/table-load.ts";
import { SpampotsError } from "./errors.ts";
import type { BlockResult, Quarantined } from "./lake/block.ts";
import type { Engine } from "./lake/engine.ts";
import type { Lake } from "./lake/lake.ts";
import {
  type BatchName,
  type BatchRecord,
  type Dataset,
  generationName,
  hourRangesOf,
  type LakeFile,
} from "./lake/records.ts";
import type { Threads } from "./lake/threads.ts";
import { faultOf } from "./lake/verify.ts";
import type { Log } from "./log.ts";
import { dayMs, type Sensor, type SpoolHeader } from "./model.ts";
import type { Settings } from "./settings.ts";
import { temporaryPath } from "./store/temporary.ts";

/** What ingest works with. */
export interface IngestWorld {
  readonly settings: Settings;
  readonly lake: Lake;
  readonly engine: Engine;
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

/**
 * Ingests one spool file. `again` writes the batch's next generation, unless what makes rows (parser, tables, maps,
 * sensors) is as it was.
 *
 * @throws SpampotsError `spool-header`, `unknown-sensor`, `disk-failed`, `lake-damaged`
 */
export async function ingestFile(path: string, world: IngestWorld, { again = false } = {}): Promise<Ingested> {
  const batch = await fileDigest(path);
  const known = (await world.lake.names()).find((name) => name.batch16 === batch.slice(0, 16));
  const madeWith = makersDigest(world);
  const isCurrent = known !== undefined && !(again && (await isOutdated(known, madeWith, world)));
  if (known !== undefined && isCurrent) {
    return { path, batch, generation: known.generation, outcome: "known", counts: {}, quarantined: {} };
  }
  const generation = (known?.generation ?? 0) + 1;
  const folder = temporaryPath(world.settings.data);
  await mkdir(folder, { recursive: true });
  try {
    const { header, gathered } = await readSpool(path, folder, { batch, generation }, world);
    const { files, duplicates } = await putRows(folder, { batch, generation }, gathered, world);
    const record = batchRecord({ batch, generation, header, gathered, files, duplicates, madeWith, world });
    await keepRaw(path, batch, world.settings);
    await putQuarantine(record, gathered.quarantine, world.settings);
    const outcome = (await world.lake.commit(record)) === "created" ? "ingested" : "known";
    world.log.info(
      { batch, generation, sensor: record.sensor, counts: record.counts, quarantined: record.quarantined },
      "batch ingested",
    );
    return {
      path,
      batch,
      generation,
      outcome,
      sensor: record.sensor,
      counts: record.counts,
      quarantined: record.quarantined,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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

interface Gathered {
  readonly days: Set<string>;
  readonly ids: Set<number>;
  repeats: boolean;
  readonly counts: Record<string, number>;
  readonly quarantine: Quarantined[];
  readonly hours: Set<number>;
  readonly captureHours: Set<number>;
  readonly requestHours: Set<number>;
  readonly concerns: Map<string, Set<number>>;
  first: number;
  last: number;
}

const nothingGathered = (): Gathered => ({
  days: new Set(),
  ids: new Set(),
  repeats: false,
  counts: {},
  quarantine: [],
  hours: new Set(),
  captureHours: new Set(),
  requestHours: new Set(),
  concerns: new Map(),
  first: Number.POSITIVE_INFINITY,
  last: Number.NEGATIVE_INFINITY,
});

/** Streams the file through the threads; each day's rows go to a text file of their own in `folder`. */
async function readSpool(
  path: string,
  folder: string,
  { batch, generation }: { batch: string; generation: number },
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
    const facts = { batch, generation, sensor, parser: parserVersion };
    const done: Promise<void> = world.threads
      .rows({ firstLine: block.firstLine, bytes: block.bytes, facts, latest: sealedAt + clockSkew })
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
  for await (const part of spoolBlocks(path)) {
    if (failure !== undefined) throw failure;
    if (part.kind === "header") {
      header = part.header;
      checkSensor(header, world.sensors, path);
    } else if (part.kind === "fault") {
      // A changed byte inside compressed data may have changed lines that came before: nothing of the file counts.
      if (part.error.facts.altered === true) throw damaged(path, part.error);
      const reason = String(part.error.facts.reason ?? part.error.message);
      gathered.quarantine.push({ line: part.line, code: part.error.code, reason });
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

function checkSensor(header: SpoolHeader, sensors: readonly Sensor[], path: string): void {
  if (sensors.some((sensor) => sensor.id === header.sensor)) return;
  throw new SpampotsError("unknown-sensor", "A spool file names a sensor that the sensors file doesn't hold.", {
    path,
    sensor: header.sensor,
    hint: "Add the sensor with its addresses to the file that SPAMPOTS_SENSORS names: without them probes can't be told.",
  });
}

function gather(all: Gathered, result: BlockResult): void {
  for (const key of result.rows.keys()) all.days.add(key);
  for (const id of result.ids) {
    if (all.ids.has(id)) all.repeats = true;
    all.ids.add(id);
  }
  for (const [name, count] of Object.entries(result.counts)) all.counts[name] = (all.counts[name] ?? 0) + count;
  for (const entry of result.quarantine) all.quarantine.push(entry);
  for (const hour of result.hours) all.hours.add(hour);
  for (const hour of result.captureHours) all.captureHours.add(hour);
  for (const hour of result.requestHours) all.requestHours.add(hour);
  for (const [key, hours] of result.concerns) {
    const known = all.concerns.get(key) ?? new Set<number>();
    for (const hour of hours) known.add(hour);
    all.concerns.set(key, known);
  }
  all.first = Math.min(all.first, result.first);
  all.last = Math.max(all.last, result.last);
}

async function writeRows(folder: string, result: BlockResult): Promise<void> {
  for (const [key, bytes] of result.rows) await appendFile(join(folder, `${key}.tsv`), bytes);
}

/** Each day's rows become one Parquet file, put under a name that holds its digest. */
async function putRows(
  folder: string,
  { batch, generation }: { batch: string; generation: number },
  gathered: Gathered,
  { engine, lake }: IngestWorld,
): Promise<{ files: LakeFile[]; duplicates: number }> {
  const files: LakeFile[] = [];
  let rows = 0;
  for (const key of [...gathered.days].sort()) {
    const [dataset, day] = key.split(" ") as [Dataset, string]; // keys are made in block.ts
    const text = join(folder, `${key}.tsv`);
    const to = join(folder, "rows.parquet");
    const count = await engine.writeParquet({ dataset, from: text, to, repeats: gathered.repeats });
    const sha256 = await fileDigest(to);
    const { size } = await stat(to);
    const name = `${dataset}/day=${day}/${generationName(batch, generation)}-${sha256.slice(0, 16)}.parquet`;
    await lake.putFile(name, { path: to, bytes: size });
    files.push({ key: name, dataset, day, rows: count, bytes: size, sha256 });
    rows += count;
    await rm(text);
  }
  const read = (gathered.counts.captures ?? 0) + (gathered.counts.requests ?? 0);
  return { files, duplicates: read - rows };
}

function batchRecord(made: {
  batch: string;
  generation: number;
  header: SpoolHeader;
  gathered: Gathered;
  files: LakeFile[];
  duplicates: number;
  madeWith: string;
  world: IngestWorld;
}): BatchRecord {
  const { gathered, header, world } = made;
  const quarantined: Record<string, number> = {};
  for (const { code } of gathered.quarantine) quarantined[code] = (quarantined[code] ?? 0) + 1;
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
    batch: made.batch,
    generation: made.generation,
    sensor: header.sensor,
    sealed_at: header.sealedAt,
    simulated: header.simulated,
    ...(gathered.last >= gathered.first ? { first: gathered.first, last: gathered.last } : {}),
    hours: ranges(gathered.hours),
    captures: ranges(gathered.captureHours),
    requests: ranges(gathered.requestHours),
    concerns,
    counts: { ...gathered.counts, duplicates: made.duplicates, quarantined: gathered.quarantine.length },
    quarantined,
    made_with: made.madeWith,
    tables: world.tables.tables.map(({ kind, name, date, rows, sha256 }) => ({ kind, name, date, rows, sha256 })),
    files: made.files,
  };
}

/** Raw files stay in `done/`, so that a better parser can go over them: moved there from the spool, linked from elsewhere. */
async function keepRaw(path: string, batch: string, settings: Settings): Promise<void> {
  await mkdir(settings.done, { recursive: true });
  const name = basename(path).replace(/^[0-9a-f]{16}-/, "");
  const to = join(settings.done, `${batch.slice(0, 16)}-${name}`);
  if (await isFile(to)) return;
  await link(path, to).catch(async () => {
    const half = temporaryPath(settings.data);
    await copyFile(path, half);
    await rename(half, to);
  });
}

const isFile = (path: string) =>
  stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );

/** One line for each line that is no row: code, line and reason in our words. The raw line stands in `done/`. */
async function putQuarantine(record: BatchRecord, entries: readonly Quarantined[], settings: Settings): Promise<void> {
  if (entries.length === 0) return;
  await mkdir(settings.quarantine, { recursive: true });
  const lines = entries
    .toSorted((a, b) => a.line - b.line)
    .map((entry) => JSON.stringify({ batch: record.batch, ...entry }));
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

/**
 * `spampots simulate`: spool files of captures that never happened, with the mix of the first SpamPots phase, and the
 * sensors file that goes with them. Every file says in its header that it is simulated.
 *
 * The story: world from the seed → lines of each sensor's day → compressed file, written and renamed.
 * Specification: spool version 1; RFC 1952 and RFC 8878 for its compression.
 */
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PassThrough, Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip, createZstdCompress } from "node:zlib";
import { SpampotsError } from "../errors.ts";
import { dayMs, earliestInstant, latestInstant } from "../model.ts";
import { noLines, simulatedLines } from "./simulate-lines.ts";
import type { BodyMode } from "./simulate-mailer.ts";
import { type RealMessage, realMessages } from "./simulate-real.ts";
import { mostSensors, type SimulatedSensor, sensorsYaml, simulatedMark, simulatedSensors } from "./simulate-sensors.ts";
import type { LineCounts, SensorDay } from "./simulate-session.ts";
import { makeWorld, type World } from "./simulate-world.ts";

/** How spool files are compressed. */
export type SpoolCompression = "none" | "gzip" | "zstd";

/** What to simulate, and where to. */
export interface SimulateOptions {
  /** UTC days, 1 at least. */
  readonly days: number;
  /** Messages of all sensors together on each day. */
  readonly messagesPerDay: number;
  /** Any safe integer, not negative: the same seed gives the same lines. */
  readonly seed: number;
  /** Midnight UTC at which the first day begins, in milliseconds since 1970. */
  readonly firstDay: number;
  /** Folder for the files; made where missing. */
  readonly out: string;
  /** 10 where absent, at most 99. */
  readonly sensors?: number;
  readonly bodies: BodyMode;
  /** Archives of real messages that captures hold instead of simulated ones: files, folders, as `mailbox.ts` reads them. */
  readonly messages?: readonly string[];
  readonly compression: SpoolCompression;
  /** Where a file is made until it is whole: beside its path; with `.part` at its end where absent. */
  readonly halfPath?: (path: string) => string;
  /** Called after each file. */
  readonly onProgress?: (progress: SimulationProgress) => void;
}

/** What was made so far. */
export interface SimulationProgress {
  readonly files: number;
  /** Files to be made in all. */
  readonly ofFiles: number;
  readonly messages: number;
  readonly requests: number;
}

/** What a simulation made. */
export interface SimulationCounts extends Readonly<LineCounts> {
  readonly files: number;
  /** Lines, headers among them. */
  readonly lines: number;
  /** Bytes before compression. */
  readonly bytes: number;
}

const suffixes = { none: "", gzip: ".gz", zstd: ".zst" } as const satisfies Record<SpoolCompression, string>;

/** The fastest levels: spool files are read once. */
function compressor(compression: SpoolCompression): Transform {
  if (compression === "gzip") return createGzip({ level: 1, chunkSize: 256 * 1024 });
  if (compression === "none") return new PassThrough();
  return createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 }, chunkSize: 256 * 1024 });
}

function checkOptions({ days, messagesPerDay, seed, firstDay, sensors = 10 }: SimulateOptions): void {
  const whole = (value: number, least: number, most: number): boolean =>
    Number.isSafeInteger(value) && value >= least && value <= most;
  const wrong = [
    whole(days, 1, 10_000) ? "" : "days must be a whole number from 1 to 10000",
    whole(messagesPerDay, 0, 1e9) ? "" : "messages per day must be a whole number from 0 to 1000000000",
    whole(seed, 0, Number.MAX_SAFE_INTEGER) ? "" : "the seed must be a whole number, not negative",
    whole(sensors, 1, mostSensors) ? "" : `sensors must be a whole number from 1 to ${mostSensors}`,
    firstDay % dayMs === 0 && firstDay >= earliestInstant && firstDay + (days + 1) * dayMs < latestInstant
      ? ""
      : "the first day must be a midnight UTC, and all days in the years 2000 to 2099",
  ].filter((text) => text !== "");
  if (wrong.length === 0) return;
  throw new SpampotsError("bad-argument", "This can't be simulated.", { hint: `${wrong.join("; ")}.` });
}

/** Weights of sensors: some see more than others. */
const sensorWeight = (index: number): number => 8 + ((index * 7) % 5);

/** Each sensor's part of a day's messages; they add up to the day's. */
function quotas(messagesPerDay: number, sensors: number): number[] {
  const weights = Array.from({ length: sensors }, (_, index) => sensorWeight(index));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let past = 0;
  return weights.map((weight) => {
    const before = Math.floor((messagesPerDay * past) / total);
    past += weight;
    return Math.floor((messagesPerDay * past) / total) - before;
  });
}

/** Every sensor's every day, in order of days. */
function* sensorDays(
  options: SimulateOptions,
  sensors: readonly SimulatedSensor[],
  real: readonly RealMessage[],
): Generator<SensorDay> {
  const parts = quotas(options.messagesPerDay, sensors.length);
  for (let day = options.firstDay / dayMs; day < options.firstDay / dayMs + options.days; day += 1) {
    for (const [index, sensor] of sensors.entries()) {
      yield { sensor, day, messages: parts[index] ?? 0, bodies: options.bodies, real };
    }
  }
}

/** Writes one file beside its name and renames it, so that a watched folder never shows a part of one. */
async function writeRenamed(
  path: string,
  part: string,
  chunks: Iterable<Buffer>,
  compression: SpoolCompression,
): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await pipeline(
      Readable.from(chunks, { objectMode: true, highWaterMark: 4 }),
      compressor(compression),
      createWriteStream(part, { flush: true, highWaterMark: 1024 * 1024 }),
    );
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => undefined);
    throw new SpampotsError("disk-failed", "A simulated file could not be written.", {
      cause,
      hint: "See that the folder has space and can be written to.",
      path,
    });
  }
}

type HalfPath = NonNullable<SimulateOptions["halfPath"]>;

/** Writes `sensors.yaml`, in place of a simulated one only. */
async function writeSensors(out: string, halfPath: HalfPath, sensors: readonly SimulatedSensor[]): Promise<void> {
  const path = join(out, "sensors.yaml");
  const there = await readFile(path, "utf8").catch(() => undefined);
  if (there !== undefined && !there.startsWith(simulatedMark)) {
    throw new SpampotsError("bad-argument", "The folder holds a sensors file that isn't simulated.", {
      path,
      hint: "Name another folder with --out.",
    });
  }
  await writeRenamed(path, halfPath(path), [Buffer.from(sensorsYaml(sensors))], "none");
}

/** Nothing where no archive is named. */
async function readReal(paths: readonly string[]): Promise<RealMessage[]> {
  const hint = "Name files of mail, or folders that hold some.";
  const real = await realMessages(paths).catch((cause) => {
    throw new SpampotsError("bad-argument", "Messages to simulate with can't be read.", { cause, hint });
  });
  if (paths.length > 0 && real.length === 0) {
    throw new SpampotsError("bad-argument", "There are no messages to simulate with.", { hint });
  }
  return real;
}

interface Written {
  lines: number;
  bytes: number;
}

function* asBytes(world: World, sensorDay: SensorDay, counts: LineCounts, written: Written): Generator<Buffer> {
  for (const chunk of simulatedLines(world, sensorDay, counts)) {
    const bytes = Buffer.from(chunk, "latin1");
    written.bytes += bytes.length;
    yield bytes;
  }
}

/**
 * Writes one spool file for each sensor and day, `<sensor>-<YYYY-MM-DD>.ndjson` with `.gz` or `.zst`, and `sensors.yaml`.
 * The same options give the same lines on any machine, and the same bytes with the same release of the runtime's
 * compressors. Files of an earlier simulation are replaced.
 *
 * @throws bad-argument for options that can't be, for messages that can't be read, or where the folder holds a sensors
 * file of somebody's own
 * @throws disk-failed where a file can't be written
 */
export async function simulate(options: SimulateOptions): Promise<SimulationCounts> {
  checkOptions(options);
  const { out, compression, halfPath = (path) => `${path}.part`, onProgress } = options;
  const real = await readReal(options.messages ?? []);
  const sensors = simulatedSensors(options.sensors ?? 10);
  await writeSensors(out, halfPath, sensors);
  const world = makeWorld(options.seed);
  const counts = noLines();
  const written: Written = { lines: 0, bytes: 0 };
  let files = 0;
  for (const sensorDay of sensorDays(options, sensors, real)) {
    const date = new Date(sensorDay.day * dayMs).toISOString().slice(0, 10);
    const path = join(out, `${sensorDay.sensor.id}-${date}.ndjson${suffixes[compression]}`);
    await writeRenamed(path, halfPath(path), asBytes(world, sensorDay, counts, written), compression);
    files += 1;
    const { messages, requests } = counts;
    onProgress?.({ files, ofFiles: options.days * sensors.length, messages, requests });
  }
  const lines = files + counts.messages + counts.requests + counts.heartbeats;
  return { ...counts, files, lines, bytes: written.bytes };
}

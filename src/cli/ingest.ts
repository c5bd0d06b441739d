/** `spampots ingest`: spool files and archives of mail into the lake. */
import type { Stats } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { codeOf, type ErrorCode, isError, SpampotsError } from "../errors.ts";
import { checkSensor, clearSpool, type Ingested, type IngestWorld, type ReadFile, readFile } from "../ingest.ts";
import type { ArchiveFlags } from "../ingest-archive.ts";
import type { BatchName } from "../lake/records.ts";
import { type ServiceName, services } from "../model.ts";
import { fileError, systemCode } from "../store/disk-error.ts";
import type { Run } from "./run.ts";
import { count, errorText, say, sayJson, size } from "./say.ts";
import type { CliWorld } from "./world.ts";

interface IngestFlags {
  readonly watch?: boolean;
  readonly again?: boolean;
  readonly sensor?: string;
  readonly service?: string;
  readonly trustedHops: string;
}

/** Facts of a file or folder; undefined where nothing has the name. What can't be reached isn't "nothing". */
async function factsOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const isNothing = systemCode(error) === "ENOENT" && (await lstat(path).catch(() => undefined)) === undefined;
    if (isNothing) return undefined;
    throw fileError(error);
  }
}

/** By which a file that was replaced is told from the one that it replaced. */
const versionOf = (facts: Stats | undefined) => `${facts?.ino} ${facts?.size} ${facts?.mtimeMs}`;

const spoolName = /\.ndjson(\.gz|\.zst)?$/;

export function ingestCommand(program: Command, run: Run): void {
  program
    .command("ingest")
    .description("Take spool files, or archives of mail, into the lake. Doing it twice changes nothing.")
    .argument(
      "[path...]",
      "spool files (*.ndjson, .gz, .zst), folders of them, .eml files, mboxes, Maildirs; the spool folder by default",
    )
    .option("--watch", "stay, and ingest what is moved into the spool folder")
    .option(
      "--again",
      "go over batches once more where parser, tables, maps or sensors have changed; all of done/ by default",
    )
    .option("--sensor <id>", "archives: the sensor that received the mail")
    .option("--service <name>", `archives: what the sensor posed as (${services.join(", ")})`)
    .option("--trusted-hops <n>", "archives: Received headers written by the receiving side", "1")
    .action(run(async (world: CliWorld, paths: string[], flags: IngestFlags) => ingest(world, paths, flags)));
}

/** What is wrong with the disk or the lake's store, not with a file: no other file would be taken either. */
const ofPlace: ReadonlySet<ErrorCode> = new Set(["disk-failed", "store-unavailable", "store-denied", "store-unfit"]);

/** A file that can't be ingested, with why; it stops no other. */
interface Refused {
  readonly error: unknown;
  /** As it was when it was looked at. */
  readonly version: string;
}

async function ingest(world: CliWorld, paths: readonly string[], flags: IngestFlags): Promise<void> {
  const ingestWorld = await world.ingestWorld();
  const fallback = flags.again ? world.settings.done : world.settings.spool;
  const given = paths.length > 0 ? paths.map((path) => resolve(path)) : [fallback];
  const session = new Session(world, ingestWorld, flags);
  // What is in the spool is looked for again and again anyway; what was named is not.
  if (flags.watch && paths.length === 0) await session.round(given);
  else await session.all(given);
  if (flags.watch) await session.watch();
  session.finish();
}

class Session {
  readonly #world: CliWorld;
  readonly #ingest: IngestWorld;
  readonly #flags: IngestFlags;
  readonly #done: Ingested[] = [];
  /** By their paths. */
  readonly #refused = new Map<string, Refused>();
  readonly #started = performance.now();
  #bytes = 0;
  #bytesDone = 0;

  constructor(world: CliWorld, ingestWorld: IngestWorld, flags: IngestFlags) {
    this.#world = world;
    this.#ingest = ingestWorld;
    this.#flags = flags;
  }

  async all(paths: readonly string[]): Promise<void> {
    const files: string[] = [];
    for (const path of paths) files.push(...(await this.#spoolFiles(path)));
    const facts = await Promise.all(files.map(factsOf));
    const sizes = facts.map((entry) => entry?.size ?? 0);
    this.#bytes += sizes.reduce((sum, bytes) => sum + bytes, 0);
    const names = await this.#ingest.lake.names();
    // While the engine writes one file's rows, the threads read the next file.
    let committing: Promise<void> = Promise.resolve();
    let failure: unknown;
    try {
      for (const [index, path] of files.entries()) {
        const version = versionOf(facts[index]);
        const read = await this.#attempt(path, version, () => this.#read(path, index, files.length, names));
        await committing;
        if (failure !== undefined) break;
        const commit = () => this.#commit(path, read, sizes[index] ?? 0);
        committing = this.#attempt(path, version, commit).catch((error) => {
          failure = error;
        });
      }
    } finally {
      // Also where a file can't be read: an engine that is closed while it writes never lets the process end.
      await committing;
    }
    if (failure !== undefined) throw failure;
  }

  #read(path: string, index: number, of: number, names: readonly BatchName[]): Promise<ReadFile> {
    const { again = false } = this.#flags;
    const onProgress = ({ rows }: { rows: number }) => this.#progress(index, of, rows);
    this.#progress(index, of, 0);
    return readFile(path, { ...this.#ingest, onProgress }, { again, names });
  }

  async #commit(path: string, read: ReadFile | undefined, bytes: number): Promise<void> {
    this.#bytesDone += bytes;
    if (read === undefined) return;
    this.#done.push(await read.commit());
    await clearSpool(path, this.#world.settings);
  }

  /** Does what concerns one file. What is wrong with a file stops no other. */
  async #attempt<T>(path: string, version: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (await this.#wasTaken(path)) this.#world.log.info({ path }, "spool file taken by another ingester");
      else if (!isError(error) || ofPlace.has(error.code)) throw error;
      else {
        this.#refused.set(path, { error, version });
        this.#world.log.error({ path, code: error.code }, "spool file refused");
      }
      return undefined;
    }
  }

  /** A file leaves the spool when its batch is in the lake, and `done/` when its time is over: nothing is left to do then. */
  async #wasTaken(path: string): Promise<boolean> {
    const { spool, done } = this.#world.settings;
    return [spool, done].includes(dirname(path)) && (await factsOf(path)) === undefined;
  }

  #progress(index: number, of: number, inFile: number): void {
    const rows = this.#rows() + inFile;
    const seconds = (performance.now() - this.#started) / 1000;
    const left =
      this.#bytesDone > 0 ? Math.round((seconds / this.#bytesDone) * (this.#bytes - this.#bytesDone)) : undefined;
    const rate = seconds > 0 ? Math.round(rows / seconds) : 0;
    this.#world.progress(
      `file ${index + 1} of ${of} · ${count(rows)} captures and requests · ${count(rate)}/s${left === undefined ? "" : ` · ${left} s left`}`,
    );
  }

  #rows(): number {
    return this.#done.reduce((sum, { counts }) => sum + (counts.captures ?? 0) + (counts.requests ?? 0), 0);
  }

  async #spoolFiles(path: string): Promise<string[]> {
    const facts = await factsOf(path);
    if (facts === undefined) {
      if (path === this.#world.settings.spool || path === this.#world.settings.done) return [];
      throw new SpampotsError("bad-argument", "There is nothing at this path.", { path });
    }
    if (facts.isFile() && spoolName.test(path)) return [path];
    if (facts.isDirectory()) {
      const names = (await readdir(path)).filter((name) => spoolName.test(name)).sort();
      if (names.length > 0 || path === this.#world.settings.spool || path === this.#world.settings.done) {
        return names.map((name) => join(path, name));
      }
    }
    const { archiveToSpool } = await import("../ingest-archive.ts");
    return [await archiveToSpool(path, this.#archiveFlags(path), this.#world.settings)];
  }

  #archiveFlags(path: string): ArchiveFlags {
    const { sensor, service, trustedHops } = this.#flags;
    const known = services.find((name): name is ServiceName => name === service);
    const hops = Number(trustedHops);
    if (sensor === undefined || known === undefined || !Number.isInteger(hops) || hops < 1) {
      throw new SpampotsError("bad-argument", "This is no spool file; for an archive of mail more must be known.", {
        path,
        hint: `Give --sensor <id> and --service <${services.join("|")}>, and --trusted-hops where the receiving side wrote more than one Received header.`,
      });
    }
    checkSensor({ sensor }, this.#ingest.sensors, path);
    return { sensor, service: known, trustedHops: hops };
  }

  /** Looks for new files every two seconds until the process is told to stop. */
  async watch(): Promise<void> {
    let stopped = false;
    let wake: () => void = () => undefined;
    const stop = () => {
      stopped = true;
      wake();
    };
    process.once("SIGINT", stop).once("SIGTERM", stop);
    if (!this.#world.json) say(`Watching ${this.#world.settings.spool}; stop with Ctrl-C.`);
    while (!stopped) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 2000);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      const before = this.#done.length;
      const found = await this.#fresh(await this.#spoolFiles(this.#world.settings.spool));
      if (!stopped && found.length > 0) await this.round(found);
      for (const done of this.#done.slice(before)) if (!this.#world.json) say(fileLine(done));
    }
  }

  /** Files that weren't refused as they are now: one that is replaced is as good as a new one. */
  async #fresh(paths: readonly string[]): Promise<string[]> {
    const fresh: string[] = [];
    for (const path of paths) {
      const refused = this.#refused.get(path);
      if (refused !== undefined && refused.version === versionOf(await factsOf(path))) continue;
      this.#refused.delete(path);
      fresh.push(path);
    }
    return fresh;
  }

  /** Ingests what is in the spool; while the lake's store is away, it waits there. */
  async round(paths: readonly string[]): Promise<void> {
    try {
      await this.all(paths);
    } catch (error) {
      if (!isError(error, "store-unavailable")) throw error;
      this.#world.log.error({ err: error }, "the lake's store is away; what is in the spool waits");
    }
  }

  finish(): void {
    this.#world.progress("");
    if (this.#world.json) {
      sayJson({
        files: this.#done,
        refused: [...this.#refused].map(([path, { error }]) => ({ path, code: codeOf(error) })),
      });
    } else this.#tell();
    if (this.#refused.size > 0) {
      throw new SpampotsError("some-failed", "Some files were not ingested.", {
        hint: "The others are in the lake; correct these and run the same command again.",
      });
    }
  }

  #tell(): void {
    for (const done of this.#done.slice(0, 50)) say(fileLine(done));
    if (this.#done.length > 50) say(`… and ${this.#done.length - 50} more files.`);
    for (const [path, { error }] of this.#refused) say(`${path}\n${errorText(error)}`);
    const total = (name: string) => count(this.#done.reduce((sum, { counts }) => sum + (counts[name] ?? 0), 0));
    const fresh = this.#done.filter((done) => done.outcome === "ingested").length;
    say(
      `${fresh} of ${this.#done.length} files were new (${size(this.#bytes)}): ${total("captures")} captures, ${total("requests")} requests, ${total("probes")} probes, ${total("duplicates")} duplicates, ${total("quarantined")} lines in quarantine.`,
    );
  }
}

function fileLine({ path, outcome, generation, counts, quarantined }: Ingested): string {
  if (outcome === "known") return `known     ${path}`;
  const bad = Object.entries(quarantined).map(([code, number]) => `${number} ${code}`);
  return `ingested  ${path}: ${count(counts.captures ?? 0)} captures, ${count(counts.requests ?? 0)} requests${generation > 1 ? `, generation ${generation}` : ""}${bad.length > 0 ? `, quarantine: ${bad.join(", ")}` : ""}`;
}

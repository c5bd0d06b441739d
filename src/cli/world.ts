/**
 * The world that commands work in: settings, clock, log and what they open. Built once for each command. What opens
 * something is loaded when it is opened: no command needs all of it, and each would wait for all of it to be read.
 */
import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseInstant } from "../capture/instant.ts";
import type { StoreLeases } from "../delivery/leases.ts";
import type { DeliverWorld } from "../delivery/push/deliver.ts";
import { SpampotsError } from "../errors.ts";
import type { Configuration } from "../feed/configuration.ts";
import type { IngestWorld } from "../ingest.ts";
import type { Engine, ParquetWriter } from "../lake/engine.ts";
import type { Lake } from "../lake/lake.ts";
import { type Log, openLog } from "../log.ts";
import type { Sensor } from "../model.ts";
import { issuerIdentity } from "../publication/issuer.ts";
import type { PublishWorld } from "../publication/publish.ts";
import type { KeyFinder } from "../publication/sign.ts";
import { readSettings, type Settings } from "../settings.ts";
import { openDiskStore } from "../store/disk.ts";
import type { Store } from "../store/store.ts";
import { sweepTemporary, temporaryPath } from "../store/temporary.ts";
import { cancelledBySignal } from "./cancelled.ts";
import { progressLine } from "./say.ts";

/** Flags that every command takes. */
export interface CommonFlags {
  readonly json?: boolean;
  readonly now?: string;
}

/** What a command can reach. Everything is opened when it is asked for; `close` ends it all. */
export interface CliWorld {
  readonly settings: Settings;
  readonly json: boolean;
  readonly log: Log;
  clock(): number;
  store(): Promise<Store>;
  lake(): Promise<Lake>;
  /** What answers slices. */
  engine(): Promise<Engine>;
  /** What makes Parquet files. */
  writer(): Promise<ParquetWriter>;
  configuration(): Promise<Configuration>;
  sensors(): Promise<readonly Sensor[]>;
  tableStore(): Store;
  /** How far each log of the store is known to go. */
  marks(): Store;
  ingestWorld(): Promise<IngestWorld>;
  publishWorld(): Promise<PublishWorld>;
  /** @param keyOf finds the issuer's keys, by which what is sent is proven. */
  deliverWorld(keyOf: KeyFinder): Promise<DeliverWorld>;
  /** What this process holds of the work that several share. */
  leases(): Promise<StoreLeases>;
  /** All of the environment, for programs that are started. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Has configuration and sensors read again when they are asked for next. */
  renew(): void;
  /** Breaks off what the engine is at, where it was opened: work of hours ends with `engine-failed`. */
  interrupt(): void;
  /** A line of progress for people at a terminal; nothing otherwise. */
  progress(text: string): void;
  close(): Promise<void>;
}

/**
 * Opens the world from the environment.
 *
 * @throws SpampotsError `bad-argument` with every problem of the settings.
 */
export async function openWorld(
  flags: CommonFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CliWorld> {
  const settings = readSettings(env);
  const fixed = fixedNow(flags.now);
  const log = openLog(settings.logLevel);
  if (fixed !== undefined) log.warn({ now: new Date(fixed).toISOString() }, "the clock is fixed by --now");
  const closing: (() => Promise<void> | void)[] = [];
  let renewals = 0;
  /** Opened when first asked for; what is `renewable` again after {@link CliWorld.renew}. */
  const once = <T>(open: () => Promise<T>, renewable = false): (() => Promise<T>) => {
    let opened: Promise<T> | undefined;
    let openedIn = renewals;
    return () => {
      if (renewable && openedIn < renewals) opened = undefined;
      openedIn = renewals;
      opened ??= open();
      return opened;
    };
  };
  const clock = () => fixed ?? Date.now();
  const store = once(async () => (await import("../store/open.ts")).openStore(settings.store, settings.s3));
  // What other processes hold has to do with the time that it really is, not with that of a drill.
  const leases = once(async () => {
    const { StoreLeases } = await import("../delivery/leases.ts");
    return new StoreLeases({ store: await store(), clock: Date.now, log });
  });
  const lake = once(async () => {
    const copies = { folder: temporaryPath(settings.data), mostBytes: settings.lakeCopiesMb * 1_000_000 };
    const { openLake } = await import("../lake/lake.ts");
    // What was done stands whether or not this succeeds; the next run sweeps what is left.
    closing.push(() => rm(copies.folder, { recursive: true, force: true }).catch(() => {}));
    return openLake(settings.lake, { s3: settings.s3, copies, cluster: settings.trino !== undefined });
  });
  const openEngines: Engine[] = [];
  const opened = <T extends Engine>(engine: T): T => {
    closing.push(() => engine.close());
    openEngines.push(engine);
    return engine;
  };
  const writer = once(async () => {
    const temporary = temporaryPath(settings.data);
    const { openDuckdb } = await import("../lake/duckdb.ts");
    return opened(await openDuckdb({ threads: settings.threads, memoryMb: settings.memoryMb, temporary }));
  });
  const engine = once(async (): Promise<Engine> => {
    if (settings.trino === undefined) return writer();
    const { openTrino } = await import("../lake/trino/trino.ts");
    // As the lake's own keys begin: the setting may end in a slash.
    return opened(await openTrino(settings.trino, (await lake()).root));
  });
  const configuration = once(
    async () => (await import("../feed/configuration.ts")).loadConfiguration(settings.config),
    true,
  );
  const sensors = once(() => readSensors(settings), true);
  const tableStore = () => openDiskStore(settings.tables);
  const progress = progressLine(!flags.json && process.stderr.isTTY === true);
  closing.push(() => progress(""));
  for (const root of [settings.data, settings.keys]) await sweepTemporary(root);
  // One set of marks for each store: a site may publish to another one tomorrow.
  const marks = () =>
    openDiskStore(join(settings.tips, createHash("sha256").update(settings.store).digest("hex").slice(0, 16)));
  return {
    settings,
    json: flags.json === true,
    log,
    clock,
    store,
    lake,
    engine,
    writer,
    configuration,
    sensors,
    tableStore,
    marks,
    progress,
    interrupt: () => {
      for (const engine of openEngines) engine.interrupt();
    },
    environment: env,
    renew: () => {
      renewals += 1;
    },
    async ingestWorld() {
      const { loadTables } = await import("../enrich/table-load.ts");
      const { openThreads } = await import("../lake/rows/threads.ts");
      const { maps } = await configuration();
      const tables = await loadTables(tableStore());
      const facts = { tables: tables.shared(), maps, sensors: await sensors() };
      const threads = openThreads(settings.threads, facts);
      closing.push(() => threads.close());
      return {
        settings,
        lake: await lake(),
        writer: await writer(),
        threads,
        tables,
        maps,
        sensors: facts.sensors,
        log,
      };
    },
    async publishWorld() {
      const { sensorPatterns } = await import("../capture/probe.ts");
      const { openKeyring, readSiteKey } = await import("../publication/keys.ts");
      const { partners, maps } = await configuration();
      const source = settings.signingKey === undefined ? {} : { environmentKey: settings.signingKey };
      return {
        store: await store(),
        partners,
        sensorIds: new Set((await sensors()).map((sensor) => sensor.id)),
        lake: await lake(),
        // Opened by the first slice: most looks find nothing due.
        engine: {
          async *rows(relations, sql, purpose) {
            const opened = await engine();
            yield* cancelledBySignal(opened.rows(relations, sql, purpose), () => opened.interrupt());
          },
        },
        sensors: sensorPatterns(await sensors()),
        benignHosts: [...maps.benignHosts].sort(),
        siteKey: await readSiteKey(settings.keys),
        threads: settings.threads,
        keyring: await openKeyring({ folder: settings.keys, ...source }),
        issuer: { name: settings.issuer, identityId: issuerIdentity },
        temporary: settings.data,
        marks: marks(),
        clock,
        retainLakeDays: settings.retainLakeDays,
        log,
      };
    },
    leases,
    deliverWorld: async (keyOf) => ({
      store: await store(),
      leases: await leases(),
      keyOf,
      secret: (variable) => env[variable],
      loopback: settings.run.pushLoopback,
      atOnce: settings.run.pushes,
      chance: Math.random,
      clock,
      log,
    }),
    async close() {
      for (const end of closing.reverse()) await end();
    },
  };
}

function fixedNow(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const instant = parseInstant(text);
  if (instant !== undefined) return instant;
  throw new SpampotsError("bad-argument", "--now needs an instant.", { hint: "Write it as 2026-11-16T06:00:00Z." });
}

async function readSensors(settings: Settings): Promise<readonly Sensor[]> {
  const { parseSensors } = await import("../capture/sensors.ts");
  const { documentText, refusal } = await import("../document.ts");
  try {
    const read = documentText(settings.sensors, await readFile(settings.sensors));
    if ("problem" in read) throw refusal([read.problem]);
    return parseSensors(read.text, settings.sensors);
  } catch (cause) {
    if (cause instanceof SpampotsError) throw cause;
    throw new SpampotsError("bad-configuration", "The file of sensors can't be read.", {
      cause,
      path: settings.sensors,
      hint: `Write it at ${join(settings.data, "sensors.yaml")}, or name it in SPAMPOTS_SENSORS; docs/operator-guide.md shows its form.`,
    });
  }
}

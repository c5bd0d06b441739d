/** The runner of a site, with all that it works with: what `run` and `start` have in common. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { Deliveries } from "../delivery/push/deliver.ts";
import { checkTick, Runner } from "../delivery/runner.ts";
import type { Tell } from "../delivery/watch/alert-book.ts";
import { HealthBook } from "../delivery/watch/health-book.ts";
import { readIngest, readTables } from "../delivery/watch/ingest-health.ts";
import { Signals } from "../delivery/watch/signals.ts";
import { configurationDigest } from "../feed/configuration.ts";
import type { KeyList } from "../publication/keys.ts";
import { type KeyFinder, keyFinder } from "../publication/sign.ts";
import type { Settings } from "../settings.ts";
import type { CliWorld } from "./world.ts";

/** The runner of a world, and its parts. Nothing begins by it. */
export async function openRunner(world: CliWorld) {
  const { settings, log, clock } = world;
  checkTick(settings.run.tick);
  const store = await world.store();
  const leases = await world.leases();
  let keys: KeyList["keys"] = [];
  const keyOf: KeyFinder = (kid) => keyFinder(keys)(kid);
  const registry = new Registry();
  const signals = await openSignals(world, { registry, keyOf });
  const delivered = { made: 0, failed: 0, left: 0 };
  const deliveries = new Deliveries({
    ...(await world.deliverWorld(keyOf)),
    onDelivered: (lane, { manifest }) => {
      delivered.made += 1;
      signals.delivered(lane, manifest.sequence);
    },
    onFailed: (lane, _sequence, error) => {
      delivered.failed += 1;
      signals.deliveryFailed(lane, error);
    },
    onLeft: () => {
      delivered.left += 1;
    },
  });
  const runner = new Runner({
    store,
    leases,
    deliveries,
    signals,
    digest: () => inputsDigest(settings),
    async publishWorld() {
      world.renew();
      const publishWorld = await world.publishWorld();
      keys = publishWorld.keyring.keys;
      return publishWorld;
    },
    async sweep(only) {
      const { sweep } = await import("../publication/sweep.ts");
      await sweep({ store, lake: await world.lake(), keys, settings, now: clock(), log }, { only });
    },
    here: createHash("sha256").update(`${hostname()}\0${settings.data}`).digest("hex").slice(0, 16),
    clock,
    log,
  });
  return { runner, leases, deliveries, delivered, signals, registry };
}

async function openSignals(world: CliWorld, parts: { registry: Registry; keyOf: KeyFinder }): Promise<Signals> {
  const { settings, clock, log } = world;
  const tell = await tellOf(world);
  const store = await world.store();
  return new Signals({
    ...parts,
    store,
    health: new HealthBook({
      store,
      ingest: async (now) => readIngest(await world.lake(), (await world.sensors()).length, now),
      tables: () => readTables(world.tableStore()),
      log,
    }),
    marks: world.marks(),
    ...(tell === undefined ? {} : { tell }),
    readyLagHours: settings.run.readyLag,
    clock,
    log,
  });
}

/** Who is told of alerts. */
async function tellOf({ settings, environment }: CliWorld): Promise<Tell | undefined> {
  const { alert, pushLoopback } = settings.run;
  if (alert === undefined) return undefined;
  if ("url" in alert) return (await import("../delivery/watch/alert-url.ts")).tellUrl(alert.url, pushLoopback);
  return (await import("./alert-command.ts")).tellCommand(alert.command, environment);
}

/**
 * Hex SHA-256 over all that a runner reads at its beginning: configuration, sensors, and what files the key folder has.
 */
async function inputsDigest({ config, sensors, keys }: Settings): Promise<string> {
  const hash = createHash("sha256").update(await configurationDigest(config));
  hash.update(await readFile(sensors).catch((error: NodeJS.ErrnoException) => error.code ?? "unread"));
  for (const name of (await readdir(keys).catch(() => [])).sort()) {
    const facts = await stat(join(keys, name)).catch(() => undefined);
    hash.update(`\0${name} ${facts?.size} ${facts?.mtimeMs}`);
  }
  return hash.digest("hex");
}

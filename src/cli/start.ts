/** `spampots run` and `spampots start`: publish and deliver by themselves, for as long as the process lives. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { collectDefaultMetrics, Registry } from "prom-client";
import type { Tell } from "../delivery/alert-book.ts";
import { Deliveries } from "../delivery/deliver.ts";
import { StoreLeases } from "../delivery/leases.ts";
import { checkOutcome, Runner } from "../delivery/runner.ts";
import { Signals } from "../delivery/signals.ts";
import { isDoneWithin } from "../delivery/within.ts";
import { configurationDigest } from "../feed/configuration.ts";
import type { KeyList } from "../publication/keys.ts";
import type { Settings } from "../settings.ts";
import type { Run } from "./run.ts";
import { count, say, sayJson } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function runCommand(program: Command, run: Run): void {
  program
    .command("run")
    .description(
      "Publish what is due and push it to where partners want it, again and again. Killed or doubled, it does no harm.",
    )
    .option("--once", "one tick, until all that can be delivered is; for cron")
    .action(run((world: CliWorld, { once }: { once?: boolean }) => (once ? runOnce(world) : runOn(world))));
}

export function startCommand(program: Command, run: Run): void {
  program
    .command("start")
    .description("`run` and `serve` in one process: all that a small site needs.")
    .action(run((world: CliWorld) => runOn(world, true)));
}

async function runOnce(world: CliWorld): Promise<void> {
  const { runner, deliveries, delivered, signals } = await openRunner(world);
  const tick = await runner.tick().finally(() => signals.idle());
  const { outcome } = tick;
  await deliveries.idle();
  await signals.look(tick);
  await runner.close();
  await signals.close();
  const { published } = outcome;
  if (world.json) sayJson({ published: published.length, delivered: delivered.made, failed: delivered.failed });
  else {
    say(
      `${count(published.length)} publications, ${count(delivered.made)} deliveries made, ${count(delivered.failed)} failed.`,
    );
  }
  checkOutcome(outcome);
}

/** Milliseconds that a slice under way has to end by itself, then broken off, and then leases; who asks us to end waits for ten seconds. */
const endingMs = 4_000;
const breakingMs = 3_000;
const releasingMs = 1_000;

async function runOn(world: CliWorld, serving = false): Promise<void> {
  const { untilAsked, startServing } = await import("./serve.ts");
  const asked = untilAsked();
  const { runner, leases, signals, registry } = await openRunner(world);
  const watched = { registry, ready: () => signals.ready() };
  const served = serving ? (await startServing(world, world.clock, watched)).serving : undefined;
  const metrics = serving ? undefined : await serveRunMetrics(world, watched);
  runner.start(world.settings.run.tick);
  if (world.json)
    sayJson({ tick: world.settings.run.tick, ...(served === undefined ? {} : { url: served.url, port: served.port }) });
  else {
    const doors = served === undefined ? "" : ` ${served.url} serves them.`;
    say(`Running: what is due is published in ${world.settings.store} and delivered.${doors} Ctrl-C ends it.`);
  }
  await asked;
  world.log.info("stopping");
  metrics?.close();
  metrics?.closeAllConnections();
  const closed = runner.close().then(() => signals.close());
  const ended = Promise.all([closed, served?.close()]);
  if (await isDoneWithin(endingMs, ended)) return;
  world.interrupt();
  if (await isDoneWithin(breakingMs, ended)) return;
  // A store that hangs. Nothing is lost by it: the next runner does what is due then.
  world.log.warn("ended in the middle of work; what was begun is done again");
  await isDoneWithin(releasingMs, leases.close());
  process.exit(0);
}

/** A runner whose address is taken (by another one on this machine, for instance) does its work all the same. */
async function serveRunMetrics({ settings, log }: CliWorld, watched: { registry: Registry; ready: () => boolean }) {
  const { serveMetrics } = await import("../http/metrics.ts");
  const { metrics } = settings.serve;
  if (metrics === undefined) return undefined;
  collectDefaultMetrics({ register: watched.registry });
  return serveMetrics(metrics, watched).catch((error: unknown) => {
    log.error({ err: error }, "metrics aren't served");
    return undefined;
  });
}

/** Who is told of alerts. */
async function tellOf({ settings, environment }: CliWorld): Promise<Tell | undefined> {
  const { alert, pushLoopback } = settings.run;
  if (alert === undefined) return undefined;
  if ("url" in alert) return (await import("../delivery/alert-url.ts")).tellUrl(alert.url, pushLoopback);
  return (await import("./alert-command.ts")).tellCommand(alert.command, environment);
}

/** The runner of a world, with what it works with. */
export async function openRunner(world: CliWorld) {
  const { settings, log, clock } = world;
  const store = await world.store();
  const leases = new StoreLeases({ store, clock, log });
  const delivered = { made: 0, failed: 0 };
  let keys: KeyList["keys"] = [];
  const keyOf = (kid: string) => keys.find((key) => key.kid === kid);
  const registry = new Registry();
  const tell = await tellOf(world);
  const signals = new Signals({
    store,
    keyOf,
    ...(tell === undefined ? {} : { tell }),
    marks: world.marks(),
    registry,
    readyLagHours: settings.run.readyLag,
    clock,
    log,
  });
  const deliveries = new Deliveries({
    store,
    keyOf,
    secret: world.secret,
    loopback: settings.run.pushLoopback,
    clock,
    log,
    leases,
    atOnce: settings.run.pushes,
    chance: Math.random,
    onDelivered: (lane, { manifest }) => {
      delivered.made += 1;
      signals.delivered(lane, manifest.sequence);
    },
    onFailed: (lane, _sequence, error) => {
      delivered.failed += 1;
      signals.deliveryFailed(lane, error);
    },
  });
  const runner = new Runner({
    digest: () => inputsDigest(settings),
    async publishWorld() {
      world.renew();
      const publishWorld = await world.publishWorld();
      keys = publishWorld.keyring.keys;
      return publishWorld;
    },
    store,
    leases,
    deliveries,
    signals,
    async sweep() {
      const { sweep } = await import("../publication/sweep.ts");
      await sweep({ store, lake: await world.lake(), keys, settings, now: clock(), log }, { dry: false });
    },
    clock,
    log,
  });
  return { runner, leases, deliveries, delivered, signals, registry };
}

/** Hex SHA-256 over all that a runner reads at its beginning: configuration, sensors, and what files the key folder has. */
async function inputsDigest({ config, sensors, keys }: Settings): Promise<string> {
  const hash = createHash("sha256").update(await configurationDigest(config));
  hash.update(await readFile(sensors).catch((error: NodeJS.ErrnoException) => error.code ?? "unread"));
  for (const name of (await readdir(keys).catch(() => [])).sort()) {
    const facts = await stat(join(keys, name)).catch(() => undefined);
    hash.update(`\0${name} ${facts?.size} ${facts?.mtimeMs}`);
  }
  return hash.digest("hex");
}

/** `spampots run` and `spampots start`: publish and deliver by themselves, for as long as the process lives. */
import type { Command } from "commander";
import { collectDefaultMetrics, Registry } from "prom-client";
import type { Tell } from "../delivery/alert-book.ts";
import { Deliveries } from "../delivery/deliver.ts";
import { checkOutcome, Runner } from "../delivery/runner.ts";
import { Signals } from "../delivery/signals.ts";
import { listKeys } from "../publication/keys.ts";
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

async function runOn(world: CliWorld, serving = false): Promise<void> {
  const { untilAsked, startServing } = await import("./serve.ts");
  const asked = untilAsked();
  const { runner, signals, registry } = await openRunner(world);
  const watched = { registry, ready: () => signals.ready() };
  const served = serving ? (await startServing(world, world.clock, watched)).serving : undefined;
  const metrics = serving ? undefined : await serveRunMetrics(world, watched);
  runner.start(world.settings.run.tick);
  if (world.json) sayJson({ tick: world.settings.run.tick, ...(served === undefined ? {} : { url: served.url }) });
  else {
    const doors = served === undefined ? "" : ` ${served.url} serves them.`;
    say(`Running: what is due is published in ${world.settings.store} and delivered.${doors} Ctrl-C ends it.`);
  }
  await asked;
  world.log.info("stopping");
  metrics?.close();
  metrics?.closeAllConnections();
  await Promise.all([runner.close().then(() => signals.close()), served?.close()]);
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

async function openRunner(world: CliWorld) {
  const { settings, log, clock } = world;
  const delivered = { made: 0, failed: 0 };
  const keyList = { keys: (await listKeys(settings.keys)).keys };
  const store = await world.store();
  const keyOf = (kid: string) => keyList.keys.find((key) => key.kid === kid);
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
    async publishWorld() {
      world.renew();
      keyList.keys = (await listKeys(settings.keys)).keys;
      return world.publishWorld();
    },
    deliveries,
    signals,
    async sweep() {
      const { sweep } = await import("../publication/sweep.ts");
      const lake = await world.lake();
      await sweep(
        { store: await world.store(), lake, keys: keyList.keys, settings, now: clock(), log },
        { dry: false },
      );
    },
    clock,
    log,
  });
  return { runner, deliveries, delivered, signals, registry };
}

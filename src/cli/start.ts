/** `spampots run` and `spampots start`: publish and deliver by themselves, for as long as the process lives. */
import type { Command } from "commander";
import { collectDefaultMetrics, type Registry } from "prom-client";
import { isDoneWithin } from "../delivery/within.ts";
import { codeOf, errorTable, SpampotsError } from "../errors.ts";
import type { PublishOutcome } from "../publication/publish.ts";
import { openRunner } from "./open-runner.ts";
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
  const closed = () => runner.close().then(() => signals.close());
  const outcome = await tickOnce().finally(() => endsSoon(world, closed()));
  const { published } = outcome;
  const { made, failed } = delivered;
  const left = outcome.elsewhere.length + delivered.left;
  if (world.json) sayJson({ published: published.length, delivered: made, failed, left });
  else {
    say(`${count(published.length)} publications, ${count(made)} deliveries made, ${count(failed)} failed.`);
    if (failed > 0) say("The log names what failed; the next run tries again, `spampots deliver --retry` at once.");
    if (left > 0) say(`${count(left)} left to another runner; what one that was killed held is free within a minute.`);
  }
  if (failed > 0) process.exitCode = errorTable["some-failed"].exit;
  checkOutcome(outcome);

  async function tickOnce(): Promise<PublishOutcome> {
    try {
      const tick = await runner.tick().finally(() => signals.idle());
      await deliveries.idle();
      await signals.look(tick);
      return tick.outcome;
    } catch (error) {
      // What was begun before may still arrive, but nobody waits for a destination that hangs to be told of the error.
      await isDoneWithin(endingMs, deliveries.idle());
      throw error;
    }
  }
}

/**
 * Milliseconds that a slice under way has to end by itself, then broken off, and then leases; who asks us to end waits
 * for ten seconds.
 */
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
  if (await endsSoon(world, Promise.all([closed, served?.close()]))) return;
  // A store that hangs. Nothing is lost by it: the next runner does what is due then.
  world.log.warn("ended in the middle of work; what was begun is done again");
  await isDoneWithin(releasingMs, leases.close());
  process.exit(0);
}

/** True where all has ended; what doesn't by itself is broken off, and isn't waited for if that doesn't help. */
async function endsSoon(world: CliWorld, ended: Promise<unknown>): Promise<boolean> {
  if (await isDoneWithin(endingMs, ended)) return true;
  world.interrupt();
  return isDoneWithin(breakingMs, ended);
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

/** @throws SpampotsError `some-failed` where a log was stopped by an error. */
function checkOutcome({ failures }: PublishOutcome): void {
  if (failures.length === 0) return;
  throw new SpampotsError("some-failed", "Some logs were stopped by an error; what could be published is.", {
    codes: [...new Set(failures.map(({ error }) => codeOf(error)))],
    hint: "The log names them; the next tick tries again.",
  });
}

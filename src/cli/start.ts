/** `spampots run` and `spampots start`: publish and deliver by themselves, for as long as the process lives. */
import type { Command } from "commander";
import { Deliveries } from "../delivery/deliver.ts";
import { checkOutcome, Runner } from "../delivery/runner.ts";
import { listKeys } from "../publication/keys.ts";
import type { Run } from "./run.ts";
import { count, say, sayJson } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function startCommand(program: Command, run: Run): void {
  program
    .command("run")
    .description(
      "Publish what is due and push it to where partners want it, again and again. Killed or doubled, it does no harm.",
    )
    .option("--once", "one tick, until all that can be delivered is; for cron")
    .action(run((world: CliWorld, { once }: { once?: boolean }) => (once ? runOnce(world) : runOn(world))));
  program
    .command("start")
    .description("`run` and `serve` in one process: all that a small site needs.")
    .action(run((world: CliWorld) => runOn(world, true)));
}

async function runOnce(world: CliWorld): Promise<void> {
  const { runner, deliveries, delivered } = await openRunner(world);
  const { outcome } = await runner.tick();
  await deliveries.idle();
  await runner.close();
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
  const { runner } = await openRunner(world);
  const served = serving ? (await startServing(world, world.clock)).serving : undefined;
  runner.start(world.settings.run.tick);
  if (world.json) sayJson({ tick: world.settings.run.tick, ...(served === undefined ? {} : { url: served.url }) });
  else {
    const doors = served === undefined ? "" : ` ${served.url} serves them.`;
    say(`Running: what is due is published in ${world.settings.store} and delivered.${doors} Ctrl-C ends it.`);
  }
  await asked;
  world.log.info("stopping");
  await Promise.all([runner.close(), served?.close()]);
}

async function openRunner(world: CliWorld) {
  const { settings, log, clock } = world;
  const delivered = { made: 0, failed: 0 };
  const keyList = { keys: (await listKeys(settings.keys)).keys };
  const deliveries = new Deliveries({
    store: await world.store(),
    keyOf: (kid) => keyList.keys.find((key) => key.kid === kid),
    secret: world.secret,
    loopback: settings.run.pushLoopback,
    clock,
    log,
    atOnce: settings.run.pushes,
    chance: Math.random,
    onDelivered: () => {
      delivered.made += 1;
    },
    onFailed: () => {
      delivered.failed += 1;
    },
  });
  const runner = new Runner({
    async publishWorld() {
      world.renew();
      keyList.keys = (await listKeys(settings.keys)).keys;
      return world.publishWorld();
    },
    deliveries,
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
  return { runner, deliveries, delivered };
}

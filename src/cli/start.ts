/** `spampots run` and `spampots start`: publish and deliver by themselves, for as long as the process lives. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { Deliveries } from "../delivery/deliver.ts";
import { StoreLeases } from "../delivery/leases.ts";
import { checkOutcome, Runner } from "../delivery/runner.ts";
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

/** Milliseconds that a slice under way has to end by itself, then broken off, and then leases; who asks us to end waits for ten seconds. */
const endingMs = 4_000;
const breakingMs = 3_000;
const releasingMs = 1_000;

async function runOn(world: CliWorld, serving = false): Promise<void> {
  const { untilAsked, startServing } = await import("./serve.ts");
  const asked = untilAsked();
  const { runner, leases } = await openRunner(world);
  const served = serving ? (await startServing(world, world.clock)).serving : undefined;
  runner.start(world.settings.run.tick);
  if (world.json)
    sayJson({ tick: world.settings.run.tick, ...(served === undefined ? {} : { url: served.url, port: served.port }) });
  else {
    const doors = served === undefined ? "" : ` ${served.url} serves them.`;
    say(`Running: what is due is published in ${world.settings.store} and delivered.${doors} Ctrl-C ends it.`);
  }
  await asked;
  world.log.info("stopping");
  const ended = Promise.all([runner.close(), served?.close()]).then(() => true as const);
  if (await isWithin(endingMs, ended)) return;
  world.interrupt();
  if (await isWithin(breakingMs, ended)) return;
  // A store that hangs. Nothing is lost by it: the next runner does what is due then.
  world.log.warn("ended in the middle of work; what was begun is done again");
  await Promise.race([leases.close(), sleep(releasingMs)]);
  process.exit(0);
}

/** Does it come true in that time? The process is kept alive until then, and no longer. */
async function isWithin(ms: number, ended: Promise<true>): Promise<boolean> {
  const over = new AbortController();
  const { signal } = over;
  try {
    return await Promise.race([ended, sleep(ms, false, { signal }).catch(() => false)]);
  } finally {
    over.abort();
  }
}

/** The runner of a world, with what it works with. */
export async function openRunner(world: CliWorld) {
  const { settings, log, clock } = world;
  const store = await world.store();
  const leases = new StoreLeases({ store, clock, log });
  const delivered = { made: 0, failed: 0 };
  let keys: KeyList["keys"] = [];
  const deliveries = new Deliveries({
    store,
    keyOf: (kid) => keys.find((key) => key.kid === kid),
    secret: world.secret,
    loopback: settings.run.pushLoopback,
    clock,
    log,
    leases,
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
    async sweep() {
      const { sweep } = await import("../publication/sweep.ts");
      await sweep({ store, lake: await world.lake(), keys, settings, now: clock(), log }, { dry: false });
    },
    clock,
    log,
  });
  return { runner, leases, deliveries, delivered };
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

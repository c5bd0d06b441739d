/** `spampots serve`: the doors onto what was published. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { SpampotsError } from "../errors.ts";
import { Registry } from "../http/registry.ts";
import { type Serve, type Serving, serve } from "../http/serve.ts";
import { hintOf } from "../store/disk-error.ts";
import type { Run } from "./run.ts";
import { say, sayJson } from "./say.ts";
import { programVersion } from "./version.ts";
import type { CliWorld } from "./world.ts";

export function serveCommand(program: Command, run: Run): void {
  program
    .command("serve")
    .description("Let partners fetch their publications: OAuth 2.0, the pull API and TAXII 2.1. Reads the store alone.")
    .action(run(serveStore));
}

async function serveStore(world: CliWorld): Promise<void> {
  const { settings } = world;
  const asked = untilAsked();
  const { serving, partners } = await startServing(world, world.clock);
  if (world.json) sayJson({ url: serving.url, port: serving.port });
  else {
    say(`Listening: ${serving.url} serves ${partners} partners from ${settings.store}.`);
    say(
      `The API for people: ${serving.url}/reference. A token for a first look: spampots token <partner>. Ctrl-C ends it.`,
    );
  }
  await asked;
  world.log.info("stopping");
  await serving.close();
}

/** Settles when the process is asked to end. To be called at the beginning: who starts us may end us as soon as we listen. */
export function untilAsked(): Promise<void> {
  return new Promise((stop) => {
    process.once("SIGINT", () => stop()).once("SIGTERM", () => stop());
  });
}

/**
 * Serves the world's store, by a clock that goes; with what is to be watched of a runner in this process, where there
 * is one.
 */
export async function startServing(
  { settings, store, log }: Pick<CliWorld, "settings" | "store" | "log">,
  clock: () => number,
  runner?: NonNullable<Serve["runner"]>,
): Promise<{ readonly serving: Serving; readonly partners: number }> {
  const { config, keys, tokenKeys } = settings;
  const { listen, tls, operatorKeys } = settings.serve;
  const places = { config, keys, tokenKeys, ...(operatorKeys === undefined ? {} : { operatorKeys }) };
  const registry = await Registry.open(places, log);
  const serving = await serve({
    settings: settings.serve,
    issuer: settings.issuer,
    version: programVersion(),
    store: await store(),
    registry,
    // A process owns the address that it listens on, and by that the folder.
    receipts: join(settings.receipts, `${listen.host}_${listen.port}`.replaceAll(/[^\w.-]/g, "_")),
    index: settings.index,
    ...(tls === undefined ? {} : { readTls: () => readTls(tls) }),
    ...(runner === undefined ? {} : { runner }),
    clock,
    log,
  });
  return { serving, partners: registry.partners.size };
}

async function readTls({ cert, key }: { readonly cert: string; readonly key: string }) {
  const read = (path: string) =>
    readFile(path, "utf8").catch((cause: unknown) => {
      throw new SpampotsError("bad-argument", "The certificate or its key can't be read.", {
        cause,
        path,
        hint: hintOf(cause) ?? "See that SPAMPOTS_TLS_CERT and SPAMPOTS_TLS_KEY name PEM files.",
      });
    });
  return { cert: await read(cert), key: await read(key) };
}

/** `spampots demo`: the whole path on simulated captures, in a folder of its own. What `npm start` runs. */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, rename, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { simulate } from "../capture/simulate.ts";
import { isError, SpampotsError } from "../errors.ts";
import { dayId, periodAt } from "../feed/period.ts";
import { clearSpool, ingestFile } from "../ingest.ts";
import { dayMs } from "../model.ts";
import { linkTo } from "../partner/auth/proof.ts";
import { newTokenKey, openTokenKeys } from "../partner/auth/token-keys.ts";
import { mint, mintPartnerToken } from "../partner/auth/tokens.ts";
import { jwks } from "../publication/jwk.ts";
import { listKeys, newKeys } from "../publication/keys.ts";
import { type PublishOutcome, publish } from "../publication/publish.ts";
import { readTrust } from "../publication/trust.ts";
import { verify } from "../publication/verify.ts";
import { temporaryPath } from "../store/temporary.ts";
import type { Run } from "./run.ts";
import { count, errorText, say, sayJson } from "./say.ts";
import { startServing, untilAsked } from "./serve.ts";
import { type CliWorld, openWorld } from "./world.ts";

interface DemoFlags {
  readonly data: string;
  readonly messagesPerDay: string;
  readonly serve?: boolean;
}

export function demoCommand(program: Command, run: Run, env: Readonly<Record<string, string | undefined>>): void {
  program
    .command("demo")
    .description("Run the whole path on simulated captures: ingest, publish for all partners, verify.")
    .option("--data <folder>", "where everything of the demonstration is kept", "data/demo")
    .option("--messages-per-day <n>", "messages of all simulated sensors together", "1500")
    .option("--serve", "then serve what was published, until Ctrl-C")
    .action(
      run(async (outer: CliWorld, flags: DemoFlags) => {
        const folder = resolve(flags.data);
        const world = await openWorld(
          { json: outer.json, now: new Date(outer.clock()).toISOString() },
          demoEnvironment(env, folder),
        );
        try {
          await demonstrate(world, flags);
          if (flags.serve) await served(world, outer.clock);
        } finally {
          await world.close();
        }
      }),
    );
}

/** The demonstration keeps to its folder, whatever the environment says of stores and keys. */
function demoEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): Record<string, string | undefined> {
  const others = /^SPAMPOTS_(STORE|LAKE|ENGINE|TRINO_|SENSORS|SIGNING_KEY|S3_|URL|TLS_|METRICS_)/;
  const kept = Object.entries(env).filter(([name]) => !others.test(name));
  // Outside of a site of one's own the demonstration takes the partners and feeds that come with the program.
  const shipped = resolve(import.meta.dirname, "..", "..");
  const config = env.SPAMPOTS_CONFIG ?? (existsSync("partners.yaml") ? undefined : shipped);
  return {
    ...Object.fromEntries(kept),
    SPAMPOTS_CONFIG: config,
    SPAMPOTS_DATA: folder,
    SPAMPOTS_METRICS_LISTEN: "none",
    SPAMPOTS_LOG: env.SPAMPOTS_LOG ?? "error",
  };
}

async function demonstrate(world: CliWorld, flags: DemoFlags): Promise<void> {
  const perDay = /^\d{1,7}$/.test(flags.messagesPerDay) ? Number(flags.messagesPerDay) : 0;
  if (perDay < 1) throw new SpampotsError("bad-argument", "--messages-per-day needs a whole number above 0.");
  const tell = (text: string) => {
    world.progress("");
    if (!world.json) say(text);
  };
  tell("A demonstration on SIMULATED captures: nothing of what follows happened.\n");
  await simulated(world, perDay, tell);
  await ingested(world, tell);
  const outcome = await published(world, tell);
  const report = await verify(await world.store(), {
    trust: readTrust(jwks((await listKeys(world.settings.keys)).keys)),
    now: world.clock(),
    deep: true,
  });
  tell(
    `4. Verified: ${report.ok ? `all ${count(publicationsOf(report.feeds))} publications in ${report.feeds.length} logs are whole, signed and without gaps.` : "PROBLEMS were found; run `spampots verify` on the store."}`,
  );
  await ending(world, tell);
  if (world.json)
    sayJson({
      simulated: true,
      published: outcome.published.length,
      failures: outcome.failures.length,
      verified: report.ok,
    });
  if (outcome.failures.length > 0 || !report.ok)
    throw new SpampotsError("some-failed", "The demonstration did not end well.");
}

const publicationsOf = (feeds: readonly { readonly publications: number }[]) =>
  feeds.reduce((sum, feed) => sum + feed.publications, 0);

type Tell = (text: string) => void;

/** Two whole weeks and the days since, once. */
async function simulated(world: CliWorld, perDay: number, tell: Tell): Promise<void> {
  const { settings } = world;
  const lake = await world.lake();
  if ((await lake.names()).length > 0 || (await readdir(settings.spool).catch(() => [])).length > 0) {
    return tell("1. Simulated captures are there from an earlier run.");
  }
  const now = world.clock();
  const firstDay = periodAt("week", now).start - 14 * dayMs;
  const days = Math.floor(now / dayMs) - firstDay / dayMs;
  // Aside first: a demonstration that is killed here begins anew.
  const half = temporaryPath(settings.data);
  const made = await simulate({
    days,
    messagesPerDay: perDay,
    seed: 1,
    firstDay,
    out: half,
    bodies: "repeat",
    compression: "gzip",
    onProgress: ({ files, ofFiles }) => world.progress(`simulating file ${files} of ${ofFiles}`),
  });
  await rename(join(half, "sensors.yaml"), settings.sensors);
  await rename(half, settings.spool);
  tell(
    `1. Simulated ${count(made.messages)} captures of 10 sensors from ${dayId(firstDay)} on, with the mix of the first SpamPots phase.`,
  );
}

async function ingested(world: CliWorld, tell: Tell): Promise<void> {
  const { settings } = world;
  const files = (await readdir(settings.spool).catch(() => [])).filter((name) => name.includes(".ndjson")).sort();
  if (files.length === 0) return tell("2. Ingested: all of it is in the lake already.");
  world.progress("loading tables of addresses");
  const ingestWorld = await world.ingestWorld();
  let captures = 0;
  let probes = 0;
  for (const [index, name] of files.entries()) {
    world.progress(`ingesting file ${index + 1} of ${files.length}`);
    const path = join(settings.spool, name);
    const { counts } = await ingestFile(path, ingestWorld);
    captures += counts.captures ?? 0;
    probes += counts.probes ?? 0;
    await clearSpool(path, settings);
  }
  tell(
    `2. Ingested ${files.length} spool files: ${count(captures)} captures attributed to economies and ASes; ${count(probes)} would have named a sensor and are in no feed.`,
  );
}

async function published(world: CliWorld, tell: Tell): Promise<PublishOutcome> {
  await newKeys({ folder: world.settings.keys }, { now: world.clock() }).catch((error: unknown) => {
    if (!(error instanceof SpampotsError) || error.code !== "already-exists") throw error;
  });
  const publishWorld = await world.publishWorld();
  const onProgress = (step: { done: number; of: number; feed: string; period: string }) =>
    world.progress(`publishing ${step.done} of ${step.of} slices · ${step.feed} ${step.period}`);
  const outcome = await publish({ ...publishWorld, onProgress });
  const partners = new Set(outcome.published.map((entry) => entry.partner)).size;
  tell(
    outcome.published.length === 0
      ? "3. Published: nothing new is due."
      : `3. Published ${count(outcome.published.length)} signed publications for ${partners} partners.`,
  );
  for (const { partner, feed, error } of outcome.failures)
    tell(`   Not published: ${feed} for ${partner}: ${errorText(error)}`);
  return outcome;
}

async function ending(world: CliWorld, tell: Tell): Promise<void> {
  const { settings } = world;
  const { live, keys } = await listKeys(settings.keys);
  const jwksFile = join(settings.data, "jwks.json");
  await writeFile(jwksFile, `${jwks(keys)}\n`);
  const partner = near(join(settings.store, "partners", "twcert-cc"));
  tell(`
What was made
  ${near(settings.store)}/partners/<partner>/<feed>/  log/ with signed manifests, artifacts/ with the files
  ${near(settings.lake)}/  the captures as Parquet, for the operator's eyes alone
  ${near(jwksFile)}  the public keys that partners verify with (live: ${live})

Look at
  ${partner}/summary/artifacts/*.md          the week in figures, for people
  ${partner}/spam-sources/artifacts/*.csv.gz the addresses that injected, for a spreadsheet
  ${partner}/spam-sources/artifacts/*.stix.json.gz  the same for machines

Try next
  npx spampots verify ${partner} --keys ${near(jwksFile)} --deep
  SPAMPOTS_DATA=${near(settings.data)} npx spampots publish --dry-run
  npx spampots --help`);
}

/** A path as it is shortest to write from here. */
function near(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

/** Whose eyes the demonstration looks with. */
const guest = "twcert-cc";

/** Serves what was published until Ctrl-C, and says what to ask. */
async function served(world: CliWorld, clock: () => number): Promise<void> {
  const { settings } = world;
  const asked = untilAsked();
  if (!existsSync(settings.tokenKeys)) await newTokenKey(settings.tokenKeys, clock());
  const { serving } = await startServing(world, clock).catch((error: unknown) => {
    if (!isError(error, "bad-argument")) throw error;
    // Something listens there already: any other port does for a look.
    const listen = { ...settings.serve.listen, port: 0 };
    return startServing({ ...world, settings: { ...settings, serve: { ...settings.serve, listen } } }, clock);
  });
  const { signer } = await openTokenKeys(settings.tokenKeys);
  const given = { partner: guest, seconds: dayMs / 1000, id: randomUUID(), now: clock() };
  const file = join(settings.data, `${guest}.token`);
  await writeFile(file, `${await mintPartnerToken(serving, signer, given)}\n`, { mode: 0o600 });
  const claims = { sub: guest, jti: randomUUID() };
  const link = linkTo(serving.url, "signIn", await mint(serving, signer, "spampots-sign-in+jwt", claims, given));
  const header = `-H "Authorization: Bearer $(cat ${near(file)})"`;
  if (world.json) sayJson({ url: serving.url, token: file, link });
  else
    say(`
5. Serving at ${serving.url} until Ctrl-C. The portal, with charts of each week, as ${guest} sees it (this link works once):
  ${link}
For machines there is ${serving.url}/reference; in another terminal:
  curl ${header} ${serving.url}/v1/feeds
  curl ${header} ${serving.url}/v1/feeds/spam-sources/latest.csv | head
  npx spampots fetch --url ${serving.url} --partner ${guest} --token-file ${near(file)} --into data/fetched`);
  await asked;
  await serving.close();
}

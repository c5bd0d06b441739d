/** `spampots partner kit`: what a partner gets to begin with, as a folder or a ZIP file. */
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { SpampotsError } from "../../errors.ts";
import { namedPartner } from "../../feed/named-partner.ts";
import type { Partner } from "../../feed/partners.ts";
import { inForce } from "../../feed/policy.ts";
import type { Kit, KitBucket, KitFacts } from "../../partner/kit/facts.ts";
import { isProgram } from "../../partner/kit/facts.ts";
import { listKeys } from "../../publication/keys.ts";
import { isLoopback, type Settings, serviceUrl } from "../../settings.ts";
import { systemCode } from "../../store/disk-error.ts";
import { bucketOf } from "../../store/s3-url.ts";
import { halfPath, sweepHalves } from "../../store/temporary.ts";
import type { Run } from "../run.ts";
import { say, sayJson, size } from "../say.ts";
import type { CliWorld } from "../world.ts";

interface KitFlags {
  readonly into?: string;
  readonly zip?: string;
  readonly contact?: readonly string[];
  readonly principal?: string;
}

export function kitCommand(partner: Command, run: Run): void {
  partner
    .command("kit")
    .description(
      "Make a partner's kit: its URLs, the issuer's keys, configurations that work, whom to call. No secrets.",
    )
    .argument("<partner>", "id of the partner")
    .option("--into <folder>", "where to; kit-<partner> by default, unless a ZIP file is wanted")
    .option("--zip <file>", "as a ZIP file, the same bytes each time")
    .option(
      "--contact <text>",
      "whom the partner calls: name, telephone, e-mail; may be given several times",
      (text, others: readonly string[] = []) => [...others, text],
    )
    .option("--principal <arn>", "by which the partner reads the bucket, for the policy")
    .action(run(makeKit));
}

async function makeKit(world: CliWorld, id: string, flags: KitFlags): Promise<void> {
  const partner = namedPartner((await world.configuration()).partners, id);
  checkPrincipal(flags.principal);
  const facts = await factsOf(world, partner, flags);
  const { kitOf } = await import("../../partner/kit/kit.ts");
  const kit = kitOf(facts);
  const into = flags.into ?? (flags.zip === undefined ? `kit-${id}` : undefined);
  const made: string[] = [];
  if (into !== undefined) made.push(await writeFolder(kit, resolve(into)));
  if (flags.zip !== undefined) made.push(await writeZip(kit, `kit-${id}`, resolve(flags.zip)));
  const warnings = warningsOf(facts, world);
  if (world.json) return sayJson({ partner: id, made, files: [...kit.keys()], thumbprint: facts.live, warnings });
  const bytes = [...kit.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  for (const path of made) say(`${path}: ${kit.size} files, ${size(bytes)}. Nothing in it is secret.`);
  say(`Compare by telephone: the issuer's key ${facts.live}. A token is made by \`spampots token ${id}\`.`);
  for (const warning of warnings) say(`warning  ${warning}`);
}

/** One user, role or account: a policy for `*` would open the prefix to everybody. */
function checkPrincipal(principal: string | undefined): void {
  if (principal === undefined) return;
  if (/^arn:[a-z-]+:(iam|sts)::[0-9A-Za-z-]*:(root|(user|role|assumed-role)\/[\w+=,.@/-]+)$/.test(principal)) return;
  throw new SpampotsError("bad-argument", "--principal needs the ARN of one user, role or account.", {
    hint: "Write it as arn:aws:iam::111122223333:role/name.",
  });
}

async function factsOf({ settings }: CliWorld, partner: Partner, flags: KitFlags): Promise<KitFacts> {
  const { live, keys } = await listKeys(settings.keys);
  const { collectionId } = await import("../../http/taxii.ts");
  const script = (name: string) => readFile(new URL(`../../../docs/examples/${name}.sh`, import.meta.url), "utf8");
  const bucket = kitBucket(settings);
  return {
    partner,
    issuer: settings.issuer,
    url: serviceUrl(settings.serve),
    live,
    keys,
    ...(bucket === undefined ? {} : { bucket }),
    collectionOf: (feed) => collectionId(partner.id, feed),
    scripts: {
      newKey: await script("new-key"),
      pullFeed: await script("pull-feed"),
      fetchFeed: await script("fetch-feed"),
    },
    contacts: flags.contact ?? [],
    ...(flags.principal === undefined ? {} : { principal: flags.principal }),
  };
}

/** The bucket of the store, where it is one. */
function kitBucket({ store, s3 }: Settings): KitBucket | undefined {
  const place = bucketOf(store);
  if (place === undefined) return undefined;
  const { region, pathStyle, endpoint } = s3;
  return { ...place, region, pathStyle, ...(endpoint === undefined ? {} : { endpoint }) };
}

function warningsOf({ url, partner, bucket, contacts, principal }: KitFacts, { clock }: CliWorld): string[] {
  return [
    ...(isLoopback(new URL(url).hostname)
      ? [`The kit names ${url}, which only this machine reaches: set SPAMPOTS_URL as \`serve\` has it.`]
      : []),
    ...(partner.subscriptions.length === 0 ? ["The partner is subscribed to no feed."] : []),
    ...(inForce(partner, clock()) ? [] : ["The partner's MoU is not in force: until it is, nothing opens."]),
    ...(contacts.length > 0 ? [] : ["It names nobody to call: --contact."]),
    ...(bucket !== undefined && principal === undefined
      ? ["s3/policy.json has a place for the partner's principal: --principal, once you know it."]
      : []),
  ];
}

/** Writes a new folder, whole or not at all. @throws SpampotsError `already-exists` where something is there */
async function writeFolder(kit: Kit, folder: string): Promise<string> {
  const there = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return [];
    throw systemCode(error) === "ENOTDIR" ? taken(folder) : error;
  });
  if (there.length > 0) throw taken(folder);
  const making = await newHalf(folder);
  try {
    for (const [path, text] of kit) {
      await mkdir(dirname(join(making, path)), { recursive: true });
      await writeFile(join(making, path), text, { mode: isProgram(path) ? 0o755 : 0o644 });
    }
    await rename(making, folder);
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

/** Writes a new file, whole or not at all. @throws SpampotsError `already-exists` where something is there */
async function writeZip(kit: Kit, folder: string, path: string): Promise<string> {
  const { zipOf } = await import("../../partner/kit/zip.ts");
  const making = await newHalf(path);
  try {
    await writeFile(making, zipOf(kit, folder), { flush: true });
    // Unlike a rename, a link doesn't take the place of what is there.
    await link(making, path);
  } catch (error) {
    throw systemCode(error) === "EEXIST" ? taken(path) : error;
  } finally {
    await rm(making, { force: true });
  }
  return path;
}

/** Where a kit is made until it is whole. What a killed command left there goes first. */
async function newHalf(path: string): Promise<string> {
  await sweepHalves(dirname(path));
  return halfPath(path);
}

const taken = (path: string) =>
  new SpampotsError("already-exists", "There is something of that name; a kit is never mixed with another.", {
    path,
    hint: "Choose another name, or remove what is there.",
  });

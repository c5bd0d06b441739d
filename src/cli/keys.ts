/** `spampots keys new|list|rotate|operator`. */
import { rm } from "node:fs/promises";
import type { Command } from "commander";
import { SpampotsError } from "../errors.ts";
import { addOperatorKey } from "../partner/auth/operator-keys.ts";
import { newTokenKey, rotateTokenKey } from "../partner/auth/token-keys.ts";
import { newClientKey } from "../partner/client/client-key.ts";
import { announceRotation, ensureAnnounced } from "../publication/announce.ts";
import { jwks, type PublicKey, type SigningAlgorithm } from "../publication/jwk.ts";
import { beginRotation, finishRotation, listKeys, newKeys, openKeyring } from "../publication/keys.ts";
import type { Run } from "./run.ts";
import { say, sayJson, table } from "./say.ts";
import type { CliWorld } from "./world.ts";

const algorithms: readonly SigningAlgorithm[] = ["EdDSA", "ES256"];

export function keysCommand(program: Command, run: Run): void {
  const keys = program.command("keys").description("Keys that sign manifests, and the site key behind row_id.");
  keys
    .command("new")
    .description("Make the first signing key and the site key.")
    .option("--alg <name>", "EdDSA (Ed25519) or ES256; tokens are always ES256", "EdDSA")
    .option("--tokens", "make the key that signs access tokens instead")
    .action(run(makeKeys));
  keys
    .command("list")
    .description("Show the public keys; --jwks prints the JWK set that partners verify with.")
    .option("--jwks", "print the JWK set")
    .option("--tokens", "the keys that sign access tokens instead")
    .action(run(showKeys));
  keys
    .command("rotate")
    .description("Make a new key live; the old one announces it under each partner's prefix.")
    .option("--alg <name>", "EdDSA or ES256; as before by default")
    .option("--tokens", "the key that signs access tokens instead; tokens made before stay good")
    .action(run(rotateKeys));
  keys
    .command("operator")
    .description("Make a key that opens the operators' part of the portal.")
    .argument("<file>", "where the private half goes")
    .option("--alg <name>", "EdDSA (Ed25519) or ES256", "EdDSA")
    .action(run(makeOperatorKey));
}

/** Makes an operator's key pair, and adds the public half to the set where the setting names one. */
async function makeOperatorKey(world: CliWorld, path: string, flags: { alg: string }): Promise<void> {
  const { alg = "EdDSA" } = algorithm(flags.alg);
  const key = await newClientKey(path, { alg });
  const set = world.settings.serve.operatorKeys;
  if (set !== undefined) await added(set, key, path);
  if (world.json) return sayJson({ path, key, ...(set === undefined ? {} : { set }) });
  if (set === undefined) {
    say(jwks([key]));
    process.stderr.write(
      `This is a set with the public half, for the file that SPAMPOTS_OPERATOR_KEYS names on the host that serves. ${path} is private: it stays with its operator.\n`,
    );
  } else say(`${key.kid} opens /portal/operator: it stands in ${set}. ${path} is private: it stays with its operator.`);
}

/** Adds a key that was just made to the set; where that fails, the key that nobody knows goes again. */
async function added(set: string, key: PublicKey, path: string): Promise<void> {
  try {
    await addOperatorKey(set, key);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

function algorithm(text: string | undefined): { alg?: SigningAlgorithm } {
  if (text === undefined) return {};
  const alg = algorithms.find((name) => name === text);
  if (alg === undefined)
    throw new SpampotsError("bad-argument", "There is no such algorithm here.", {
      alg: text,
      hint: "Write EdDSA or ES256.",
    });
  return { alg };
}

const source = ({ settings }: CliWorld) => ({
  folder: settings.keys,
  ...(settings.signingKey === undefined ? {} : { environmentKey: settings.signingKey }),
});

async function makeTokenKey(world: CliWorld): Promise<void> {
  const folder = world.settings.tokenKeys;
  const list = await newTokenKey(folder, world.clock());
  if (world.json) sayJson(list);
  else say(`The key ${list.live} signs access tokens; its file is in ${folder}, readable by you alone.`);
}

async function makeKeys(world: CliWorld, flags: { alg: string; tokens?: boolean }): Promise<void> {
  if (flags.tokens) return makeTokenKey(world);
  const list = await newKeys(source(world), { ...algorithm(flags.alg), now: world.clock() });
  if (world.json) sayJson(list);
  else {
    say(
      `The signing key ${list.live} is live; its file and the site key are in ${world.settings.keys}, readable by you alone.`,
    );
    say(
      "Keep a copy of that folder offline. Give partners the thumbprint by another way than the feeds: by phone, or in the MoU.",
    );
  }
}

async function showKeys(world: CliWorld, flags: { jwks?: boolean; tokens?: boolean }): Promise<void> {
  const list = await listKeys(flags.tokens ? world.settings.tokenKeys : world.settings.keys);
  if (flags.jwks) say(jwks(list.keys));
  else if (world.json) sayJson(list);
  else {
    const rows = list.keys.map((key) => [
      key.kid,
      key.alg,
      key.from,
      key.kid === list.live ? "live" : `retired ${key.retired_at ?? ""}`,
    ]);
    say(table(["thumbprint (RFC 7638)", "alg", "from", "state"], rows));
    if (list.rotatingFrom !== undefined)
      say("A rotation was begun and not finished: run `spampots keys rotate` again.");
  }
}

async function changeTokenKey(world: CliWorld): Promise<void> {
  const { live } = await rotateTokenKey(world.settings.tokenKeys, world.clock());
  if (world.json) sayJson({ live });
  else say(`${live} signs access tokens from now on; those made before stay good until they expire.`);
}

async function rotateKeys(world: CliWorld, flags: { alg?: string; tokens?: boolean }): Promise<void> {
  if (flags.tokens) return changeTokenKey(world);
  const store = await world.store();
  const before = await openKeyring(source(world));
  // The chain begins with the old key, where nothing was published yet.
  if (before.rotatingFrom === undefined)
    await ensureAnnounced(store, undefined, { issuer: world.settings.issuer, keyring: before, now: world.clock() });
  const keyring = await beginRotation(source(world), { ...algorithm(flags.alg), now: world.clock() });
  const announcing = { issuer: world.settings.issuer, keyring, now: world.clock(), marks: world.marks() };
  const written = await announceRotation(store, announcing, (partner) => world.progress(`announced to ${partner}`));
  await finishRotation(world.settings.keys, keyring.live);
  world.progress("");
  if (world.json) sayJson({ live: keyring.live, announcements: written });
  else say(`${keyring.live} is live; ${written} announcements under the old key's signature are stored.`);
}

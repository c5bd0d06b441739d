/** `spampots verify`: proves a folder or bucket of publications, offline. What a partner runs. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { isError, SpampotsError } from "../errors.ts";
import { tlpLabels } from "../model.ts";
import { readTrust } from "../publication/trust.ts";
import { type Remembered, verify } from "../publication/verify.ts";
import { sayReport } from "../publication/verify-report.ts";
import { openStore } from "../store/open.ts";
import type { Run } from "./run.ts";
import { say, sayJson } from "./say.ts";
import type { CliWorld } from "./world.ts";

interface VerifyFlags {
  readonly keys?: string;
  readonly partner?: string;
  readonly tlp?: string;
  readonly after?: readonly string[];
  readonly deep?: boolean;
}

export function verifyCommand(program: Command, run: Run): void {
  program
    .command("verify")
    .description("Prove that publications are whole, untampered and without gaps. Works offline.")
    .argument(
      "[place]",
      "folder or s3://bucket/prefix: a feed's, a partner's or a whole store; our own store by default",
    )
    .option(
      "--keys <file|thumbprint>",
      "the issuer's JWK set, or the pinned thumbprint of a key; our own keys by default",
    )
    .option("--partner <id>", "whose publications these must be")
    .option("--tlp <label>", `the strictest label that is expected (${tlpLabels.join(", ")})`)
    .option(
      "--after <[feed:]sequence[:sha256]>",
      "what you remember having, so that a tail that was cut off shows; may be given for several feeds",
      (text, others: readonly string[] = []) => [...others, text],
    )
    .option("--deep", "also unpack, count rows and objects, and compare the content's digests")
    .action(run(verifyPlace));
}

async function verifyPlace(world: CliWorld, place: string | undefined, flags: VerifyFlags): Promise<void> {
  const store = await openStore(place ?? world.settings.store, world.settings.s3);
  const tlp = flags.tlp === undefined ? undefined : tlpLabels.find((label) => label === flags.tlp);
  if (flags.tlp !== undefined && tlp === undefined) {
    throw new SpampotsError("bad-argument", "There is no such label in TLP 2.0.", {
      hint: `Write one of ${tlpLabels.join(", ")}.`,
    });
  }
  const report = await verify(store, {
    trust: readTrust(await trustText(world, flags.keys)),
    now: world.clock(),
    deep: flags.deep === true,
    after: (flags.after ?? []).map(remembered),
    ...(flags.partner === undefined ? {} : { partner: flags.partner }),
    ...(tlp === undefined ? {} : { tlp }),
    onProgress: (step) => world.progress(`${step.place} ${step.publications} of ${step.of}`),
  });
  world.progress("");
  if (world.json) sayJson(report);
  else say(sayReport(report));
  if (!report.ok) process.exitCode = 3;
}

async function trustText(world: CliWorld, keys: string | undefined): Promise<string> {
  if (keys === undefined) return ownKeys(world);
  try {
    return await readFile(keys, "utf8");
  } catch (cause) {
    // Whatever doesn't end like a thumbprint was meant for a file.
    if (/[A-Za-z0-9_-]{43}$/.test(keys)) return keys;
    throw new SpampotsError("bad-argument", "The file of keys can't be read.", {
      cause,
      path: keys,
      hint: "Give --keys the issuer's JWK set, or a thumbprint: 43 characters of base64url.",
    });
  }
}

async function ownKeys(world: CliWorld): Promise<string> {
  const { jwks } = await import("../publication/jwk.ts");
  const { listKeys } = await import("../publication/keys.ts");
  try {
    return jwks((await listKeys(world.settings.keys)).keys);
  } catch (error) {
    if (!isError(error, "bad-key")) throw error;
    throw new SpampotsError("bad-argument", "It must be said whose signatures count: there are no keys of our own.", {
      cause: error,
      hint: "Give --keys the issuer's JWK set, or the thumbprint that the issuer told you.",
    });
  }
}

function remembered(text: string): Remembered {
  const match = /^(?:([a-z][a-z0-9-]*):)?(\d{1,8})(?::([0-9a-f]{64}))?$/.exec(text);
  if (match === null) {
    throw new SpampotsError("bad-argument", "--after needs a sequence.", {
      hint: "Write 42, spam-sources:42 or spam-sources:42:<sha256 of its payload>.",
    });
  }
  const [, feed, sequence, sha256] = match;
  return {
    sequence: Number(sequence),
    ...(feed === undefined ? {} : { feed }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}

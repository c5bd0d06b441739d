/** `spampots partner rotate-key`: a partner's new public key beside the old ones, or an old one out. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { isError, SpampotsError } from "../../errors.ts";
import { keyThumbprint, withKey, withoutKey } from "../../partner/registry/changes.ts";
import { publicKeysOf } from "../../partner/registry/key-text.ts";
import type { PublicKey } from "../../publication/jwk.ts";
import type { Run } from "../run.ts";
import { say, sayJson } from "../say.ts";
import type { CliWorld } from "../world.ts";
import { change, type Opened, openRegistry, partnerOf, textOf, withTerminal } from "./change.ts";

export function rotateKeyCommand(partner: Command, run: Run): void {
  partner
    .command("rotate-key")
    .description("Add a partner's new public key beside the old ones, or take an old one out.")
    .argument("<partner>", "id of the partner")
    .option("--key <file|line>", "the new public key: a file, or the line that the partner was shown")
    .option("--only", "let no other key stay")
    .option("--remove <thumbprint>", "take this key out")
    .option("--yes", "don't ask")
    .action(run(rotateKey));
}

interface KeyFlags {
  readonly key?: string;
  readonly only?: boolean;
  readonly remove?: string;
  readonly yes?: boolean;
}

async function rotateKey(world: CliWorld, id: string, flags: KeyFlags): Promise<void> {
  if ((flags.key === undefined) === (flags.remove === undefined) || (flags.only === true && flags.key === undefined)) {
    throw new SpampotsError("bad-argument", "A key is added, or one is taken out.", {
      hint: "Give --key with the new public key (and --only, so that no other stays), or --remove with a thumbprint.",
    });
  }
  const opened = await openRegistry(world);
  const fresh = flags.key === undefined ? [] : await readKeys(flags.key);
  const after = rotated(textOf(opened), id, { fresh, ...flags }, opened);
  const changed = await withTerminal(world, flags, (asked) => change(world, opened, after, asked));
  const keys = partnerOf(after, id, opened).keys.map(keyThumbprint);
  if (world.json) return sayJson({ partner: id, keys, added: fresh.map(({ kid }) => kid), changed });
  if (changed.length === 0) return say(`${id} has this key already; nothing was changed.`);
  if (fresh.length > 0) say(`Compare by telephone with the partner: ${fresh.map(({ kid }) => kid).join(", ")}`);
  if (keys.length === 0) say(`${id} has no key now: its machines can't come in, but with a token or by the bucket.`);
  else if (fresh.length > 0 && keys.length > fresh.length)
    say(`The old key holds until it is taken out: spampots partner rotate-key ${id} --remove <thumbprint>`);
}

function rotated(
  text: string,
  id: string,
  { fresh, only, remove }: KeyFlags & { readonly fresh: readonly PublicKey[] },
  opened: Opened,
): string {
  let after = text;
  for (const key of fresh) after = withKey(after, id, key, opened.feeds);
  const others = partnerOf(after, id, opened)
    .keys.map(keyThumbprint)
    .filter((kid) => !fresh.some((key) => key.kid === kid));
  for (const kid of only === true ? others : []) after = withoutKey(after, id, kid, opened.feeds);
  return remove === undefined ? after : withoutKey(after, id, remove, opened.feeds);
}

/** Public keys of a file or a line. @throws SpampotsError `bad-key`, `disk-failed` */
export async function readKeys(given: string): Promise<readonly PublicKey[]> {
  // A line of a key has what no name of a file has.
  if (/[{}]/.test(given)) return publicKeysOf(given);
  if (!existsSync(given)) {
    throw new SpampotsError("bad-argument", "There is no such file of a public key.", {
      path: given,
      hint: "Give the file's name, or the line itself in quotes.",
    });
  }
  try {
    return publicKeysOf(await readFile(given, "utf8"));
  } catch (error) {
    if (!isError(error)) throw error;
    throw new SpampotsError(error.code, error.message, {
      path: given,
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

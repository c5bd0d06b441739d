/** `spampots partner suspend|resume|remove|rotate-key|renew`: edits of one entry, and what else is to be done. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { isError, SpampotsError } from "../../errors.ts";
import { type Partner, parsePartners } from "../../feed/partners.ts";
import { dayId } from "../../feed/period.ts";
import {
  keyThumbprint,
  type Renewal,
  withKey,
  withoutKey,
  withoutPartner,
  withRenewal,
  withSuspended,
} from "../../partner/registry/changes.ts";
import { closingPolicy } from "../../partner/registry/closing-policy.ts";
import { publicKeysOf } from "../../partner/registry/key-text.ts";
import type { PublicKey } from "../../publication/jwk.ts";
import type { Run } from "../run.ts";
import { say, sayJson } from "../say.ts";
import { openTerminal } from "../terminal.ts";
import type { CliWorld } from "../world.ts";
import { change, noSuchPartner, type Opened, openRegistry, textOf } from "./change.ts";

const yes = ["--yes", "don't ask"] as const;
const idArgument = ["<partner>", "id of the partner"] as const;

export function editCommands(partner: Command, run: Run): void {
  partner
    .command("suspend")
    .description("Let a partner receive nothing for now; a running `serve` knows within seconds.")
    .argument(...idArgument)
    .action(run((world: CliWorld, id: string) => suspend(world, id, true)));
  partner
    .command("resume")
    .description("Let a suspended partner receive again.")
    .argument(...idArgument)
    .action(run((world: CliWorld, id: string) => suspend(world, id, false)));
  partner
    .command("renew")
    .description("Set a later end of a partner's MoU, and its new reference if it has one.")
    .argument(...idArgument)
    .option("--expires <YYYY-MM-DD>", "last day of the MoU")
    .option("--signed <YYYY-MM-DD>", "first day of the MoU, where it had ended: what was captured before never leaves")
    .option("--reference <text>", "reference of the MoU from now on; as before by default")
    .option(...yes)
    .action(run(renew));
  partner
    .command("rotate-key")
    .description("Add a partner's new public key beside the old ones, or take an old one out.")
    .argument(...idArgument)
    .option("--key <file|line>", "the new public key: a file, or the line that the partner was shown")
    .option("--only", "let no other key stay")
    .option("--remove <thumbprint>", "take this key out")
    .option(...yes)
    .action(run(rotateKey));
  partner
    .command("remove")
    .description("Take a partner's entry out; what was published to it stays, and so does its id.")
    .argument(...idArgument)
    .option(...yes)
    .action(run(remove));
}

/** What asking needs, opened and closed around some work. */
async function withTerminal<T>(
  world: CliWorld,
  flags: { yes?: boolean },
  work: (asked: Parameters<typeof change>[3]) => Promise<T>,
): Promise<T> {
  const terminal = flags.yes === true ? undefined : openTerminal(world.json);
  try {
    return await work({ terminal });
  } finally {
    terminal?.close();
  }
}

/** A partner of a text that was checked. @throws SpampotsError `bad-argument` */
function partnerOf(text: string, id: string, { feeds }: Opened): Partner {
  const partner = parsePartners("partners.yaml", text, feeds).value?.find((entry) => entry.id === id);
  if (partner === undefined) throw noSuchPartner(id);
  return partner;
}

/** The policy that closes the partner's prefix of the bucket; `undefined` where the store is a folder. */
function policyOf(store: string, id: string): Readonly<Record<string, unknown>> | undefined {
  const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(store) ?? [];
  return bucket === undefined ? undefined : closingPolicy(bucket, prefix, id);
}

async function suspend(world: CliWorld, id: string, suspended: boolean): Promise<void> {
  const opened = await openRegistry(world);
  // Not asked: it is urgent, and taken back as fast.
  const changed = await change(world, opened, withSuspended(textOf(opened), id, suspended, opened.feeds));
  const policy = suspended ? policyOf(world.settings.store, id) : undefined;
  if (world.json) return sayJson({ partner: id, suspended, changed, ...(policy === undefined ? {} : { policy }) });
  if (changed.length === 0)
    return say(`${id} ${suspended ? "is suspended already" : "isn't suspended"}; nothing was changed.`);
  if (policy !== undefined) {
    say(`If ${id} reads the bucket itself, add this to the bucket's policy, and take it out when it is resumed:`);
    say(JSON.stringify(policy, undefined, 2));
  }
}

async function renew(
  world: CliWorld,
  id: string,
  flags: { expires?: string; signed?: string; reference?: string; yes?: boolean },
): Promise<void> {
  const opened = await openRegistry(world);
  const text = textOf(opened);
  const after = withRenewal(text, id, renewalOf(partnerBefore(text, id, opened), flags, world.clock()), opened.feeds);
  const changed = await withTerminal(world, flags, (asked) => change(world, opened, after, asked));
  const { mou } = partnerOf(after, id, opened);
  const expires = dayId(mou.to - 1);
  if (world.json) return sayJson({ partner: id, expires, reference: mou.reference, changed });
  if (changed.length === 0) return say(`The MoU of ${id} says so already; nothing was changed.`);
  if (mou.suspended) say(`${id} is suspended: it receives again after \`spampots partner resume ${id}\`.`);
}

/** As {@link partnerOf}, of a text that may have problems: those are told by the edit. */
function partnerBefore(text: string, id: string, opened: Opened): Partner | undefined {
  return parsePartners("partners.yaml", text, opened.feeds).value === undefined
    ? undefined
    : partnerOf(text, id, opened);
}

/** @throws SpampotsError `bad-argument` where no later end is given, or it isn't said whether a gap counts. */
function renewalOf(
  partner: Partner | undefined,
  { expires, signed, reference }: { expires?: string; signed?: string; reference?: string },
  now: number,
): Renewal {
  const until = partner === undefined ? undefined : dayId(partner.mou.to - 1);
  if (expires === undefined) {
    throw new SpampotsError("bad-argument", "It must be said until when the MoU holds.", {
      hint: `Give --expires with its last day, as YYYY-MM-DD.${until === undefined ? "" : ` So far it is ${until}.`}`,
    });
  }
  const to = /^\d{4}-\d\d-\d\d$/.test(expires) ? Date.parse(expires) : Number.NaN;
  if (Number.isNaN(to) || dayId(to) < dayId(now)) {
    throw new SpampotsError("bad-argument", "A renewed MoU ends today or later.", {
      expires,
      hint: "Write its last day as YYYY-MM-DD. To end it before, `spampots partner suspend` or `partner remove`.",
    });
  }
  if (partner !== undefined && now >= partner.mou.to && signed === undefined) {
    const from = dayId(partner.mou.from);
    throw new SpampotsError("bad-argument", "The MoU had ended: it must be said whether the time since then counts.", {
      ended: until,
      hint: `Give --signed with the first day of the new one, or --signed ${from} where all since then is covered.`,
    });
  }
  return { expires, ...(signed === undefined ? {} : { signed }), ...(reference === undefined ? {} : { reference }) };
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

async function remove(world: CliWorld, id: string, flags: { yes?: boolean }): Promise<void> {
  const opened = await openRegistry(world);
  const text = textOf(opened);
  const after = withoutPartner(text, id, opened.feeds);
  const partner = partnerOf(text, id, opened);
  const changed = await withTerminal(world, flags, (asked) => change(world, opened, after, asked));
  const policy = policyOf(world.settings.store, id);
  const pushed = partner.subscriptions.flatMap(({ destinations }) => destinations);
  if (world.json) return sayJson({ partner: id, removed: true, changed, ...(policy === undefined ? {} : { policy }) });
  say(`\nWhat stays: partners/${id}/ and its receipts in the store. \`spampots receipts ${id}\` and \`spampots verify\` still
work. As long as a log of it exists no other partner can have this id.
What ended: publications, pushes, and every key and token at \`serve\`, within seconds.
What is to be done:
- comments above its entry, if there were any, are still in the file;${
    pushed.length === 0 ? "" : "\n- secrets of its destinations in the runner's environment can go;"
  }
- what ${id} has already it may keep for ${partner.mou.retentionDays} days by its MoU;
- ${
    policy === undefined
      ? "if it reads the store's folder itself, take its permission."
      : "if it reads the bucket itself, take its statements out of the bucket's policy, or close its prefix by these:"
  }`);
  if (policy !== undefined) say(JSON.stringify(policy, undefined, 2));
}

/** `spampots partner add`: a new entry of partners.yaml, from flags or from questions. */
import type { Command } from "commander";
import { SpampotsError } from "../../errors.ts";
import type { PartnerEntry } from "../../feed/partners.ts";
import { emptyRegistry, entriesOf, keyThumbprint, withPartner } from "../../partner/registry/changes.ts";
import type { Run } from "../run.ts";
import { say, sayJson } from "../say.ts";
import { openTerminal, type Terminal } from "../terminal.ts";
import type { CliWorld } from "../world.ts";
import type { Draft } from "./answers.ts";
import { change, openRegistry } from "./change.ts";
import { interview } from "./interview.ts";
import { questions } from "./questions.ts";

type Flags = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;

export function addCommand(partner: Command, run: Run): void {
  const command = partner
    .command("add")
    .description("Add a partner to partners.yaml: from flags, and at a terminal by asking for what they don't say.");
  for (const { option, means, several } of questions) {
    if (several) command.option(option, means, (value: string, before: string[] = []) => [...before, value]);
    else command.option(option, means);
  }
  command
    .option("--invite", "without a key: the partner makes it when it is invited")
    .option("--yes", "don't ask before the file is written")
    .action(run(add));
}

async function add(world: CliWorld, flags: Flags): Promise<void> {
  if (flags.invite === true && flags.key !== undefined) {
    throw new SpampotsError("bad-argument", "A key is given, or the partner is invited to make one.", {
      hint: "Leave --key or --invite out.",
    });
  }
  const terminal = openTerminal(world.json);
  try {
    await addFrom(world, flags, terminal);
  } finally {
    terminal?.close();
  }
}

/** What {@link add} does where it is known whom to ask. */
async function addFrom(world: CliWorld, flags: Flags, terminal: Terminal | undefined): Promise<void> {
  const opened = await openRegistry(world);
  const text = opened.file.text ?? emptyRegistry;
  const asked = {
    others: entriesOf(text, opened.feeds),
    feeds: opened.feeds,
    now: world.clock(),
    isUsed: (id: string) => isUsed(world, id),
  };
  const entry = entryOf(await interview(givenBy(flags), asked, terminal));
  const after = withPartner(text, entry, opened.feeds);
  const changed = await change(world, opened, after, { terminal, yes: flags.yes === true });
  const keys = (entry.keys ?? []).map(keyThumbprint);
  if (world.json) return sayJson({ partner: entry.id, keys, changed });
  for (const kid of keys) say(`Compare by telephone with the partner: ${kid}`);
  say(`Next: \`spampots check\`, and \`spampots partner preview ${entry.id}\` shows what it would get.`);
  if (keys.length === 0) say(`Then \`spampots partner invite ${entry.id}\`, so that it makes its key.`);
}

/** Answers by flag. */
function givenBy(flags: Flags): Record<string, readonly string[]> {
  const given = Object.entries(flags).flatMap(([flag, value]): [string, readonly string[]][] => {
    if (typeof value === "string") return [[flag, [value]]];
    return Array.isArray(value) ? [[flag, value.map(String)]] : [];
  });
  return { ...Object.fromEntries(given), ...(flags.invite === true ? { key: ["invite"] } : {}) };
}

/** A store that isn't there yet holds nothing; one that doesn't answer stops the command. */
async function isUsed(world: CliWorld, id: string): Promise<boolean> {
  for await (const _ of (await world.store()).list(`partners/${id}/`)) return true;
  return false;
}

/** The entry in the order in which people write it. */
function entryOf(draft: Draft): PartnerEntry {
  const { id, name, economies, mou, tlp_ceiling, contacts, keys = [], subscriptions = [], masks = [] } = draft;
  const { reference, signed, expires, purposes, onward, retention_days } = mou ?? {};
  const entry = {
    id,
    name,
    economies,
    mou: { reference, signed, expires, purposes, onward, retention_days },
    tlp_ceiling,
    contacts,
    ...(keys.length === 0 ? {} : { keys }),
    ...(masks.length === 0 ? {} : { masks }),
    subscriptions,
  };
  return entry as PartnerEntry; // every question was answered; the schema has the last word
}

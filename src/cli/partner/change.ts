/** How every command that changes partners.yaml does it: read, edit, show, ask, replace. */
import { SpampotsError } from "../../errors.ts";
import { loadFeeds } from "../../feed/configuration.ts";
import type { Feed } from "../../feed/feeds.ts";
import { namedPartner } from "../../feed/named-partner.ts";
import { type Partner, parsePartners } from "../../feed/partners.ts";
import { changedLines, difference, differenceText } from "../../partner/registry/difference.ts";
import { type RegistryFile, readRegistryFile, replaceRegistryFile } from "../../partner/registry/file.ts";
import { say } from "../say.ts";
import { openTerminal, type Terminal } from "../terminal.ts";
import type { CliWorld } from "../world.ts";

/** The registry as it was read, with the feeds that it is checked against. */
export interface Opened {
  readonly file: RegistryFile;
  readonly feeds: ReadonlyMap<string, Feed>;
}

/** Reads partners.yaml and the feeds. @throws SpampotsError `bad-configuration` */
export async function openRegistry(world: CliWorld): Promise<Opened> {
  const feeds = await loadFeeds(world.settings.config);
  return { file: await readRegistryFile(world.settings.config), feeds };
}

/** The text of a registry that must be there. @throws SpampotsError `bad-configuration` */
export function textOf({ file }: Opened): string {
  if (file.text !== undefined) return file.text;
  throw new SpampotsError("bad-configuration", "There is no partners.yaml, or nothing in it.", {
    path: file.path,
    hint: "`spampots partner add` begins one.",
  });
}

/**
 * Shows what would change, asks where there is someone to be asked, and replaces the file. Gives the changed lines; none
 * where the texts are the same, or the answer was no.
 */
export async function change(
  world: CliWorld,
  { file }: Opened,
  after: string,
  asked: { readonly terminal?: Terminal | undefined; readonly yes?: boolean } = {},
): Promise<readonly string[]> {
  const before = file.text ?? "";
  if (before === after) return [];
  if (!world.json) say(`${file.path}:\n${differenceText(difference(before, after))}`);
  if (asked.terminal !== undefined && asked.yes !== true && !(await asked.terminal.confirm("Write this?"))) {
    throw new SpampotsError("interrupted", "Nothing was written.");
  }
  await replaceRegistryFile(file, after);
  if (!world.json) say("Commit it: the file's history is the audit trail.");
  return changedLines(before, after);
}

/** What asking needs, opened and closed around some work. */
export async function withTerminal<T>(
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
export function partnerOf(text: string, id: string, { feeds }: Opened): Partner {
  return namedPartner(parsePartners("partners.yaml", text, feeds).value ?? [], id);
}

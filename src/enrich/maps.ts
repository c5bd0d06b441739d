/**
 * The three maps that an operator can edit, in `feeds/maps/`: recipient domains whose ccTLD does not tell
 * (`domains.yaml`), hosts that are never an indicator (`benign-hosts.yaml`), ccTLDs that are used generically
 * (`generic-cctlds.yaml`). Read when a process starts; plain Maps and Sets, so that worker threads get a clone.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Checked, checkDocument, documentText, refusal } from "../document.ts";
import type { Problem } from "../errors.ts";
import type { Economy } from "../model.ts";
import { economyOfTld, isEconomy } from "./economies.ts";
import { hostName, registrableDomain } from "./names.ts";

/** The maps as checked. `digest` (hex SHA-256) is over their meaning: comments, order and layout don't count. */
export interface Maps {
  /** Economy by registrable recipient domain (A-labels, lower case). */
  readonly domains: ReadonlyMap<string, Economy>;
  /** Host names that, with all names below them, are never an indicator. */
  readonly benignHosts: ReadonlySet<string>;
  /** ccTLDs (A-labels, lower case) that tell nothing of an economy. */
  readonly genericCctlds: ReadonlySet<string>;
  readonly digest: string;
}

const economy = z
  .string("Write two capital letters, such as TW.")
  .refine(isEconomy, "Write an ISO 3166-1 alpha-2 code in capital letters, such as TW.");
const host = z
  .string("Write a host name.")
  .refine(
    (text) => hostName(text) === text && registrableDomain(text) !== undefined,
    "Write a host name in lower case, without scheme, path and final dot.",
  );
const cctld = z
  .string("Write a ccTLD.")
  .refine((text) => economyOfTld(text) !== undefined, "Write a ccTLD in lower case without a dot, such as io.");

// A file of comments alone is null in YAML: it says nothing, which is allowed.
const domainsSchema = z.record(z.string(), economy).nullable();
const benignSchema = z.array(host).nullable();
const genericSchema = z.array(cctld).nullable();

/**
 * Reads the three files of `folder`.
 *
 * @throws SpampotsError `bad-configuration` with the problems of all three, each with file, line and path.
 */
export async function loadMaps(folder: string): Promise<Maps> {
  const [domains, benign, generic] = await Promise.all([
    read(folder, "domains.yaml", domainsSchema),
    read(folder, "benign-hosts.yaml", benignSchema),
    read(folder, "generic-cctlds.yaml", genericSchema),
  ]);
  const problems = [domains, benign, generic].flatMap((file) => file.problems);
  problems.push(...domainProblems(domains), ...repeats(benign), ...repeats(generic));
  if (problems.length > 0) throw refusal(problems);
  return mapsOf(domains.value ?? {}, benign.value ?? [], generic.value ?? []);
}

/** Maps from checked contents: their digest is over the sorted entries. */
export function mapsOf(
  domains: Readonly<Record<string, Economy>>,
  benignHosts: readonly string[],
  genericCctlds: readonly string[],
): Maps {
  const byName = ([a]: readonly [string, string], [b]: readonly [string, string]) => (a < b ? -1 : 1);
  const meaning = {
    domains: Object.entries(domains).toSorted(byName),
    benign_hosts: benignHosts.toSorted(),
    generic_cctlds: genericCctlds.toSorted(),
  };
  return {
    domains: new Map(meaning.domains),
    benignHosts: new Set(benignHosts),
    genericCctlds: new Set(genericCctlds),
    digest: createHash("sha256").update(JSON.stringify(meaning)).digest("hex"),
  };
}

/** True where `name` (a URL's host, lower case) is listed as benign, or is below a listed name. Addresses never are. */
export function isBenignHost(name: string, maps: Maps): boolean {
  for (let from = 0; ; ) {
    if (maps.benignHosts.has(name.slice(from))) return true;
    const dot = name.indexOf(".", from);
    if (dot < 0) return false;
    from = dot + 1;
  }
}

async function read<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<Checked<T>> {
  const file = join(folder, name);
  const bytes = await readFile(file).catch(() => undefined);
  const message = "The file can't be read; create it with read permission, `...` alone if there is nothing to say.";
  const text = bytes === undefined ? { problem: { file, path: "", message } } : documentText(file, bytes);
  if ("text" in text) return checkDocument(file, text.text, schema);
  return { problems: [text.problem], at: (_, said) => ({ file, path: "", message: said }) };
}

function domainProblems(file: Checked<Record<string, Economy> | null>): Problem[] {
  return Object.keys(file.value ?? {})
    .filter((name) => hostName(name) !== name || registrableDomain(name) !== name)
    .map((name) => file.at([name], "Write the registrable domain in lower case, such as hinet.net for ms1.hinet.net."));
}

function repeats(file: Checked<string[] | null>): Problem[] {
  const list = file.value ?? [];
  return list.flatMap((name, index) =>
    list.indexOf(name) < index ? [file.at([index], "It stands here twice; remove one.")] : [],
  );
}

/**
 * The configuration: `partners.yaml`, `feeds/*.yaml` and `feeds/maps/` read from their folder and checked together, all
 * problems of all files at once. The only file of this folder that reads the disk.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { documentText, refusal } from "../document.ts";
import { loadMaps, type Maps } from "../enrich/maps.ts";
import { isError, type Problem } from "../errors.ts";
import { type Feed, parseFeed } from "./feeds.ts";
import { type Partner, parsePartners } from "./partners.ts";

export interface Configuration {
  readonly feeds: ReadonlyMap<string, Feed>;
  readonly partners: readonly Partner[];
  readonly maps: Maps;
}

/**
 * Reads and checks everything below `folder`.
 *
 * @throws SpampotsError `bad-configuration` with every problem, each with file, line and path.
 */
export async function loadConfiguration(folder: string): Promise<Configuration> {
  const problems: Problem[] = [];
  const feeds = await readFeeds(folder, problems);
  const maps = await readMaps(join(folder, "feeds", "maps"), problems);
  const text = await readText(join(folder, "partners.yaml"), "partners.yaml", problems);
  const partners = text === undefined ? undefined : parsePartners("partners.yaml", text, feeds);
  problems.push(...(partners?.problems ?? []));
  if (problems.length > 0 || maps === undefined || partners?.value === undefined) throw refusal(problems);
  return { feeds, partners: partners.value, maps };
}

/** The feeds alone, where there may be no partners yet. @throws SpampotsError `bad-configuration` as {@link loadConfiguration} */
export async function loadFeeds(folder: string): Promise<ReadonlyMap<string, Feed>> {
  const problems: Problem[] = [];
  const feeds = await readFeeds(folder, problems);
  if (problems.length > 0) throw refusal(problems);
  return feeds;
}

/**
 * Hex SHA-256 over the names and contents of every file that {@link loadConfiguration} reads: another digest, another
 * configuration. A file that can't be read counts as a change, too.
 */
export async function configurationDigest(folder: string): Promise<string> {
  const names = await readdir(join(folder, "feeds"), { recursive: true }).catch(() => []);
  const hash = createHash("sha256");
  for (const name of ["partners.yaml", ...names.sort().map((name) => join("feeds", name))]) {
    const content = await readFile(join(folder, name)).catch((error: NodeJS.ErrnoException) => error.code ?? "unread");
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

async function readFeeds(folder: string, problems: Problem[]): Promise<Map<string, Feed>> {
  const feeds = new Map<string, Feed>();
  const names = await readdir(join(folder, "feeds")).catch(() => []);
  const files = names.filter((name) => name.endsWith(".yaml")).sort();
  if (files.length === 0)
    problems.push({ file: "feeds/", path: "", message: "There are no feeds here; put one YAML file per feed." });
  for (const name of files) {
    const file = `feeds/${name}`;
    const text = await readText(join(folder, file), file, problems);
    if (text === undefined) continue;
    const feed = parseFeed(name.slice(0, -".yaml".length), file, text);
    problems.push(...feed.problems);
    if (feed.value) feeds.set(feed.value.id, feed.value);
  }
  return feeds;
}

async function readMaps(folder: string, problems: Problem[]): Promise<Maps | undefined> {
  try {
    return await loadMaps(folder);
  } catch (error) {
    if (!isError(error, "bad-configuration")) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

async function readText(path: string, file: string, problems: Problem[]): Promise<string | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  const read =
    bytes === undefined
      ? { problem: { file, path: "", message: "This file is missing or unreadable." } }
      : documentText(file, bytes);
  if ("text" in read) return read.text;
  problems.push(read.problem);
  return undefined;
}

/** What the cases of `test/golden` come to: their steps are carried out on a site, and its output compared. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { loadConfiguration } from "../src/feed/configuration.ts";
import type { Manifest } from "../src/publication/manifest.ts";
import { documentationTables, openSite, openWorkshop, type Read, type Site, type Workshop } from "./pipeline.ts";
import type { Ending } from "./temporary-folder.ts";

/** The folder of the cases. */
export const golden = join(import.meta.dirname, "golden");

/** One step of a case: one of its members is there. */
interface Step {
  readonly ingest?: readonly string[];
  readonly publish?: { readonly now: string; readonly partner?: string };
  readonly exclude?: { readonly batch_of: string; readonly reason: string; readonly now: string };
}

/** Bytes by path. */
export type Files = ReadonlyMap<string, Uint8Array>;

const jsonFile = (value: unknown) => Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);

/** Carries out the steps of a case on a site that `open` opens, and gives its output. */
export async function outputOf(
  t: Ending,
  input: string,
  open: (t: Ending, workshop: Workshop) => Promise<Site> = openSite,
): Promise<Files> {
  const { partners, maps } = await loadConfiguration(input);
  const sensors = await readFile(join(input, "sensors.yaml"), "utf8");
  const workshop = await openWorkshop(t, { maps, sensors, tables: documentationTables });
  const site = await open(t, workshop);
  // The file is this suite's own; its shape is checked by what the test does with it.
  const steps = parse(await readFile(join(input, "steps.yaml"), "utf8")) as readonly Step[];
  const said: unknown[] = [];
  const batches = new Map<string, string>();
  let now = 0;
  for (const { ingest = [], publish, exclude } of steps) {
    for (const name of ingest) {
      const { path: _, batch, ...rest } = await site.ingest(name, await readFile(join(input, name)));
      batches.set(name, batch);
      said.push({ ingested: name, batch, ...rest });
    }
    if (exclude !== undefined) {
      await site.exclude(batches.get(exclude.batch_of) ?? assert.fail(), exclude.reason, Date.parse(exclude.now));
    }
    if (publish === undefined) continue;
    now = Math.max(now, Date.parse(publish.now));
    const selected = publish.partner === undefined ? {} : { partner: publish.partner };
    const { published } = await site.publish(partners, Date.parse(publish.now), selected);
    said.push({
      published: published.map(({ partner, manifest }) => `${partner}/${manifest.feed} ${manifest.sequence}`),
    });
  }
  const report = await site.verify(now);
  assert.deepEqual(
    report.feeds.flatMap((feed) => feed.problems.filter(({ code }) => code !== "silent")),
    [],
  );
  return new Map([
    ["steps.json", jsonFile(said)],
    ...(await quarantined(site.settings.quarantine)),
    ...(await site.publications()).flatMap(filesOf),
  ]);
}

async function quarantined(folder: string): Promise<[string, Uint8Array][]> {
  const names = await readdir(folder).catch(() => []);
  return Promise.all(
    names.map(
      async (name): Promise<[string, Uint8Array]> => [join("quarantine", name), await readFile(join(folder, name))],
    ),
  );
}

function filesOf({ partner, feed, manifest, jws, files }: Read): [string, Uint8Array][] {
  const place = join(partner, feed, String(manifest.sequence));
  const artifacts = [...files].map(([name, content]): [string, Uint8Array] => [
    join(place, name.replace(/\.gz$/, "")),
    content,
  ]);
  return [[`${place}.json`, jsonFile(manifest)], [`${place}.jws`, jws], ...artifacts];
}

/** What a folder of output holds. */
export async function readOutput(folder: string): Promise<Files> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(paths.map(async (path) => [path.slice(folder.length + 1), await readFile(path)] as const)),
  );
}

/** What compressed bytes depend on beside their content. */
export const madeWith = jsonFile({ zlib: process.versions.zlib, arch: process.arch });

/** A manifest without what depends on compressed bytes. */
function contentOf(bytes: Uint8Array): unknown {
  // Written by this very test from a manifest.
  const manifest = JSON.parse(Buffer.from(bytes).toString()) as Manifest;
  const artifacts = manifest.artifacts.map(({ bytes: _, sha256: __, ...rest }) => rest);
  return { ...manifest, previous_sha256: manifest.previous_sha256 === null ? null : "…", artifacts };
}

/** Fails where an output isn't what a golden folder holds. */
export async function compareOutput(found: Files, folder: string): Promise<void> {
  const expected = await readOutput(folder);
  const sameZlib = madeWith.equals(expected.get("made-with.json") ?? Buffer.of());
  const names = [...expected.keys()].filter((file) => file !== "made-with.json");
  assert.deepEqual([...found.keys()].sort(), names.sort());
  for (const [file, bytes] of found) {
    const wanted = expected.get(file) ?? Buffer.of();
    if (sameZlib) assert.equal(Buffer.from(bytes).toString(), Buffer.from(wanted).toString(), file);
    else if (/\/\d+\.json$/.test(file)) assert.deepEqual(contentOf(bytes), contentOf(wanted), file);
    else if (!file.endsWith(".jws")) assert.equal(Buffer.from(bytes).toString(), Buffer.from(wanted).toString(), file);
  }
}

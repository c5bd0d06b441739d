/**
 * Golden folders: captures in, every byte of every publication out. `test/golden/<case>/input` holds spool files, the
 * sensors, partners, feeds and the steps; `output` holds one folder for each publication:
 *
 *     <partner>/<feed>/<sequence>.json    the manifest's payload, indented
 *     <partner>/<feed>/<sequence>.jws     the signed file as it is
 *     <partner>/<feed>/<sequence>/<name>  artifacts, uncompressed
 *     steps.json                          what each step said
 *
 * A missing or superfluous file fails. `UPDATE_GOLDEN=1` writes the output anew: read the difference before it's kept.
 *
 * What zlib makes differs between its versions and processors. Where it isn't the one that the output was made with
 * (`output/made-with.json`), sizes and digests of compressed files, and what follows from them, aren't compared.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { loadConfiguration } from "../src/feed/configuration.ts";
import type { Manifest } from "../src/publication/manifest.ts";
import { documentationTables, openSite, openWorkshop, type Read } from "./pipeline.ts";

const golden = join(import.meta.dirname, "golden");
const isUpdate = process.env.UPDATE_GOLDEN === "1";

/** One step of a case: one of its members is there. */
interface Step {
  readonly ingest?: readonly string[];
  readonly publish?: { readonly now: string; readonly partner?: string };
  readonly exclude?: { readonly batch_of: string; readonly reason: string; readonly now: string };
}

type Files = ReadonlyMap<string, Uint8Array>;

const jsonFile = (value: unknown) => Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);

/** Carries out the steps of a case and gives its output. */
async function outputOf(t: TestContext, input: string): Promise<Files> {
  const { partners, maps } = await loadConfiguration(input);
  const sensors = await readFile(join(input, "sensors.yaml"), "utf8");
  const workshop = await openWorkshop(t, { maps, sensors, tables: documentationTables });
  const site = await openSite(t, workshop);
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

async function readOutput(folder: string): Promise<Files> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(paths.map(async (path) => [path.slice(folder.length + 1), await readFile(path)] as const)),
  );
}

/** What compressed bytes depend on beside their content. */
const madeWith = jsonFile({ zlib: process.versions.zlib, arch: process.arch });

/** A manifest without what depends on compressed bytes. */
function contentOf(bytes: Uint8Array): unknown {
  // Written by this very test from a manifest.
  const manifest = JSON.parse(Buffer.from(bytes).toString()) as Manifest;
  const artifacts = manifest.artifacts.map(({ bytes: _, sha256: __, ...rest }) => rest);
  return { ...manifest, previous_sha256: manifest.previous_sha256 === null ? null : "…", artifacts };
}

async function rewrite(folder: string, files: Files): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const [name, bytes] of [...files, ["made-with.json", madeWith] as const]) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
}

for (const name of await readdir(golden)) {
  test(`golden: ${name}`, async (t) => {
    const found = await outputOf(t, join(golden, name, "input"));
    const folder = join(golden, name, "output");
    if (isUpdate) await rewrite(folder, found);
    const expected = await readOutput(folder);
    const sameZlib = madeWith.equals(expected.get("made-with.json") ?? Buffer.of());
    const names = [...expected.keys()].filter((file) => file !== "made-with.json");
    assert.deepEqual([...found.keys()].sort(), names.sort());
    for (const [file, bytes] of found) {
      const wanted = expected.get(file) ?? Buffer.of();
      if (sameZlib) assert.equal(Buffer.from(bytes).toString(), Buffer.from(wanted).toString(), file);
      else if (/\/\d+\.json$/.test(file)) assert.deepEqual(contentOf(bytes), contentOf(wanted), file);
      else if (!file.endsWith(".jws"))
        assert.equal(Buffer.from(bytes).toString(), Buffer.from(wanted).toString(), file);
    }
  });
}

/**
 * The arrow of imports, read from the sources: contracts ← stages ← world ← stories ← command. A file may take values
 * from its own layer and those before it, and types from anywhere, so that a stage can be handed a store without knowing one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readSources, type SourceFile, target } from "./source-files.ts";

/** The layers, lowest first. An entry is a file, or a folder ending in "/"; the longest entry that fits a file counts. */
const layers = [
  {
    name: "contracts",
    holds: ["errors.ts", "log.ts", "model.ts", "fields.ts", "document.ts", "workers.ts", "at-once.ts"],
  },
  {
    name: "stages",
    holds: ["capture/", "enrich/", "feed/", "publication/", "lake/records.ts", "lake/coverage.ts", "reference.ts"],
  },
  {
    name: "world",
    holds: ["settings.ts", "setting-rows.ts", "lake/", "store/", "publication/key-files.ts", "publication/keys.ts"],
  },
  {
    name: "stories",
    holds: [
      "ingest.ts",
      "ingest-archive.ts",
      "publication/preview.ts",
      "publication/publish.ts",
      "publication/sweep.ts",
      "publication/withdraw.ts",
      "delivery/",
      "partner/",
      "http/",
    ],
  },
  { name: "command", holds: ["cli.ts", "cli/"] },
] as const;

/** What only some files may import, or call: everything that reaches out of the program. Entries as in {@link layers}. */
const reserved = [
  { what: /^@duckdb\//, only: ["lake/duckdb"], why: "the engine is replaceable" },
  { what: /^(trino-client|axios)$/, only: ["lake/trino/"], why: "the engine is replaceable" },
  { what: /^@aws-sdk\//, only: ["store/s3"], why: "the kind of store is known to one file" },
  { what: /^(hono|@hono\/.*)$/, only: ["http/"], why: "only the doors speak HTTP" },
  { what: /^node:sqlite$/, only: ["delivery/collection/"], why: "what is derived is known to a few files" },
  { what: /^vega/, only: ["http/portal/charts/draw"], why: "charts are drawn in one place, and loaded only there" },
  { what: /^node-cron$/, only: ["delivery/"], why: "only the runner ticks" },
  { what: /^commander$/, only: ["cli"], why: "only the command reads arguments" },
  {
    what: /^node:(http|https|http2|tls|dns|dgram)(\/|$)/,
    only: ["http/", "delivery/", "partner/client/calls", "store/s3"],
    why: "nothing that a spammer wrote is ever resolved or fetched",
  },
  { what: /^node:child_process$/, only: ["cli"], why: "no stage starts a program" },
  {
    what: /^node:fs(\/|$)/,
    only: [
      "capture/",
      "enrich/",
      "feed/configuration.ts",
      "publication/",
      "settings.ts",
      "lake/",
      "store/",
      "ingest",
      "delivery/",
      "partner/",
      "cli",
    ],
    why: "what a feed says depends on what it is given alone",
  },
] as const;

/** Files that may read the clock or call out; everywhere else instants are arguments. */
const clockReaders = ["cli", "delivery/"];
const callers = ["delivery/", "http/"];

const sources = readSources();

function fits(path: string, entries: readonly string[]): boolean {
  return entries.some((entry) => path.startsWith(entry));
}

/** Rank of a file's layer, or undefined where the table has no place for it. */
function rank(path: string): number | undefined {
  const places = layers.flatMap(({ holds }, index) => holds.map((entry) => ({ entry, index })));
  const fitting = places.filter(({ entry }) => (entry.endsWith("/") ? path.startsWith(entry) : path === entry));
  return fitting.sort((a, b) => b.entry.length - a.entry.length)[0]?.index;
}

function layerName(path: string): string {
  return layers[rank(path) ?? -1]?.name ?? "no layer";
}

/** Imports of values from a later layer. */
function againstTheArrow(file: SourceFile): string[] {
  const own = rank(file.path);
  if (own === undefined) return [`src/${file.path} stands in no layer: list it in test/imports.test.ts`];
  return file.valueImports.flatMap((specifier) => {
    const imported = target(file.path, specifier);
    if (imported === undefined || (rank(imported) ?? Number.POSITIVE_INFINITY) <= own) return [];
    return [
      `src/${file.path} (${layerName(file.path)}) imports a value from src/${imported} (${layerName(imported)}): ` +
        "import the type and take the value as an argument, or move the code",
    ];
  });
}

/** Imports of what is reserved for others. */
function outOfPlace(file: SourceFile): string[] {
  return reserved.flatMap(({ what, only, why }) =>
    file.valueImports
      .filter((specifier) => what.test(specifier) && !fits(file.path, only))
      .map((specifier) => `src/${file.path} imports ${specifier}, which is for ${only.join(", ")}: ${why}`),
  );
}

/** Code lines (comments left out) of a file that match. */
function linesWith(file: SourceFile, pattern: RegExp): string[] {
  return file.stripped.split("\n").flatMap((line, index) => {
    const code = line.replace(/(^|\s)\/\/.*$/, "");
    return !/^\s*\/?\*/.test(line) && pattern.test(code) ? [`src/${file.path}:${index + 1}: ${line.trim()}`] : [];
  });
}

/** The first cycle of value imports that is found from `path`, as a list of files; `done` are known to be in none. */
function cycleFrom(path: string, graph: ReadonlyMap<string, string[]>, trail: string[], done: Set<string>): string[] {
  if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
  if (done.has(path)) return [];
  for (const next of graph.get(path) ?? []) {
    const cycle = cycleFrom(next, graph, [...trail, path], done);
    if (cycle.length > 0) return cycle;
  }
  done.add(path);
  return [];
}

test("values are imported along the arrow, never against it", () => {
  assert.ok(sources.length > 10, "the sources were not found");
  assert.deepEqual(sources.flatMap(againstTheArrow), []);
});

test("no cycle of imports", () => {
  const graph = new Map(
    sources.map((file) => [file.path, file.valueImports.flatMap((specifier) => target(file.path, specifier) ?? [])]),
  );
  const done = new Set<string>();
  for (const { path } of sources) assert.deepEqual(cycleFrom(path, graph, [], done).join(" -> "), "");
});

test("what reaches out of the program is imported only where it belongs", () => {
  assert.deepEqual(sources.flatMap(outOfPlace), []);
  const calls = sources
    .filter(({ path }) => !fits(path, callers))
    .flatMap((file) => linesWith(file, /(?<![.\w])fetch\(/));
  assert.deepEqual(calls, []);
});

test("what draws charts is loaded when the first one is drawn", () => {
  const atStart = sources
    .filter(({ stripped }) => /^import\b[^"']*\bfrom "vega/m.test(stripped))
    .map(({ path }) => path);
  assert.deepEqual(atStart, []);
});

test("the clock is an argument", () => {
  const readings = sources
    .filter(({ path }) => !fits(path, clockReaders))
    .flatMap((file) => linesWith(file, /\bDate\.now\b|\bnew Date\(\)/));
  assert.deepEqual(readings, []);
});

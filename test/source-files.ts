/**
 * The program's own sources as the tests on structure read them: text, text without types, and what each file imports.
 */
import { readdirSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join, posix } from "node:path";

export const projectRoot = join(import.meta.dirname, "..");

/** One file of `src`. */
export interface SourceFile {
  /** Below `src`, with `/`: `feed/period.ts`. */
  readonly path: string;
  readonly text: string;
  /** The same text with everything that exists only for types replaced by spaces: equal length, equal positions. */
  readonly stripped: string;
  /** What is there at run time: `import type` is left out. */
  readonly valueImports: readonly string[];
  /** Every import, `import type` too. */
  readonly imports: readonly string[];
}

/** Static and dynamic imports and re-exports; the sources are formatted, so that a statement begins its line. */
const importStatement = /^(?:import|export)\b[^"'`;=]*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"/gm;

/** Every TypeScript file of `src`, in order of path. */
export function readSources(): SourceFile[] {
  return filesBelow("src")
    .filter((path) => path.endsWith(".ts"))
    .map((path) => readSource(path.slice("src/".length)));
}

/** Paths of the files below a folder of the project, relative to the project, with `/`, in order; none where it is missing. */
export function filesBelow(folder: string): string[] {
  try {
    return readdirSync(join(projectRoot, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(projectRoot.length + 1))
      .sort();
  } catch {
    return [];
  }
}

/** Where a relative import of `path` leads, below `src`; undefined for a package or a built-in. */
export function target(path: string, specifier: string): string | undefined {
  return specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : undefined;
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(projectRoot, "src", path), "utf8");
  const stripped = stripTypeScriptTypes(text);
  return { path, text, stripped, valueImports: specifiers(stripped), imports: specifiers(text) };
}

function specifiers(text: string): string[] {
  return [...text.matchAll(importStatement)].flatMap(([, from, alone, called]) => from ?? alone ?? called ?? []);
}

/**
 * Conventions of the sources and texts that neither the compiler nor the linter checks.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { filesBelow, projectRoot, readSources, type SourceFile } from "./source-files.ts";

const sources = readSources();

/** Texts that people read or machines run, and that must hold on any machine. */
const texts = [
  ...["src", "docs", "feeds", "bin", "test", ".ci", ".github"].flatMap(filesBelow),
  ...["README.md", "CHANGELOG.md", "Dockerfile", "partners.yaml", "package.json", ".env.example"],
].filter(
  (path) =>
    /(\.(ts|js|py|md|ya?ml|json|txt|example)|\/[a-z]+|^Dockerfile)$/.test(path) && existsSync(join(projectRoot, path)),
);

/** Folders of one person's machine. Written so that this file doesn't match itself. */
const machinePath = /(?<![\w.~-])\/(?:work|root|home|Users)\/|\b[A-Z]:\\Users\\/;

/** Lines of a text that match, with their place. */
function linesOf(path: string, text: string, pattern: RegExp): string[] {
  return text
    .split("\n")
    .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []));
}

/** The text with its comments blanked; a `//` inside a string blanks the rest of that line as well, which hides little. */
function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\/|\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, " "));
}

/** Lines (1-based) where a word stands that is gone once the types are: no string and no comment. */
function typeWord(file: SourceFile, word: RegExp): number[] {
  const lines = [...withoutComments(file.text).matchAll(new RegExp(word, "g"))]
    .filter(({ index }) => file.text[index] !== file.stripped[index])
    .map(({ index }) => file.text.slice(0, index).split("\n").length);
  return [...new Set(lines)];
}

/** True where a comment stands on the line (1-based) or directly above it. */
function commented(file: SourceFile, line: number): boolean {
  const [above = "", own = ""] = file.text.split("\n").slice(Math.max(0, line - 2), line);
  return /\/\/|\/\*/.test(own) || /^\s*(\/\/|\*|\/\*)/.test(above);
}

test("no text names a folder of somebody's machine", () => {
  assert.deepEqual(
    texts.flatMap((path) => linesOf(path, readFileSync(join(projectRoot, path), "utf8"), machinePath)),
    [],
  );
});

test("every source begins with a comment that says what it is", () => {
  assert.deepEqual(
    sources.filter(({ text }) => !/^\/\*\*\n? \S|^\/\*\*\n \* \S/.test(text)).map(({ path }) => `src/${path}`),
    [],
  );
});

test("no any, and every assertion of a type has a comment that says why", () => {
  const wrong = sources.flatMap((file) => [
    ...typeWord(file, /\bany\b/).map((line) => `src/${file.path}:${line}: any`),
    ...typeWord(file, /\bas (?!const\b)(?=[\w{([])/)
      .filter((line) => !/^import\b|^export \{|^\s+(type )?\w+ as \w+,$/.test(file.text.split("\n")[line - 1] ?? ""))
      .filter((line) => !commented(file, line))
      .map((line) => `src/${file.path}:${line}: as, without a comment`),
  ]);
  assert.deepEqual(wrong, []);
});

test("a source is named with its extension only in imports, since the installed package holds .js", () => {
  const wrong = sources.flatMap((file) =>
    file.stripped
      .split("\n")
      .flatMap((line, index) =>
        /["'`][^"'`]*\.ts["'`]/.test(line) && !/^(import|export|\}) |\bimport\(|^\s*(\/\/|\*|\/\*)/.test(line)
          ? [`src/${file.path}:${index + 1}: ${line.trim()}`]
          : [],
      ),
  );
  assert.deepEqual(wrong, []);
});

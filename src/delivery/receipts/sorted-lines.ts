/**
 * Lines in order, in bounded memory: sorted piece by piece into files of a folder, then merged. Ties keep no order:
 * what compares equal is equal.
 */
import { createReadStream } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Characters that are sorted at once, in memory. */
const pieceChars = 8_000_000;

/**
 * The lines in ascending order of their UTF-16 code units. None holds a line break, those of Unicode neither. The
 * folder is made where more than a piece is needed, and removed when the iteration ends, however it does.
 */
export async function* sortedLines(
  lines: AsyncIterable<string>,
  folder: string,
  most = pieceChars,
): AsyncGenerator<string> {
  const paths: string[] = [];
  let piece: string[] = [];
  let chars = 0;
  try {
    for await (const line of lines) {
      piece.push(line);
      chars += line.length;
      if (chars < most) continue;
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const path = join(folder, String(paths.length));
      await writeFile(path, `${piece.sort().join("\n")}\n`, { mode: 0o600 });
      paths.push(path);
      piece = [];
      chars = 0;
    }
    yield* merged([...paths.map(linesOf), fromMemory(piece.sort())]);
  } finally {
    // What was sorted stands whether or not this succeeds.
    if (paths.length > 0) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  yield* createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
}

async function* fromMemory(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

/** Several sorted sequences as one. There are few of them: the least is looked for among all. */
async function* merged(sources: readonly AsyncGenerator<string>[]): AsyncGenerator<string> {
  const heads: { line: string; readonly rest: AsyncGenerator<string> }[] = [];
  for (const rest of sources) {
    const first = await rest.next();
    if (!first.done) heads.push({ line: first.value, rest });
  }
  while (heads.length > 0) {
    const least = heads.reduce((a, b) => (b.line < a.line ? b : a));
    yield least.line;
    const next = await least.rest.next();
    if (next.done) heads.splice(heads.indexOf(least), 1);
    else least.line = next.value;
  }
}

/** What commands say: sentences for people, one JSON object for machines, errors with the next step. */
import { errorTable, isError, type Problem, SpampotsError, sayError } from "../errors.ts";
import { plain, shownJson } from "../log.ts";
import { fileError } from "../store/disk-error.ts";

let isLost = false;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // Who reads may have read enough, as `head` does: the work goes on to its end, and nobody is told.
  if (error.code === "EPIPE" || isLost) return;
  isLost = true;
  const lost = new SpampotsError("disk-failed", "What was to be said can't be written.", {
    system: error.code,
    hint: "Free space where standard output goes to, then run the same command again: what is done is not done twice.",
  });
  process.stderr.write(`${errorText(lost)}\n`);
  process.exitCode = exitCodeOf(lost);
});

/** Writes lines to standard output. Names of files and sensors stand in them: nothing that a terminal obeys goes out. */
export function say(text: string): void {
  process.stdout.write(`${text.split("\n").map(plain).join("\n")}\n`);
}

/** Writes the result of a command for machines: one JSON object. */
export function sayJson(result: unknown): void {
  process.stdout.write(`${shownJson(JSON.stringify(result))}\n`);
}

/** Writes to standard output, and settles when that has taken it (or its reader is gone): for what may be long. */
export function flushed(text: string): Promise<void> {
  return new Promise((done) => {
    process.stdout.write(text, () => done());
  });
}

/** `1,234,567` */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** `1.2 MB`, units of 1,000. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** A table for a terminal: numbers to the right, two spaces between columns. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => (typeof cell === "number" ? count(cell) : plain(cell))));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  const right = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === "number"));
  return cells
    .map((row) =>
      row
        .map((cell, column) => (right[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A line on standard error that replaces itself; an empty text clears it. */
export function progressLine(shown: boolean): (text: string) => void {
  let last = 0;
  return (text) => {
    const now = performance.now();
    if (!shown || (text !== "" && now - last < 100)) return;
    last = now;
    process.stderr.write(`\r\u001b[K${text.slice(0, 110)}`);
  };
}

/** `file:line path: message` */
export function problemText({ file, line, path, message }: Problem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return `${plain(place)}${path === "" ? "" : ` ${plain(path)}`}: ${plain(message)}`;
}

/** An error for people: what, where, and the next step. */
export function errorText(thrown: unknown): string {
  const error = fileError(thrown);
  if (!isError(error)) return `spampots: ${plain(sayError(error))}`;
  const facts = Object.entries(error.facts)
    .filter(([, value]) => (typeof value === "string" && value !== "") || typeof value === "number")
    .map(([name, value]) => `  ${name}: ${plain(String(value))}`);
  const problems = error.problems.map((problem) => `  ${problemText(problem)}`);
  return [`spampots: ${error.message}`, ...facts, ...problems, ...(error.hint === undefined ? [] : [error.hint])].join(
    "\n",
  );
}

/** An error for machines. */
export function errorJson(error: unknown): Record<string, unknown> {
  return { error: errorMembers(error) };
}

/** An error's code, message, next step, problems and facts: which file it was, for one. */
export function errorMembers(thrown: unknown): Record<string, unknown> {
  const error = fileError(thrown);
  if (!isError(error)) return { code: "internal", message: sayError(error) };
  const { code, message, hint, problems, facts } = error;
  return {
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(problems.length > 0 ? { problems } : {}),
    ...facts,
  };
}

/** The exit code of an error. */
export function exitCodeOf(thrown: unknown): number {
  const error = fileError(thrown);
  return isError(error) ? errorTable[error.code].exit : 1;
}

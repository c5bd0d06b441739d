/**
 * Texts of `partners.yaml` and of settings inside the files of a kit: each is escaped for the syntax that it stands in,
 * and shows nothing that a terminal or a reader's eye obeys. JSON and YAML are written by their libraries. Pure.
 *
 * @see CommonMark 0.31 §2.4 (backslash escapes), §6.1 (code spans); POSIX.1-2024, Shell Command Language §2.2.2
 */
import { plain } from "../../log.ts";

/** A text in running Markdown or in a cell of a table: one line, no markup, no HTML. */
export function markdown(text: string): string {
  return plain(text.replace(/\s+/g, " ")).replace(/[\\`*_[\]<>|&~#]/g, "\\$&");
}

/** A text as code in Markdown, in a cell of a table too. */
export function code(text: string): string {
  const shown = plain(text).replaceAll("|", "\\|");
  const runs = shown.match(/`+/g) ?? [];
  const fence = "`".repeat(Math.max(0, ...runs.map((run) => run.length)) + 1);
  return runs.length > 0 ? `${fence} ${shown} ${fence}` : `${fence}${shown}${fence}`;
}

/** One word of a POSIX shell, whatever stands in it. */
export function shellWord(text: string): string {
  return `'${plain(text).replaceAll("'", `'\\''`)}'`;
}

/** A string of Python, which takes what JSON escapes. */
export function pythonString(text: string): string {
  return JSON.stringify(plain(text));
}

/** A table of Markdown; cells are escaped by the caller. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

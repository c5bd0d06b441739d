/**
 * Structured logs, one JSON object a line on standard error, by pino. Values written by spammers are passed as fields,
 * where {@link shownJson} escapes what a terminal would obey; {@link plain} makes such a value safe for a sentence or a
 * Markdown cell.
 */
import { type Logger, pino } from "pino";

export type Log = Logger;

// Where standard error can't be written, since its disk is full or its reader gone, nobody can be told: what was to be said
// there is lost, and the work goes on. Not by pino's own destination, which tries to write what is left until it can.
process.stderr.on("error", () => {});

/** A log at `level` (`silent` for none). `--now` is noted by the caller, so that a fixed clock shows in every log. */
export function openLog(level: string): Log {
  const write = (line: string) => void process.stderr.write(shownJson(line));
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write });
}

/** Control, format (bidirectional, zero-width) and line-breaking characters: what turns a terminal, a log line or a reader's eye. */
const unsafeCharacters = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** `text` with every control, bidirectional and invisible character replaced by U+FFFD, and lone surrogates too. */
export function plain(text: string): string {
  return text.toWellFormed().replace(unsafeCharacters, "\ufffd");
}

/**
 * JSON text, line ends apart, with the same characters as `\u` escapes: it means what it meant, and can be shown. JSON itself
 * escapes C0 alone, while terminals obey C1 (U+009B) and bidirectional characters too.
 */
export function shownJson(json: string): string {
  return json.replace(unsafeCharacters, (found) => (found === "\n" ? found : escapesOf(found)));
}

function escapesOf(text: string): string {
  return text.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

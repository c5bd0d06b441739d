/**
 * Structured logs, one JSON object a line on standard error, by pino. Values written by spammers are passed as fields,
 * where JSON escapes control characters; {@link plain} makes such a value safe for a terminal or a Markdown cell.
 */
import { type Logger, pino } from "pino";

export type Log = Logger;

/** A log at `level` (`silent` for none). `--now` is noted by the caller, so that a fixed clock shows in every log. */
export function openLog(level: string): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2));
}

/** Control, format (bidirectional, zero-width) and line-breaking characters: what turns a terminal, a log line or a reader's eye. */
const unsafeCharacters = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** `text` with every control, bidirectional and invisible character replaced by U+FFFD, and lone surrogates too. */
export function plain(text: string): string {
  return text.toWellFormed().replace(unsafeCharacters, "\ufffd");
}

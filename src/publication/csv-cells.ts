/**
 * Cells of a CSV line. `csv-stringify` decides on quotes and formulas; it is asked once for each distinct text that could
 * need either. Pure.
 *
 * @see RFC 4180 §2 (quotes); OWASP, CSV Injection.
 */
import { stringify } from "csv-stringify/sync";
import { plain } from "../log.ts";
import { rememberedTexts } from "./render.ts";

/** What a cell may begin with that no CSV reader or spreadsheet takes for more than text. */
export const plainBeginnings = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** What it may hold after that, but for a `-` behind a `;`. */
export const plainWords = `${plainBeginnings} .:/_|;-`;

/**
 * Without what turns a terminal or a reader's eye, and, beside what `escape_formulas` does, one more `'` in front of a
 * leading `'`, so that the escape can be undone.
 */
function cleaned(text: string): string {
  const safe = plain(text).replace(inside, ";'");
  return safe.startsWith("'") ? `'${safe}` : safe;
}

/** Where a spreadsheet that separates cells by `;` would see a formula, or our escape of one, begin. */
const inside = /;(?=['=+\-@＝＋－＠])/g;

/** The text as a finished cell: one record. {@link plain} leaves no line break. */
function quoted(text: string): string {
  return stringify([[cleaned(text)]], { record_delimiter: "\r\n", eof: false, escape_formulas: true });
}

/**
 * The text that a cell of a text column stood for, once a CSV reader has taken its quotes off: the `'` that
 * {@link FinishedTexts} put in front of a formula or of another `'` is removed. What {@link plain} replaced stays so.
 */
export function unescapeCell(cell: string): string {
  const whole = cell.startsWith("'") ? cell.slice(1) : cell;
  return whole.replace(/;'(?=['=+\-@＝＋－＠])/g, ";");
}

/** Names as a header line without its line break. */
export function headerLine(names: readonly string[]): string {
  return stringify([[...names]], { eof: false });
}

/** Finished cells of texts, kept for the next time. */
export class FinishedTexts {
  readonly #known = new Map<string, string>();

  /** The cell of a text that is known. */
  get(text: string): string | undefined {
    return this.#known.get(text);
  }

  /** The cell of a text that isn't known yet. */
  learn(text: string): string {
    if (this.#known.size >= rememberedTexts) this.#known.clear();
    const cell = quoted(text);
    this.#known.set(text, cell);
    return cell;
  }
}

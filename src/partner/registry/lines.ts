/**
 * A text by its lines, and splices of it: what edits of `partners.yaml` are made of, so that whatever isn't asked for stays
 * byte for byte. Pure.
 */

/** Replaces the characters [start, end) by a text. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly by: string;
}

/** The text with splices made, given in any order; they must not overlap. Of two at one place the first given comes first. */
export function spliced(text: string, splices: readonly Splice[]): string {
  let [made, at] = ["", 0];
  for (const { start, end, by } of splices.toSorted((a, b) => a.start - b.start)) {
    made += text.slice(at, start) + by;
    at = end;
  }
  return made + text.slice(at);
}

/** Where the line that holds `offset` begins. */
export const lineStart = (text: string, offset: number) => text.lastIndexOf("\n", offset - 1) + 1;

/** Where the line after the one that holds `offset` begins; the text's end for the last. */
export function nextLine(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end < 0 ? text.length : end + 1;
}

/** The line that begins at `start`, with its end. */
export const lineAt = (text: string, start: number) => text.slice(start, nextLine(text, start));

/** Where the line before the one that begins at `start` begins; `undefined` for the first. */
export const lineBefore = (text: string, start: number) => (start === 0 ? undefined : lineStart(text, start - 1));

/** How far a line is indented, in characters. */
export const indentOf = (line: string) => line.length - line.trimStart().length;

/** True for a line of white space alone. */
export const isBlank = (line: string) => line.trim() === "";
/** True for a line that is a comment alone. */
export const isComment = (line: string) => line.trimStart().startsWith("#");

/** The end of a text's lines: that of its first one. */
export const lineEnd = (text: string) => (/\r?\n/.exec(text)?.[0] === "\r\n" ? "\r\n" : "\n");

/**
 * Where what ends at `end` ends with its lines: the rest of its line, and the comments below that are indented by more than
 * `indent`, which belong to it.
 */
export function ownEnd(text: string, end: number, indent: number): number {
  let own = text[end - 1] === "\n" ? end : nextLine(text, end);
  // Empty lines below are nobody's; the parser counts some of them to what stands above.
  for (let before = lineBefore(text, own); before !== undefined && before > 0; before = lineBefore(text, own)) {
    if (!isBlank(lineAt(text, before))) break;
    own = before;
  }
  for (let at = own; at < text.length; at = nextLine(text, at)) {
    const line = lineAt(text, at);
    if (isBlank(line)) continue;
    if (!isComment(line) || indentOf(line) <= indent) break;
    own = nextLine(text, at);
  }
  return own;
}

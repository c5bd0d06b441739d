/**
 * Sensors in header sections. The copies of a campaign differ in a few lines of their headers: only lines that a clean
 * header of the same campaign lacks are searched. Used by `message.ts`.
 *
 * Lines can be searched by themselves, since no form of an address or name goes on over a line feed: it is no digit, no
 * joiner, no letter, no character of base64 and no part of a percent-encoding.
 */
import { decodeHeaderText } from "./subject.ts";

/** A header section that names no sensor. */
export interface CleanHeader {
  /** As latin1 text, line breaks and all. */
  readonly text: string;
  /** What of it was decoded and searched too; empty where it holds no encoded word. */
  readonly words: string;
}

/** Encoded words are looked for in so much of a header section. */
const maxDecoded = 65_536;

/**
 * Searches a header section.
 *
 * @param text latin1, line breaks and all
 * @param known another one that is clean
 * @returns this one, if it is clean as well
 */
export function searchHeader(
  text: string,
  known: CleanHeader | undefined,
  hits: (text: string) => boolean,
): CleanHeader | undefined {
  const lines = known === undefined ? text : changedLines(text, known.text);
  if (lines !== "" && hits(lines)) return undefined;
  const words = textWithWords(text.slice(0, maxDecoded));
  if (words !== "" && words !== known?.words && hits(decodeHeaderText(words))) return undefined;
  return { text, words };
}

const lineFeed = 10;

/** The lines of `text` between those that it begins and ends with as `known` does. */
function changedLines(text: string, known: string): string {
  const shorter = Math.min(text.length, known.length);
  let start = 0;
  for (let at = 0; at < shorter; at += 1) {
    const code = text.charCodeAt(at);
    if (code !== known.charCodeAt(at)) break;
    if (code === lineFeed) start = at + 1;
  }
  let end = text.length;
  const skip = known.length - text.length;
  // A line that ends as one of the other does needn't be that line: only what follows a line feed counts.
  for (let at = text.length - 1; at >= start && at + skip >= 0; at -= 1) {
    const code = text.charCodeAt(at);
    if (code !== known.charCodeAt(at + skip)) break;
    if (code === lineFeed) end = at + 1;
  }
  return text.slice(start, end);
}

/** From the first line with an encoded word on, or all; nothing where there is no encoded word. */
function textWithWords(text: string): string {
  const first = text.indexOf("=?");
  if (first < 0) return "";
  const before = text.slice(0, first);
  // Decoding leaves ASCII without control characters as it is: that was searched.
  return /[^\t\r\n -~]/.test(before) ? text : text.slice(before.lastIndexOf("\n") + 1);
}

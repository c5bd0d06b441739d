/**
 * A raw Subject to text (RFC 2047, and what mailers write instead): encoded words of any charset, words that split a
 * character between them, raw 8-bit text without a label. Follows `header.ts`; charsets by `text.ts`.
 */

import { decodeText, type Hints, tidy } from "./text.ts";
import { decodeBase64, decodeQuotedPrintable } from "./transfer.ts";

/** Longest subject kept, in code points. */
export const maxSubject = 500;

/** An encoded word. A last one that was cut off still counts; so do blanks within, which RFC 2047 forbids. */
const encodedWord = /=\?([^?\s]{1,80})\?([bq])\?([^?]*)(?:\?=|\??$)/gi;

/** An encoded word, or raw text where `encoding` is absent. */
interface Word {
  readonly encoding?: string;
  readonly content: string;
}

/** Words of one declared charset; `label` is absent for raw text. */
interface Run {
  readonly label?: string;
  readonly words: Word[];
}

/**
 * The text of a raw header value (one character a byte, unfolded).
 *
 * @param hints `near`: the encoding of the body, for text that declares none or a wrong one
 */
export function decodeHeaderText(raw: string, hints: Hints = {}): string {
  return runsOf(raw)
    .map((run) => decodeRun(run, hints))
    .join("");
}

/** Decoded as bytes of all words together, since mailers split characters between words. */
function decodeRun({ label, words }: Run, hints: Hints): string {
  const { text } = decodeText(Buffer.concat(words.map((word) => wordBytes(word))), label, hints);
  const suspect = text.includes("\ufffd") && words.some(({ content }) => highUnderscore.test(content));
  if (!suspect) return text;
  const kept = words.map((word) => wordBytes({ ...word, content: word.content.replace(highUnderscore, "$1=5F") }));
  const { text: other } = decodeText(Buffer.concat(kept), label, hints);
  return other.includes("\ufffd") ? text : other;
}

/** A `_` after a high byte: a space by RFC 2047, but some mailers leave the second byte of a Big5 character so. */
const highUnderscore = /(=[89a-f][0-9a-f])_/gi;

/** A subject as kept: decoded, on one line, neutralised, at most {@link maxSubject} code points; `undefined` if empty. */
export function decodeSubject(raw: string, hints: Hints): string | undefined {
  const text = tidy(decodeHeaderText(raw, hints), maxSubject);
  return text === "" ? undefined : text;
}

/** Encoded words and the text around them; words of one charset with only blanks between are one run. */
function runsOf(raw: string): Run[] {
  const runs: Run[] = [];
  let from = 0;
  for (const match of raw.matchAll(encodedWord)) {
    const [all, charset = "", encoding = "", content = ""] = match;
    const between = raw.slice(from, match.index);
    const label = charset.replace(/\*.*$/, "").toLowerCase();
    const last = runs.at(-1);
    const adjacent = last?.label !== undefined && /^\s*$/.test(between);
    if (!adjacent && between !== "") runs.push({ words: [{ content: between }] });
    const word = { encoding: encoding.toLowerCase(), content };
    if (adjacent && last.label === label) last.words.push(word);
    else runs.push({ label, words: [word] });
    from = match.index + all.length;
  }
  if (from < raw.length) runs.push({ words: [{ content: raw.slice(from) }] });
  return runs;
}

/** Bytes of a word: base64, quoted-printable with `_` for a space, or as they stand. */
function wordBytes({ encoding, content }: Word): Buffer {
  if (encoding === undefined) return Buffer.from(content, "latin1");
  if (encoding === "b") return decodeBase64(Buffer.from(content, "latin1"));
  return decodeQuotedPrintable(Buffer.from(content.replaceAll("_", " "), "latin1"));
}

/**
 * The normalised body and its digest: what the copies of one campaign have in common. Used by `body-facts.ts`.
 *
 * Removed is what a spammer's software varies from copy to copy without effort, and no more, so that different texts
 * stay different:
 *
 * 1. Markup: the text is the visible one, of all inline text parts in order (plain and HTML alternatives alike).
 * 2. Case, by `toLowerCase`; invisible characters; runs of blanks, line breaks and control characters become one space.
 * 3. A word that holds an `@` between other characters (a recipient's address) becomes `@`.
 * 4. A URL loses its query and fragment (a recipient's mark).
 * 5. A run of ASCII letters and digits that has a digit in it (order numbers, hashes, dates, tracking marks) becomes `0`.
 * 6. Only the first {@link maxNormal} characters count.
 *
 * Random words made of letters alone are left: removing them would remove words.
 */
import { hash } from "node:crypto";
import { standsAt } from "./plain-line.ts";

/** Characters of the text that are normalised. */
export const maxNormal = 1 << 20;

/**
 * The text as the copies of a campaign share it; see the file's header for the steps. Halves of surrogate pairs become
 * U+FFFD, as in every digest of a text.
 */
export function normaliseBody(text: string): string {
  const visible = text
    .slice(0, maxNormal)
    .replace(/\p{Cf}+/gu, "")
    .toLowerCase();
  const bytes = Buffer.from(visible);
  return bytes.toString("utf8", 0, normalised(bytes));
}

/**
 * Normalises UTF-8 in lower case where it lies, since nothing gets longer; gives its length. In bytes, since all that is
 * changed is ASCII, and a text's characters take several times as long to look at.
 */
function normalised(bytes: Uint8Array): number {
  let length = 0;
  let at = 0;
  while (at < bytes.length) {
    const blank = blankLength(bytes, at);
    if (blank > 0) {
      at += blank;
      continue;
    }
    if (length > 0) {
      bytes[length] = space;
      length += 1;
    }
    const word = length;
    let isPlain = true;
    for (; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      const kind = kinds[byte];
      if (kind === telling) isPlain = false;
      else if (kind === mayBeBlank && blankLength(bytes, at) > 0) break;
      bytes[length] = byte;
      length += 1;
    }
    if (!isPlain) length = normaliseWord(bytes, word, length);
  }
  return length;
}

const space = 32;
const letterA = 97;
const letterZ = 122;
const sign = 64;
const question = 63;
const number = 35;
const zero = 48;
const nine = 57;

/** A digit, `@`, `?` or `#`: what a word that is changed has in it. */
const telling = 1;
/** White space or a control character, or what some of these begin with in UTF-8. */
const mayBeBlank = 2;

/** Of each byte. */
const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  if ((byte >= zero && byte <= nine) || byte === sign || byte === question || byte === number) return telling;
  return byte <= space || [0x7f, 0xc2, 0xe2, 0xe3].includes(byte) ? mayBeBlank : 0;
});

/** Bytes of the white space or control character at `at`: U+0000 to 0020, 007F to 00A0, 2000 to 200A, 2028, 2029, 3000; else 0. */
function blankLength(bytes: Uint8Array, at: number): number {
  const byte = bytes[at] ?? 0;
  if (byte <= 0x7f) return byte <= space || byte === 0x7f ? 1 : 0;
  const second = bytes[at + 1] ?? 0;
  if (byte === 0xc2) return second <= 0xa0 ? 2 : 0;
  const third = bytes[at + 2] ?? 0;
  if (byte === 0xe3) return second === 0x80 && third === 0x80 ? 3 : 0;
  if (byte !== 0xe2 || second !== 0x80) return 0;
  return third <= 0x8a || third === 0xa8 || third === 0xa9 ? 3 : 0;
}

const isPrintable = (byte: number) => byte > space && byte < 0x7f;
const isDigit = (byte: number) => byte >= zero && byte <= nine;
const isAlphanumeric = (byte: number) => isDigit(byte) || (byte >= letterA && byte <= letterZ);

/**
 * Normalises the word from `start` to before `end` where it lies; gives its new end. Chinese and Japanese have no blanks:
 * an address or URL in such a text is the run of ASCII around it.
 */
function normaliseWord(bytes: Uint8Array, start: number, end: number): number {
  let length = start;
  for (let at = start; at < end; ) {
    const byte = bytes[at] ?? 0;
    if (isPrintable(byte)) {
      const run = at;
      while (at < end && isPrintable(bytes[at] ?? 0)) at += 1;
      length = normaliseRun(bytes, run, at, length);
    } else {
      bytes[length] = byte;
      length += 1;
      at += 1;
    }
  }
  return length;
}

/** Writes what a run of ASCII comes to at `to`, which isn't behind the run; gives its end. */
function normaliseRun(bytes: Uint8Array, start: number, end: number, to: number): number {
  // Looked for no further than the run goes: to the text's end would be quadratic.
  let at = start;
  while (at < end && bytes[at] !== sign) at += 1;
  if (at > start && at < end - 1) {
    bytes[to] = sign;
    return to + 1;
  }
  return zeroed(bytes, start, endWithoutQuery(bytes, start, end), to);
}

const scheme = Buffer.from("://");
const host = Buffer.from("www.");

/** Where the run ends without the query and fragment of a URL in it. */
function endWithoutQuery(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  // Behind the run may lie what was moved from there.
  while (at + scheme.length <= end && !standsAt(scheme, bytes, at)) at += 1;
  if (at + scheme.length > end) {
    if (start + host.length > end || !standsAt(host, bytes, start)) return end;
    at = start;
  }
  while (at < end && bytes[at] !== question && bytes[at] !== number) at += 1;
  return at;
}

/** Writes the run with each stretch of ASCII letters and digits that holds a digit replaced by `0`. */
function zeroed(bytes: Uint8Array, start: number, end: number, to: number): number {
  let length = to;
  for (let at = start; at < end; ) {
    const first = length;
    let holdsDigit = false;
    for (; at < end && isAlphanumeric(bytes[at] ?? 0); at += 1) {
      const byte = bytes[at] ?? 0;
      holdsDigit ||= isDigit(byte);
      bytes[length] = byte;
      length += 1;
    }
    if (holdsDigit) {
      bytes[first] = zero;
      length = first + 1;
    }
    if (at < end) {
      bytes[length] = bytes[at] ?? 0;
      length += 1;
      at += 1;
    }
  }
  return length;
}

/**
 * Digest of a body by what it shows: its normalised text; without any, the hosts it links to; without these, the digests
 * of its attachments. Hex SHA-256.
 */
export function bodyDigest(normal: string, urls: readonly string[], attachments: readonly string[]): string {
  if (normal !== "") return hash("sha256", `text\n${normal}`);
  if (urls.length > 0) return hash("sha256", `hosts\n${urls.map((url) => url.split("/")[2] ?? "").join("\n")}`);
  return hash("sha256", `attachments\n${attachments.join("\n")}`);
}

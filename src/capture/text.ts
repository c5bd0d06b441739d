/**
 * Bytes to text: charset labels as found in mail, and the decoding that doubts them. A label is a claim of the sender;
 * where the bytes contradict it, `guess.ts` says what they are (WHATWG Encoding Standard for the decoders).
 */
import { isAscii, isUtf8 } from "node:buffer";
import { plain } from "../log.ts";
import { encodingOf } from "./charset.ts";
import { decodeBy, holdsJis, isShifted } from "./decoders.ts";
import { contradicts, guessEncoding, guessMistaken, type LanguageJudge } from "./guess.ts";

/** Text, and the name of the encoding it was read by, such as `big5` or `windows-1252`. */
export interface Decoded {
  readonly text: string;
  readonly encoding: string;
}

/** What may help where a label is missing or wrong. */
export interface Hints {
  /** Encoding of the text around, such as the body's for a subject. */
  readonly near?: string;
  /** Decides between charsets of Latin letters, which differ in accents alone. */
  readonly judge?: LanguageJudge;
}

/** A label by itself says little where its repertoire is ASCII or it is what software writes by default. */
const weak: ReadonlySet<string> = new Set(["windows-1252", "utf-8"]);

/** Share of undecodable characters up to which a declared multi-byte encoding is believed: real text is sometimes cut. */
const brokenShare = 0.05;

/**
 * Text of `bytes` declared as `label`. The label is believed where it can be: UTF-8 and ISO-2022-JP are recognised by
 * themselves, a multi-byte label must decode without much loss, and 8-bit bytes under `us-ascii`, `iso-8859-1`, `utf-8`
 * (if they aren't), an unknown label or none are read by the best guess.
 */
export function decodeText(bytes: Buffer, label: string | undefined, hints: Hints = {}): Decoded {
  const declared = label === undefined ? undefined : encodingOf(label);
  const utf16 = utf16Of(bytes, declared);
  if (utf16 !== undefined) return by(bytes, utf16);
  if (isAscii(bytes)) return decodeSevenBit(bytes, declared ?? hints.near);
  const claim = declared === undefined || weak.has(declared) ? undefined : declared;
  if (isUtf8(bytes) && (claim === undefined || characterCount(bytes) > 2)) return decodeUtf8(bytes, hints);
  const claimed = claim === undefined ? undefined : believed(bytes, claim, hints);
  if (claimed !== undefined) return claimed;
  const broken = declared === "utf-8" || hints.near === "utf-8" ? littleBroken(bytes, "utf-8") : undefined;
  if (broken !== undefined) return broken;
  const guess = guessEncoding(bytes, { ...hints, decode: decodeBy });
  return by(bytes, guess ?? declared ?? hints.near ?? "windows-1252");
}

const by = (bytes: Buffer, encoding: string): Decoded => ({ text: decodeBy(bytes, encoding), encoding });

/** ASCII, or one of the encodings that look like it. */
function decodeSevenBit(bytes: Buffer, declared: string | undefined): Decoded {
  const escaped = bytes.includes(0x1b);
  if (escaped && holdsJis(bytes)) return by(bytes, "iso-2022-jp");
  if (declared !== undefined && isShifted(declared)) return by(bytes, declared);
  if (escaped && bytes.includes("\u001b$)C")) return by(bytes, "iso-2022-kr");
  return { text: bytes.toString("latin1"), encoding: declared ?? "us-ascii" };
}

/** UTF-16 where it is declared or a byte order mark begins the text. */
function utf16Of(bytes: Buffer, declared: string | undefined): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  return declared?.startsWith("utf-16") === true ? declared : undefined;
}

/** UTF-8; but where all of it is below U+0100 it may be bytes of another encoding that somebody took for Latin-1. */
function decodeUtf8(bytes: Buffer, hints: Hints): Decoded {
  const text = decodeBy(bytes, "utf-8");
  if (!allBelow(text, 0x100)) return { text, encoding: "utf-8" };
  const mistaken = Buffer.from(text, "latin1");
  const guess = guessMistaken(mistaken, { ...hints, decode: decodeBy });
  return guess === undefined ? { text, encoding: "utf-8" } : by(mistaken, guess);
}

/** The text by a declared encoding, where it decodes with little loss and isn't clearly another. */
function believed(bytes: Buffer, declared: string, hints: Hints): Decoded | undefined {
  return contradicts(bytes, declared, { ...hints, decode: decodeBy }) ? undefined : littleBroken(bytes, declared);
}

function littleBroken(bytes: Buffer, encoding: string): Decoded | undefined {
  const decoded = by(bytes, encoding);
  const lost = losses(decoded.text);
  return lost === 0 || lost <= wideCharacters(decoded.text) * brokenShare ? decoded : undefined;
}

/** Undecodable characters in a text. */
function losses(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\ufffd"); at >= 0; at = text.indexOf("\ufffd", at + 1)) count += 1;
  return count;
}

/** Characters beyond ASCII. */
function wideCharacters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 127) count += 1;
  return count;
}

function allBelow(text: string, limit: number): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) >= limit) return false;
  return true;
}

/** Characters beyond ASCII of valid UTF-8, up to a few: three by chance are rare in text of another encoding. */
function characterCount(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at < bytes.length && count < 4; at += 1) if ((bytes[at] ?? 0) >= 0xc0) count += 1;
  return count;
}

/**
 * `text` safe to keep: neutralised by {@link plain}, whitespace runs folded to one space, at most `limit` code points.
 * A string of its own, not one that keeps the text it was cut from in memory.
 */
export function tidy(text: string, limit: number): string {
  const folded = text
    .trim()
    .slice(0, limit * 4)
    .replace(/\s+/g, " ");
  const safe = plain(folded.trim());
  let end = Math.min(safe.length, limit);
  if (safe.length > limit) {
    end = 0;
    for (let count = 0; count < limit && end < safe.length; count += 1) end += isPair(safe, end) ? 2 : 1;
  }
  return Buffer.from(safe.slice(0, end)).toString();
}

/** True where two code units at `at` are one character. */
function isPair(text: string, at: number): boolean {
  return (text.codePointAt(at) ?? 0) > 0xffff;
}

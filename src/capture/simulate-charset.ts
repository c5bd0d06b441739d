/**
 * Text to the bytes of a charset, and bytes to transfer encodings, for simulated messages. The runtime only decodes
 * legacy charsets, so a charset's table is built once by decoding every sequence it can have.
 *
 * Specification: RFC 2045 §6.7-6.8 (quoted-printable, base64), RFC 2047 (encoded words), RFC 1468 (ISO-2022-JP).
 */
import { TextDecoder } from "node:util";
import { SpampotsError } from "../errors.ts";

/** Charsets of simulated messages, as a message declares them. */
export type SimulatedCharset =
  | "us-ascii"
  | "utf-8"
  | "big5"
  | "gb2312"
  | "iso-2022-jp"
  | "euc-kr"
  | "iso-8859-2"
  | "windows-1251";

/** Transfer encodings of simulated messages. */
export type SimulatedEncoding = "7bit" | "8bit" | "base64" | "quoted-printable";

/** Code unit to bytes: 0 for none, one byte as it is, two bytes with the lead in the high half. */
type ByteTable = Uint16Array;

const replacement = "\ufffd";

function addSequence(table: ByteTable, decoder: TextDecoder, sequence: readonly number[]): void {
  const text = decoder.decode(Uint8Array.from(sequence));
  const code = text.charCodeAt(0);
  if (text.length !== 1 || text === replacement || table[code] !== 0) return;
  table[code] = sequence.reduce((word, byte) => word * 256 + byte, 0);
}

/** Every two-byte sequence of a charset with lead bytes 0xA1 to `lastLead`; trail bytes from 0x40 where `low`. */
function twoByteTable(label: string, lastLead: number, low: boolean): ByteTable {
  const table = new Uint16Array(0x10000);
  const decoder = new TextDecoder(label);
  for (let lead = 0xa1; lead <= lastLead; lead += 1) {
    for (let trail = low ? 0x40 : 0xa1; trail <= 0xfe; trail += 1) {
      if (trail < 0x7f || trail > 0xa0) addSequence(table, decoder, [lead, trail]);
    }
  }
  return table;
}

function oneByteTable(label: string): ByteTable {
  const table = new Uint16Array(0x10000);
  const decoder = new TextDecoder(label);
  for (let byte = 0x80; byte <= 0xff; byte += 1) addSequence(table, decoder, [byte]);
  return table;
}

const builders = {
  big5: () => twoByteTable("big5", 0xf9, true),
  gb2312: () => twoByteTable("gb2312", 0xf7, false),
  "euc-kr": () => twoByteTable("euc-kr", 0xfd, false),
  // JIS X 0208 as ISO-2022-JP has it is EUC-JP without the high bits.
  "iso-2022-jp": () => twoByteTable("euc-jp", 0xf4, false),
  "iso-8859-2": () => oneByteTable("iso-8859-2"),
  "windows-1251": () => oneByteTable("windows-1251"),
};

type TableCharset = keyof typeof builders;

const tables = new Map<TableCharset, ByteTable>();

function tableOf(charset: TableCharset): ByteTable {
  const known = tables.get(charset);
  if (known !== undefined) return known;
  const built = builders[charset]();
  tables.set(charset, built);
  return built;
}

function lookUp(charset: TableCharset, code: number): number {
  const word = tableOf(charset)[code] ?? 0;
  if (word === 0) {
    throw new SpampotsError("internal", "A simulated text has a character that its charset lacks.", { charset, code });
  }
  return word;
}

function encodeByTable(charset: TableCharset, text: string): Buffer {
  const bytes = Buffer.allocUnsafe(text.length * 2);
  let end = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    const word = code < 0x80 ? code : lookUp(charset, code);
    if (word > 0xff) {
      bytes[end] = word >>> 8;
      end += 1;
    }
    bytes[end] = word & 0xff;
    end += 1;
  }
  return bytes.subarray(0, end);
}

/** Escapes to JIS X 0208 for each run of it, and back to ASCII at its end. */
function encodeIso2022Jp(text: string): Buffer {
  const parts = text.split(/([^\0-\x7f]+)/).map((run, index) => {
    if (index % 2 === 0) return Buffer.from(run, "latin1");
    const bytes = encodeByTable("iso-2022-jp", run).map((byte) => byte & 0x7f);
    return Buffer.concat([Buffer.from("\x1b$B", "latin1"), bytes, Buffer.from("\x1b(B", "latin1")]);
  });
  return Buffer.concat(parts);
}

/**
 * `text` in the bytes of `charset`.
 *
 * @throws internal where the charset lacks a character: texts of the simulator are constants, so that this is our fault.
 */
export function encodeText(charset: SimulatedCharset, text: string): Buffer {
  if (charset === "us-ascii" || charset === "utf-8") return Buffer.from(text, "utf8");
  return charset === "iso-2022-jp" ? encodeIso2022Jp(text) : encodeByTable(charset, text);
}

/** Lines of 76 characters of base64, ended by CRLF. */
export function base64Lines(bytes: Buffer): string {
  return bytes.toString("base64").replace(/.{1,76}/g, "$&\r\n");
}

const hexPairs = Array.from({ length: 256 }, (_, byte) => `=${byte < 16 ? "0" : ""}${byte.toString(16).toUpperCase()}`);

/** True where a byte may stand for itself in quoted-printable: printable ASCII but `=`, and space. */
const literal = (byte: number): boolean => byte >= 0x20 && byte <= 0x7e && byte !== 0x3d;

function quotedLine(line: Buffer): string {
  let out = "";
  let width = 0;
  for (const [index, byte] of line.entries()) {
    const last = index === line.length - 1;
    const piece = literal(byte) && !(last && byte === 0x20) ? String.fromCharCode(byte) : (hexPairs[byte] ?? "");
    if (width + piece.length > 75) {
      out += "=\r\n";
      width = 0;
    }
    out += piece;
    width += piece.length;
  }
  return out;
}

/** Quoted-printable of bytes whose lines end in CRLF. */
export function quotedPrintable(bytes: Buffer): string {
  const lines: string[] = [];
  let start = 0;
  for (;;) {
    const end = bytes.indexOf("\r\n", start, "latin1");
    if (end === -1) break;
    lines.push(quotedLine(bytes.subarray(start, end)));
    start = end + 2;
  }
  lines.push(quotedLine(bytes.subarray(start)));
  return lines.join("\r\n");
}

/** Bytes of a text under a transfer encoding. */
export function transferEncoded(bytes: Buffer, encoding: SimulatedEncoding): Buffer {
  if (encoding === "base64") return Buffer.from(base64Lines(bytes), "latin1");
  return encoding === "quoted-printable" ? Buffer.from(quotedPrintable(bytes), "latin1") : bytes;
}

/** Q encoding: as RFC 2047 §4.2 has it inside a Subject, space as an underscore. */
function qWord(bytes: Buffer): string {
  const pieces = Array.from(bytes, (byte) => {
    if (byte === 0x20) return "_";
    return literal(byte) && byte !== 0x3f && byte !== 0x5f ? String.fromCharCode(byte) : (hexPairs[byte] ?? "");
  });
  return pieces.join("");
}

/**
 * A header text: as it is where ASCII, else encoded words of ten characters each, folded: under the
 * limit of 75 for B, and for Q where a character has at most two bytes.
 */
export function encodedWords(charset: SimulatedCharset, text: string, form: "B" | "Q"): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const words = text.match(/.{1,10}/gu) ?? [];
  return words
    .map((word) => {
      const bytes = encodeText(charset, word);
      return `=?${charset}?${form}?${form === "B" ? bytes.toString("base64") : qWord(bytes)}?=`;
    })
    .join("\r\n ");
}

/**
 * The header section of a message or of a MIME part: where it ends, and the few fields that say how to read the rest
 * (RFC 5322 sections 2.2 and 3.2.2, RFC 2045 sections 5 and 6, RFC 2231 section 3). First step of {@link readMime} and
 * of `message.ts`. All of it is attacker-written: every loop here is linear, every text bounded.
 */

/** What a header section says about the bytes after it. Values are unfolded latin1 text: one character a byte. */
export interface HeaderFields {
  /** Raw Subject: still encoded, one character a byte. Only the first counts, as for every field here. */
  readonly subject?: string;
  readonly contentType?: string;
  readonly transferEncoding?: string;
  readonly disposition?: string;
}

/** A header section of some bytes. */
export interface HeaderSection {
  readonly fields: HeaderFields;
  /** The section as latin1 text, line breaks and all. */
  readonly text: string;
  /** Offset of the first byte of the body. */
  readonly bodyStart: number;
  /** The section ended because it was longer than {@link maxHeaderBytes}, not at a blank line. */
  readonly overlong: boolean;
}

/** A header section is read up to this size. Real ones are below 64 KiB; mail servers refuse far smaller ones. */
export const maxHeaderBytes = 1 << 20;

/** The unfolded value of one field is read up to this many characters. */
const maxValue = 16_384;

/** More parameters than this are not read. */
const maxParameters = 64;

const lineFeed = 10;
const carriageReturn = 13;

/** `fieldName` in lower case to the property it fills. */
const wanted: ReadonlyMap<string, keyof HeaderFields> = new Map([
  ["subject", "subject"],
  ["content-type", "contentType"],
  ["content-transfer-encoding", "transferEncoding"],
  ["content-disposition", "disposition"],
]);

/**
 * Reads the header section that starts at `start`. It ends at a blank line, before a line for which `isDelimiter` is
 * true, or with the bytes. A line that is neither a field nor a continuation is passed over, as mail readers do.
 *
 * @param isDelimiter says whether the line from `at` to `end` (without its line feed) is a MIME boundary in force
 */
export function readHeader(
  bytes: Buffer,
  start: number,
  isDelimiter: (at: number, end: number) => boolean = () => false,
): HeaderSection {
  const limit = start + maxHeaderBytes;
  let line = start;
  let bodyStart = bytes.length;
  let overlong = false;
  while (line < bytes.length) {
    const feed = bytes.indexOf(lineFeed, line);
    const end = feed < 0 ? bytes.length : feed;
    const blank = end === line || (end === line + 1 && bytes[line] === carriageReturn);
    const over = end > limit;
    if (blank || over || (bytes[line] === 45 && isDelimiter(line, end))) {
      bodyStart = blank ? Math.min(end + 1, bytes.length) : line;
      overlong = over;
      break;
    }
    line = end + 1;
  }
  const text = bytes.toString("latin1", start, Math.min(line, bytes.length));
  return { fields: fieldsOf(text), text, bodyStart, overlong };
}

/** True where a header field stands at `start`, so that there is a header section at all: a bare body may begin with a URL. */
export function startsWithField(bytes: Buffer, start: number): boolean {
  return /^[!-9;-~]+[ \t]*:(?!\/\/)/.test(bytes.toString("latin1", start, start + 256));
}

function fieldsOf(text: string): HeaderFields {
  const fields: { -readonly [name in keyof HeaderFields]: string } = {};
  let line = 0;
  while (line < text.length) {
    const name = wantedName(text, line);
    const next = endOfField(text, line);
    if (name !== undefined && fields[name] === undefined) {
      const value = text.slice(text.indexOf(":", line) + 1, next).slice(0, maxValue);
      // A run of carriage returns is looked at once, from its first on: from each of them it would be quadratic.
      fields[name] = value.replace(/(?<!\r)\r*\n/g, "").trim();
    }
    line = next;
  }
  return fields;
}

/** The property that the field at `line` fills. Looks at the first letter before anything costlier. */
function wantedName(text: string, line: number): keyof HeaderFields | undefined {
  const letter = text.charCodeAt(line) | 32;
  if (letter !== 99 && letter !== 115) return undefined;
  const start = text.slice(line, line + 32);
  const colon = start.indexOf(":");
  return colon < 0 ? undefined : wanted.get(start.slice(0, colon).trimEnd().toLowerCase());
}

/** Offset of the line after the field that starts at `line`, its continuation lines included. */
function endOfField(text: string, line: number): number {
  let at = line;
  do {
    const feed = text.indexOf("\n", at);
    if (feed < 0) return text.length;
    at = feed + 1;
  } while (text[at] === " " || text[at] === "\t");
  return at;
}

/** A structured field value: `text/plain; charset="big5"` read into its parts. */
export interface Structured {
  /** Before the first semicolon, lower case. */
  readonly value: string;
  /** Parameters by lower-case name, RFC 2231 sections joined and percent-decoded to latin1. The first of a name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads a structured field value. Comments and broken quoting are tolerated as mail readers do. */
export function readStructured(text: string): Structured {
  const [first = "", ...others] = splitSemicolons(text);
  // Some write `text/plain charset=us-ascii`, without the semicolon.
  const [value = "", ...unseparated] = first.trim().split(/\s+/);
  const parameters = new Map<string, string>();
  const sections = new Set<string>();
  for (const piece of [...unseparated, ...others]) {
    const equals = piece.indexOf("=");
    if (equals < 0) continue;
    const written = piece.slice(0, equals).trim().toLowerCase();
    const [name = ""] = written.split("*", 1);
    const content = written.endsWith("*") ? percentDecoded(piece.slice(equals + 1)) : unquoted(piece.slice(equals + 1));
    if (!parameters.has(name)) parameters.set(name, content);
    else if (written !== name && !sections.has(written)) parameters.set(name, `${parameters.get(name)}${content}`);
    sections.add(written);
  }
  return { value: value.toLowerCase(), parameters };
}

/** Splits at semicolons outside quoted strings and drops comments outside them. At most {@link maxParameters} pieces. */
function splitSemicolons(text: string): string[] {
  const pieces: string[] = [];
  let piece = "";
  let last = "";
  let quoted = false;
  let depth = 0;
  for (let at = 0; at < text.length && pieces.length < maxParameters; at += 1) {
    const char = text.charAt(at);
    // An unclosed comment would swallow a boundary that follows it: a semicolon ends it too.
    if (char === ";" && !quoted) {
      pieces.push(piece);
      piece = "";
      last = "";
      depth = 0;
      continue;
    }
    if (char === "(" && !quoted && (depth > 0 || opensComment(pieces.length > 0, last))) depth += 1;
    else if (char === ")" && depth > 0) depth -= 1;
    else if (depth === 0) {
      const escaped = char === "\\" && quoted;
      piece += escaped ? text.slice(at, at + 2) : char;
      if (escaped) at += 1;
      if (char === '"') quoted = !quoted;
      last = char;
    }
  }
  pieces.push(piece);
  return pieces;
}

/** Inside a parameter a parenthesis that goes on a token is part of it: `name=Invoice(1).pdf`. */
function opensComment(inParameter: boolean, last: string): boolean {
  return !inParameter || last === "" || last === " " || last === "\t" || last === "=";
}

function unquoted(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith('"')) return trimmed;
  const close = /^"((?:[^"\\]|\\.)*)/s.exec(trimmed);
  return (close?.[1] ?? "").replace(/\\(.)/gs, "$1");
}

/** RFC 2231: `charset'language'percent-encoded` to latin1 bytes; the charset is left out, the name is only searched. */
function percentDecoded(text: string): string {
  const encoded = unquoted(text).replace(/^[^']*'[^']*'/, "");
  return encoded.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

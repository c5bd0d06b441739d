/**
 * The MIME tree of a message (RFC 2045, RFC 2046 section 5.1): which parts there are, and where their bytes stand.
 * Follows {@link readHeader}; `body-facts.ts` reads the leaves. One pass over the bytes whatever the nesting, because a
 * spammer chooses it.
 *
 * Own code, and not the library that the tests compare it with, because three fifths of the library's time go into
 * the Blob it makes of each part, and because text must be decoded from bytes: declared charsets are often wrong.
 */
import { type HeaderFields, readHeader, readStructured } from "./header.ts";

/** One part: a leaf, a multipart with children, or an embedded message with one child. */
export interface Part {
  /** Media type, lower case, as declared; `text/plain` where none is. */
  readonly type: string;
  readonly charset?: string;
  /** Content-Transfer-Encoding: its first word, lower case; empty where none is declared. */
  readonly transferEncoding: string;
  /** `attachment`, `inline` or another word, lower case; empty where none is declared. */
  readonly disposition: string;
  /** File name as written, for searching only. */
  readonly name?: string;
  /** Of a multipart: what separates its parts; empty where none is declared. */
  readonly boundary: string;
  /** First byte of the body, still encoded. */
  readonly start: number;
  /** Byte after its last. */
  end: number;
  readonly children: Part[];
}

/** Why a tree could not be read whole. */
export type MimeFault = "mime-depth" | "mime-parts" | "header-size";

export interface MimeTree {
  readonly root: Part;
  /** Set where a limit was met: the tree is then incomplete. */
  readonly fault?: MimeFault;
}

/** Multiparts and embedded messages within each other. Real mail stays below ten. */
const maxDepth = 32;

/** Parts of one message. */
const maxParts = 1000;

/** Longer boundaries are cut, as RFC 2046 allows 70 characters. */
const maxBoundary = 256;

const lineFeed = 10;
const carriageReturn = 13;
const dash = 45;
const dashLine = Buffer.from("\n--");

/** A boundary line: whose it is, and whether it closes the multipart. */
interface Delimiter {
  readonly level: number;
  readonly closes: boolean;
}

/**
 * Reads the tree of a message whose header section said `fields` and whose body starts at `bodyStart`.
 * Never throws: where a limit is met, `fault` says so.
 */
export function readMime(bytes: Buffer, fields: HeaderFields, bodyStart: number): MimeTree {
  return new TreeReader(bytes).read(fields, bodyStart);
}

class TreeReader {
  readonly #bytes: Buffer;
  /** Parts not ended yet, outermost first. */
  readonly #unfinished: Part[] = [];
  /** Multiparts whose boundary is in force, outermost first, and the place of each by its boundary. */
  readonly #containers: Part[] = [];
  readonly #levels = new Map<string, number>();
  #parts = 0;
  #fault: MimeFault | undefined;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  read(fields: HeaderFields, bodyStart: number): MimeTree {
    const root = this.#begin(undefined, fields, bodyStart);
    let line = this.#innermostStart(root);
    while (this.#containers.length > 0 && this.#fault === undefined) {
      const at = this.#nextDashes(line);
      if (at < 0) break;
      const end = this.#lineEnd(at);
      const delimiter = this.#delimiter(at, end);
      line = delimiter === undefined ? end : this.#pass(delimiter, at, end);
    }
    this.#finish(0, this.#bytes.length);
    return { root, ...(this.#fault === undefined ? {} : { fault: this.#fault }) };
  }

  /** Starts a part, and the message within it where it is one. */
  #begin(parent: Part | undefined, fields: HeaderFields, start: number): Part {
    const part = partOf(fields, start, parent);
    parent?.children.push(part);
    this.#parts += 1;
    if (this.#parts > maxParts) this.#fault ??= "mime-parts";
    if (this.#unfinished.length >= maxDepth) this.#fault ??= "mime-depth";
    this.#unfinished.push(part);
    if (part.type.startsWith("multipart/") && part.boundary !== "") {
      this.#levels.set(part.boundary, this.#containers.push(part) - 1);
    }
    if (holdsMessage(part) && this.#fault === undefined) this.#beginAfterHeader(part, start);
    return part;
  }

  #beginAfterHeader(parent: Part, start: number): Part {
    const section = readHeader(this.#bytes, start, (at, end) => this.#delimiter(at, end) !== undefined);
    if (section.overlong) this.#fault ??= "header-size";
    return this.#begin(parent, section.fields, section.bodyStart);
  }

  /** What a boundary line does: ends what is open below its multipart and, unless it closes that, starts a part. */
  #pass(delimiter: Delimiter, at: number, end: number): number {
    const container = this.#containers[delimiter.level];
    if (container === undefined) return end;
    this.#finish(this.#unfinished.indexOf(container) + 1, this.#contentEnd(at));
    this.#leave(delimiter.closes ? delimiter.level : delimiter.level + 1);
    if (delimiter.closes) return end;
    const start = Math.min(end + 1, this.#bytes.length);
    return this.#innermostStart(this.#beginAfterHeader(container, start));
  }

  /** Takes the boundaries from `level` on out of force; where two are the same the inner one counts. */
  #leave(level: number): void {
    this.#containers.length = level;
    this.#levels.clear();
    for (const [place, { boundary }] of this.#containers.entries()) this.#levels.set(boundary, place);
  }

  #finish(depth: number, end: number): void {
    for (const part of this.#unfinished.splice(depth)) part.end = Math.max(part.start, end);
  }

  /** Where the search for boundary lines goes on: after the header sections that were just read. */
  #innermostStart(part: Part): number {
    return this.#unfinished.at(-1)?.start ?? part.start;
  }

  /** Start of the next line that begins with two dashes, from a line's start or end on; -1 where none does. */
  #nextDashes(line: number): number {
    if (this.#bytes[line] === dash && this.#bytes[line + 1] === dash) return line;
    const feed = this.#bytes.indexOf(dashLine, Math.max(0, line - 1));
    return feed < 0 ? -1 : feed + 1;
  }

  #lineEnd(at: number): number {
    const feed = this.#bytes.indexOf(lineFeed, at);
    return feed < 0 ? this.#bytes.length : feed;
  }

  /** The line break before a boundary belongs to the boundary (RFC 2046 section 5.1.1). */
  #contentEnd(at: number): number {
    const end = this.#bytes[at - 1] === lineFeed ? at - 1 : at;
    return this.#bytes[end - 1] === carriageReturn ? end - 1 : end;
  }

  /** Whose boundary line this is. Trailing blanks don't count. */
  #delimiter(at: number, end: number): Delimiter | undefined {
    if (this.#bytes[at + 1] !== dash) return undefined;
    let last = end;
    while (last > at && isBlank(this.#bytes[last - 1])) last -= 1;
    if (last - at > maxBoundary + 4) return undefined;
    const line = this.#bytes.toString("latin1", at + 2, last);
    const level = this.#levels.get(line);
    if (level !== undefined) return { level, closes: false };
    const closed = line.endsWith("--") ? this.#levels.get(line.slice(0, -2)) : undefined;
    return closed === undefined ? undefined : { level: closed, closes: true };
  }
}

/** Space, tab, carriage return. */
function isBlank(byte: number | undefined): boolean {
  return byte === 32 || byte === 9 || byte === carriageReturn;
}

/** An embedded message is read on, as readers show it, unless it is attached or encoded (RFC 2046 section 5.2.1 forbids that). */
function holdsMessage({ type, disposition, transferEncoding }: Part): boolean {
  const encoded = transferEncoding === "base64" || transferEncoding === "quoted-printable";
  return type === "message/rfc822" && disposition !== "attachment" && !encoded;
}

/** The part that `fields` describe, without its bytes. Exported for a message whose structure can't be read. */
export function partOf(fields: HeaderFields, start = 0, parent?: Part): Part {
  const content = readStructured(fields.contentType ?? "");
  const disposition = readStructured(fields.disposition ?? "");
  const charset = content.parameters.get("charset");
  const name = disposition.parameters.get("filename") ?? content.parameters.get("name");
  const boundary = content.parameters.get("boundary")?.slice(0, maxBoundary).trimEnd() ?? "";
  return {
    type: content.value === "" ? defaultType(parent) : content.value,
    transferEncoding: /[\w-]+/.exec(fields.transferEncoding ?? "")?.[0].toLowerCase() ?? "",
    disposition: disposition.value,
    boundary,
    start,
    end: start,
    children: [],
    ...(charset === undefined ? {} : { charset }),
    ...(name === undefined ? {} : { name }),
  };
}

/** RFC 2046 section 5.1.5: the parts of a digest are messages where they don't say what they are. */
function defaultType(parent: Part | undefined): string {
  return parent?.type === "multipart/digest" ? "message/rfc822" : "text/plain";
}

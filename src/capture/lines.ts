/**
 * Bytes into blocks of whole lines, with bounded memory: a line that is too long is passed over, not held. Blocks are
 * the unit that goes to a parsing thread; `spool-file.ts` feeds this, the thread reads a block with {@link linesOf}.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { SpampotsError } from "../errors.ts";

const lineFeed = 10;

/** Whole lines, the last one without line feed where the file ends so. Owns its memory, so that it may be transferred to a thread. */
export interface LineBlock {
  readonly kind: "block";
  /** Number of the first line in the file, from 1. */
  readonly firstLine: number;
  readonly bytes: Buffer<ArrayBuffer>;
}

/** Something that is not there: a line that was too long, or all from this line on. */
export interface LineFault {
  readonly kind: "fault";
  readonly line: number;
  readonly error: SpampotsError;
}

/** Collects chunks of bytes and gives them back in blocks of whole lines, in order. */
export class LineBlocks {
  readonly #blockBytes: number;
  readonly #lineBytes: number;
  /** Whole lines not yet given back, in pieces, and the number of the first. */
  #whole: Buffer[] = [];
  #wholeBytes = 0;
  #firstLine = 1;
  /** Pieces of the line that has begun and not ended, and its number. */
  #open: Buffer[] = [];
  #openBytes = 0;
  #line = 1;
  /** True while the rest of a line that is too long goes by. */
  #passing = false;

  /**
   * @param blockBytes about the size of a block: it is given back as soon as it has as many
   * @param lineBytes greatest length of a line, without its line feed
   */
  constructor(blockBytes: number, lineBytes: number) {
    this.#blockBytes = blockBytes;
    this.#lineBytes = lineBytes;
  }

  /** Number of the line that comes next, or that has begun. */
  get line(): number {
    return this.#line;
  }

  /** Takes the next bytes of the file. */
  *push(chunk: Buffer): Generator<LineBlock | LineFault> {
    let kept = 0;
    let keptLine = this.#line;
    let at = 0;
    for (let feed = chunk.indexOf(lineFeed); feed >= 0; feed = chunk.indexOf(lineFeed, at)) {
      const tooLong = !this.#passing && this.#openBytes + feed - at > this.#lineBytes;
      if (tooLong) {
        this.#keep(chunk.subarray(kept, at), keptLine);
        yield* this.#refuseLine();
      }
      if (tooLong || this.#passing) {
        this.#passing = false;
        kept = feed + 1;
        keptLine = this.#line + 1;
      } else this.#closeLine();
      this.#line += 1;
      at = feed + 1;
    }
    this.#keep(chunk.subarray(kept, at), keptLine);
    if (!this.#passing) yield* this.#begin(chunk.subarray(at));
    if (this.#wholeBytes >= this.#blockBytes) yield* this.flush();
  }

  /** The file has ended: the line that has begun is the last. */
  *end(): Generator<LineBlock> {
    const begun = this.#openBytes > 0 || this.#passing;
    this.#closeLine();
    this.#passing = false;
    if (begun) this.#line += 1;
    yield* this.flush();
  }

  /** Gives back the whole lines so far. */
  *flush(): Generator<LineBlock> {
    if (this.#wholeBytes > 0) {
      // Not from the shared pool: a block's memory may be transferred to a thread.
      const bytes = Buffer.allocUnsafeSlow(this.#wholeBytes);
      let at = 0;
      for (const piece of this.#whole) at += piece.copy(bytes, at);
      yield { kind: "block", firstLine: this.#firstLine, bytes };
    }
    this.#whole = [];
    this.#wholeBytes = 0;
  }

  #keep(piece: Buffer, line: number): void {
    if (piece.length === 0) return;
    if (this.#wholeBytes === 0) this.#firstLine = line;
    this.#whole.push(piece);
    this.#wholeBytes += piece.length;
  }

  #closeLine(): void {
    for (const piece of this.#open) this.#keep(piece, this.#line);
    this.#open = [];
    this.#openBytes = 0;
  }

  *#begin(piece: Buffer): Generator<LineBlock | LineFault> {
    if (this.#openBytes + piece.length > this.#lineBytes) {
      this.#passing = true;
      yield* this.#refuseLine();
    } else if (piece.length > 0) {
      this.#open.push(piece);
      this.#openBytes += piece.length;
    }
  }

  *#refuseLine(): Generator<LineBlock | LineFault> {
    yield* this.flush();
    this.#open = [];
    this.#openBytes = 0;
    const error = new SpampotsError("bad-line", "A line of a spool file is too long.", {
      path: "",
      reason: `must be at most ${this.#lineBytes} bytes`,
    });
    yield { kind: "fault", line: this.#line, error };
  }
}

/** A line of a block: its text, or nothing where its bytes aren't UTF-8. */
export interface Line {
  readonly line: number;
  readonly text: string | undefined;
  /** The line in UTF-8 where that is all ASCII without a backslash: JSON strings stand in it as they are. */
  readonly plain: Buffer | undefined;
}

const backslash = 92;
const isPlain = (bytes: Buffer) => isAscii(bytes) && !bytes.includes(backslash);

/** Where the line that begins at `at` ends: at its line feed or after the last byte. */
export function lineEnd(bytes: Uint8Array, at: number): number {
  const feed = bytes.indexOf(lineFeed, at);
  return feed < 0 ? bytes.length : feed;
}

/** The line from `at` to before `end`; `undefined` where it holds nothing. */
export function lineOf({ buffer, byteOffset }: Uint8Array, at: number, end: number, line: number): Line | undefined {
  // Bytes that came from another thread are a plain Uint8Array.
  const piece = Buffer.from(buffer, byteOffset + at, end - at);
  const plain = isPlain(piece) ? piece : undefined;
  if (plain === undefined && !isUtf8(piece)) return { line, text: undefined, plain };
  const text = piece.toString(plain === undefined ? "utf8" : "latin1");
  return text === "" || text.trim() === "" ? undefined : { line, text, plain };
}

/** The lines of a block that hold something, without line ends (LF or CRLF). */
export function* linesOf({
  firstLine,
  bytes,
}: Pick<LineBlock, "firstLine"> & { readonly bytes: Uint8Array }): Generator<Line> {
  let number = firstLine;
  for (let at = 0; at < bytes.length; number += 1) {
    const end = lineEnd(bytes, at);
    const line = lineOf(bytes, at, end, number);
    at = end + 1;
    if (line !== undefined) yield line;
  }
}

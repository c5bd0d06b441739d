/**
 * Archives of mail on the disk, message by message: a file, a folder, an mbox, a Maildir. Memory is bounded by one
 * message, whatever the archive's size. Used by `archive.ts`.
 *
 * @see RFC 4155 (mbox; quoting as mboxrd, which reads mboxo too), https://cr.yp.to/proto/maildir.html
 */
import { open, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { spoolBounds } from "./spool.ts";

/** A message as it lies in an archive. */
export interface ArchivedMessage {
  /**
   * The message without an mbox's own line and quoting. One that is larger than a message may be is cut to one byte
   * more than that, so that it is seen to be too large.
   */
  readonly raw: Uint8Array;
  /** Where it was: the file's path, with `#3` for the third of an mbox. */
  readonly place: string;
}

const kept = spoolBounds.messageBytes + 1;
const readAhead = 64 * 1024;
/** A line is taken in pieces of at most so many bytes. */
const longestPiece = 64 * 1024;
const lineFeed = 10;
const fromWord = Buffer.from("From ");

/**
 * The messages of an archive, in the order of names. A file is one message or, where it begins with `From ` and isn't
 * called `.eml`, an mbox. A folder with `cur` and `new` is a Maildir; of any other, all files that begin like mail are
 * read, and the folders in it. Names that begin with a dot are passed over.
 *
 * Errors of the file system come as they are.
 */
export async function* archivedMessages(path: string): AsyncGenerator<ArchivedMessage> {
  if ((await stat(path)).isDirectory()) yield* folderMessages(path, false);
  else yield* fileMessages(path, true);
}

/** @param inMaildir whether each file is one message */
async function* folderMessages(path: string, inMaildir: boolean): AsyncGenerator<ArchivedMessage> {
  const entries = (await readdir(path, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const isMaildir = ["cur", "new"].every((name) => entries.some((entry) => entry.name === name && entry.isDirectory()));
  for (const entry of entries) {
    const place = join(path, entry.name);
    if (entry.isDirectory()) {
      const holdsMessages = isMaildir && (entry.name === "cur" || entry.name === "new");
      // Folders of a Maildir are Maildirs whose names begin with a dot; its `tmp` holds what isn't delivered yet.
      const skipped = isMaildir ? entry.name === "tmp" : entry.name.startsWith(".");
      if (!skipped) yield* folderMessages(place, holdsMessages);
    } else if (inMaildir) yield { raw: await wholeMessage(place), place };
    else if (!isMaildir && !entry.name.startsWith(".") && (await stat(place)).isFile()) {
      yield* fileMessages(place, false);
    }
  }
}

/** @param named whether the operator named the file, so that it is read whatever it looks like */
async function* fileMessages(path: string, named: boolean): AsyncGenerator<ArchivedMessage> {
  const isMessage = /\.eml$/i.test(basename(path));
  const start = await beginning(path);
  if (!isMessage && start.startsWith("From ")) yield* mboxMessages(path);
  else if (isMessage || named || /^>?[A-Za-z][A-Za-z0-9-]*[ \t]*:/.test(start)) {
    yield { raw: await wholeMessage(path), place: path };
  }
}

async function beginning(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A file that is one message, without the line of an mbox where it begins with one. */
async function wholeMessage(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, kept + longestPiece)), { position: 0 });
    const bytes = buffer.subarray(0, bytesRead);
    const start = isFromLine(bytes) ? bytes.indexOf(lineFeed) + 1 : 0;
    return bytes.subarray(start, start + kept);
  } finally {
    await file.close();
  }
}

async function* mboxMessages(path: string): AsyncGenerator<ArchivedMessage> {
  const file = await open(path);
  try {
    const message = new MessageBytes();
    let count = 0;
    let afterBlank = true;
    for await (const { bytes, begins } of linePieces(
      file.createReadStream({ highWaterMark: readAhead, autoClose: false }),
    )) {
      if (begins && afterBlank && isFromLine(bytes) && (count === 0 || isDated(bytes))) {
        if (count > 0) yield { raw: message.takenWithoutBlank(), place: `${path}#${count}` };
        count += 1;
        afterBlank = false;
        continue;
      }
      message.add(begins ? unquoted(bytes) : bytes);
      afterBlank = begins && isBlank(bytes);
    }
    if (count > 0) yield { raw: message.takenWithoutBlank(), place: `${path}#${count}` };
  } finally {
    await file.close();
  }
}

function isFromLine(line: Buffer): boolean {
  return line.subarray(0, fromWord.length).equals(fromWord);
}

/** A line that begins a message ends with a date; a sentence that begins with "From" mostly doesn't. */
function isDated(line: Buffer): boolean {
  const text = line.toString("latin1", 0, 1000);
  return /\d:\d\d/.test(text) && /\b(?:19|20)\d\d\b/.test(text);
}

function isBlank(line: Buffer): boolean {
  return line[0] === lineFeed || (line[0] === 13 && line[1] === lineFeed);
}

/** A line without one of the `>` that quote a `From `. */
function unquoted(line: Buffer): Buffer {
  let at = 0;
  while (line[at] === 62) at += 1;
  return at > 0 && isFromLine(line.subarray(at)) ? line.subarray(1) : line;
}

interface LinePiece {
  /** A line with its line feed, or a part of one that is long. */
  readonly bytes: Buffer;
  /** It begins a line. */
  readonly begins: boolean;
}

async function* linePieces(chunks: AsyncIterable<Buffer>): AsyncGenerator<LinePiece> {
  let rest: Buffer = Buffer.alloc(0);
  let begins = true;
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let feed = bytes.indexOf(lineFeed); feed >= 0; feed = bytes.indexOf(lineFeed, at)) {
      yield { bytes: bytes.subarray(at, feed + 1), begins };
      begins = true;
      at = feed + 1;
    }
    rest = bytes.subarray(at);
    if (rest.length > longestPiece) {
      yield { bytes: rest, begins };
      begins = false;
      rest = Buffer.alloc(0);
    }
  }
  if (rest.length > 0) yield { bytes: rest, begins };
}

/** Collects a message, no more than {@link kept} bytes of it. */
class MessageBytes {
  #pieces: Buffer[] = [];
  #length = 0;

  add(bytes: Buffer): void {
    const piece = bytes.subarray(0, kept - this.#length);
    if (piece.length > 0) this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** The message so far; what follows is the next. */
  taken(): Uint8Array {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    return bytes;
  }

  /** The same without the blank line that an mbox puts after each message. */
  takenWithoutBlank(): Uint8Array {
    const bytes = this.taken();
    const end = bytes.length;
    if (bytes[end - 1] !== lineFeed) return bytes;
    const before = bytes[end - 2] === 13 ? end - 2 : end - 1;
    return before === 0 || bytes[before - 1] === lineFeed ? bytes.subarray(0, before) : bytes;
  }
}

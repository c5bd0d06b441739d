/**
 * A spool file from the disk: decompressed, hashed and cut into blocks of lines while it streams. The SHA-256 of the
 * file's bytes is the batch's id. Memory is bounded whatever the file holds: see {@link spoolLimits}.
 *
 * Flow: path -> {@link spoolBlocks} -> (a thread each) {@link spoolRecords} -> message, enrich, lake.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { isError, SpampotsError } from "../errors.ts";
import type { SpoolHeader, SpoolRecord } from "../model.ts";
import { decompressed, decompressorFor } from "./decompress.ts";
import { type Line, type LineBlock, LineBlocks, type LineFault, linesOf } from "./lines.ts";
import { parseHeader, parseLine } from "./spool.ts";

/** Bounds on a file. Tests pass smaller ones. */
export interface SpoolLimits {
  /** About the size of a block. */
  readonly blockBytes: number;
  /** A longer line is quarantined: room for a message of 32 MiB in base64, and then some. */
  readonly lineBytes: number;
  /** A compressed file that comes to more is a bomb: what follows is quarantined. */
  readonly decompressedBytes: number;
}

const mebibyte = 1024 * 1024;

export const spoolLimits: SpoolLimits = {
  blockBytes: mebibyte,
  lineBytes: 48 * mebibyte,
  decompressedBytes: 64 * 1024 * mebibyte,
};

/** First of the parts of a file. */
export interface SpoolStart {
  readonly kind: "header";
  readonly header: SpoolHeader;
}

/** Last of the parts of a file, always there where iteration ends by itself. */
export interface SpoolEnd {
  readonly kind: "end";
  /** Hex SHA-256 of all bytes of the file as it lies on the disk: the batch id. */
  readonly batch: string;
  /** Bytes of the file as it lies on the disk. */
  readonly bytes: number;
  /** Lines begun, the header and empty ones among them. */
  readonly lines: number;
}

export type SpoolPart = SpoolStart | LineBlock | LineFault | SpoolEnd;

/**
 * Streams a spool file (`.gz` and `.zst` by name, else plain): its header, then blocks of lines and faults in the order
 * of the file, then its end. Where compression is broken or comes to too much, what came before is there, then a fault
 * `bad-compression` at the line that could not be read whole, and the end.
 *
 * @throws SpampotsError `spool-header` where there is no header to read. Errors of the file system come as they are.
 */
export async function* spoolBlocks(path: string, limits: SpoolLimits = spoolLimits): AsyncGenerator<SpoolPart> {
  const lines = new LineBlocks(limits.blockBytes, limits.lineBytes);
  const progress: FileProgress = { hash: createHash("sha256"), lines, bytes: 0 };
  let begun = false;
  for await (const part of fileParts(path, limits, progress)) {
    if (begun) yield part;
    else yield* splitHeader(part);
    begun = true;
  }
  if (!begun) throw noHeader("must stand in the first line");
  yield { kind: "end", batch: progress.hash.digest("hex"), bytes: progress.bytes, lines: lines.line - 1 };
}

/** Hex SHA-256 of a file's bytes: the id that {@link spoolBlocks} will state at its end. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path);
  try {
    // The same memory each time: a megabyte of garbage for each megabyte makes the collector go over everything.
    const chunk = Buffer.allocUnsafeSlow(mebibyte);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

interface FileProgress {
  readonly hash: Hash;
  readonly lines: LineBlocks;
  bytes: number;
}

async function* fileParts(
  path: string,
  limits: SpoolLimits,
  progress: FileProgress,
): AsyncGenerator<LineBlock | LineFault> {
  const { lines } = progress;
  const raw = rawChunks(path, progress);
  const decompressor = decompressorFor(path);
  try {
    for await (const chunk of decompressor === undefined
      ? raw
      : decompressed(raw, decompressor, limits.decompressedBytes)) {
      yield* lines.push(chunk);
    }
    yield* lines.end();
  } catch (error) {
    if (!isError(error, "bad-compression")) throw error;
    yield* lines.flush();
    yield { kind: "fault", line: lines.line, error };
    // Broken compression stops the reading early; the batch id is of all bytes.
    for await (const _ of raw);
  } finally {
    await raw.return(undefined);
  }
}

async function* rawChunks(path: string, progress: FileProgress): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(path, { highWaterMark: mebibyte })) {
    progress.hash.update(chunk);
    progress.bytes += chunk.length;
    yield chunk;
  }
}

/** Takes the header off the first part of a file. Empty lines may stand before it. */
function* splitHeader(part: LineBlock | LineFault): Generator<SpoolPart> {
  if (part.kind === "fault") {
    throw noHeader(part.error.facts.reason);
  }
  const [first] = linesOf(part);
  if (first === undefined) throw noHeader("must stand in the first line");
  if (first.text === undefined) throw noHeader("must be UTF-8");
  yield { kind: "header", header: parseHeader(first.text) };
  let at = 0;
  for (let line = part.firstLine; line <= first.line; line += 1) {
    const feed = part.bytes.indexOf("\n", at);
    at = feed < 0 ? part.bytes.length : feed + 1;
  }
  if (at < part.bytes.length) yield { kind: "block", firstLine: first.line + 1, bytes: part.bytes.subarray(at) };
}

function noHeader(reason: unknown): SpampotsError {
  return new SpampotsError("spool-header", "A spool file has no header to read.", { path: "", reason });
}

/** What came of a line: its record, or why it is none. `text` is attacker-controlled, absent where it isn't UTF-8. */
export type SpoolLine =
  | SpoolRecordLine
  | { readonly line: number; readonly error: SpampotsError; readonly text?: string };

/** A line that says something, with its own text and bytes: see {@link Line}. */
export interface SpoolRecordLine {
  readonly line: number;
  readonly record: SpoolRecord;
  readonly text: string;
  readonly plain: Buffer | undefined;
}

/** Reads the lines of a block in order. Empty lines are passed over. */
export function* spoolRecords(
  block: Pick<LineBlock, "firstLine"> & { readonly bytes: Uint8Array },
  sensor: string,
): Generator<SpoolLine> {
  for (const line of linesOf(block)) yield readLine(line, sensor);
}

/** Reads a line as it is. */
export function readLine({ line, text, plain }: Line, sensor: string): SpoolLine {
  if (text === undefined) {
    const facts = { path: "", reason: "must be UTF-8" };
    return { line, error: new SpampotsError("bad-line", "A line of a spool file is not UTF-8.", facts) };
  }
  try {
    return { line, record: parseLine(text, sensor), text, plain };
  } catch (error) {
    if (error instanceof SpampotsError) return { line, error, text };
    throw error;
  }
}

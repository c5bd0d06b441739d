/**
 * SHA-256 of stored objects without handing their bytes out: what `verify` and the lake's checks read most. A fresh
 * buffer for each chunk of a stream costs a third of the time, and one processor hashes no faster than it hashes: so one
 * buffer is used over and over, and where there is much to read, threads share the work.
 *
 * @see FIPS 180-4
 */
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { extname } from "node:path";
import { Workers } from "../workers.ts";
import type { FileAnswer, FileWork } from "./digest-file.ts";
import { digestFile } from "./digest-file.ts";

/** What an object is, by its bytes. */
export interface ObjectDigest {
  readonly bytes: number;
  /** Hex SHA-256; absent where the object hasn't the size that was asked for, since it wasn't read then. */
  readonly sha256?: string;
}

export interface DigestOptions {
  /** The only size worth reading. */
  readonly bytes?: number;
  /** Told how many bytes more were read: after each chunk, or at the end of a file. */
  readonly onBytes?: (read: number) => void;
}

/** A hex digest as HTTP states it: `sha-256=:<base64>:` (RFC 9530 §2). */
export function digestField(sha256: string): string {
  return `sha-256=:${Buffer.from(sha256, "hex").toString("base64")}:`;
}

/** The digest of a body that is streamed, as {@link Store.open} gives it. */
export async function digestBody(
  opened: { readonly bytes: number; readonly body: AsyncIterable<Uint8Array> },
  { bytes, onBytes }: DigestOptions = {},
): Promise<ObjectDigest> {
  if (bytes !== undefined && opened.bytes !== bytes) return { bytes: opened.bytes };
  const hash = createHash("sha256");
  for await (const chunk of opened.body) {
    hash.update(chunk);
    onBytes?.(chunk.length);
  }
  return { bytes: opened.bytes, sha256: hash.digest("hex") };
}

/** Bytes after which threads are worth their start, some 50 ms. */
const bytesAlone = 16 * 1024 * 1024;
const mostThreads = 4;
let doneAlone = 0;
let threads: Workers<FileWork, FileAnswer> | undefined;

/**
 * The digest of a plain file; undefined for anything else. A link isn't followed.
 *
 * @throws what the file system throws, with its code
 */
export async function digestPath(
  path: string,
  { bytes, onBytes }: DigestOptions = {},
): Promise<ObjectDigest | undefined> {
  const work = { path, bytes };
  const answer = doneAlone + (bytes ?? 0) <= bytesAlone ? digestFile(work) : await hashing().ask(work);
  if ("code" in answer) throw Object.assign(new Error(answer.message), { code: answer.code });
  if (answer.digest?.sha256 !== undefined) {
    doneAlone += answer.digest.bytes;
    onBytes?.(answer.digest.bytes);
  }
  return answer.digest;
}

function hashing(): Workers<FileWork, FileAnswer> {
  threads ??= new Workers(new URL(`./digest-thread${extname(import.meta.url)}`, import.meta.url), {
    count: Math.min(mostThreads, availableParallelism()),
  });
  return threads;
}

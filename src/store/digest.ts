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
import { Worker } from "node:worker_threads";
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
let threads: DigestThread[] | undefined;

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
  const answer = doneAlone + (bytes ?? 0) <= bytesAlone ? digestFile(work) : await leastBusy().digest(work);
  if ("code" in answer) throw Object.assign(new Error(answer.message), { code: answer.code });
  if (answer.digest?.sha256 !== undefined) {
    doneAlone += answer.digest.bytes;
    onBytes?.(answer.digest.bytes);
  }
  return answer.digest;
}

function leastBusy(): DigestThread {
  threads ??= Array.from({ length: Math.min(mostThreads, availableParallelism()) }, () => new DigestThread());
  // There is at least one processor.
  return threads.reduce((least, thread) => (thread.busy < least.busy ? thread : least));
}

/** A thread that keeps the process alive only while it works. */
class DigestThread {
  readonly #waiting = new Map<number, PromiseWithResolvers<FileAnswer>>();
  #worker: Worker | undefined;
  #last = 0;

  get busy(): number {
    return this.#waiting.size;
  }

  digest(work: FileWork): Promise<FileAnswer> {
    const waiting = Promise.withResolvers<FileAnswer>();
    this.#last += 1;
    this.#waiting.set(this.#last, waiting);
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage({ id: this.#last, work });
    return waiting.promise;
  }

  #start(): Worker {
    // The sources run as they are in a checkout, as JavaScript where installed.
    const worker = new Worker(new URL(`./digest-thread${extname(import.meta.url)}`, import.meta.url), {
      // What the process was started with (a script, a loader) is none of a thread's business that only hashes.
      execArgv: [],
    });
    worker.on("message", ({ id, answer }: { id: number; answer: FileAnswer }) => {
      this.#waiting.get(id)?.resolve(answer);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) worker.unref();
    });
    worker.on("error", (error) => {
      this.#worker = undefined;
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
    return worker;
  }
}

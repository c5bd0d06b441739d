/**
 * Gzip and zstd while they stream, with everything that came before a fault, and no more in memory than a few chunks
 * however far the bytes would expand. Files of several gzip members or zstd frames are read to their end.
 *
 * Node's own iteration over a broken stream drops what was decompressed and not yet read, and its zstd stream ends
 * with the first frame; hence this.
 *
 * @see RFC 1952 §2.2 (members), RFC 8878 §3 (frames)
 */
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";
import { SpampotsError } from "../errors.ts";

/** Decompressed chunks that may wait before the engine pauses. */
const waitingChunks = 16;

/**
 * `readableHighWaterMark` 1: a paused engine stops after one chunk. With more it would go on behind the pause, and an
 * error there would throw away what it had made.
 */
const options = { chunkSize: 64 * 1024, readableHighWaterMark: 1 };

/** Makes what decompresses one gzip stream or one zstd frame. */
export type Decompressor = () => Gunzip | ZstdDecompress;

/** The decompressor for a file by the end of its name, or `undefined` for a plain file. */
export function decompressorFor(path: string): Decompressor | undefined {
  if (path.endsWith(".gz")) return () => createGunzip(options);
  if (path.endsWith(".zst")) return () => createZstdDecompress(options);
  return undefined;
}

/**
 * Decompresses chunks. Leaves `compressed` open, so that the caller can go on reading it after a fault.
 *
 * The error's fact `altered` says whether what came out can be trusted. False: the bytes end too early, hold something
 * after their end or come to too much; all before is as it was written, save that up to 64 KiB of it may be missing.
 * True: some byte isn't what was written, and neither format can say which, so what came out may be wrong too.
 *
 * @param most greatest number of bytes that come out
 * @throws SpampotsError `bad-compression` after the last bytes that could be had; facts `reason` and `altered`.
 */
export async function* decompressed(
  compressed: AsyncIterator<Buffer>,
  open: Decompressor,
  most: number,
): AsyncGenerator<Buffer> {
  let frame = new Frame(open());
  let bytes = 0;
  try {
    for await (const chunk of framesOf()) {
      bytes += chunk.length;
      if (bytes > most) throw broken(`must not decompress to more than ${most} bytes`);
      yield chunk;
    }
  } finally {
    frame.close();
  }

  async function* framesOf(): AsyncGenerator<Buffer> {
    for (let next = await compressed.next(); next.done !== true; next = await compressed.next()) {
      let rest = next.value;
      while (rest.length > 0) {
        if (frame.ended) {
          frame.close();
          frame = new Frame(open());
        }
        const before = frame.taken;
        yield* frame.write(rest);
        if (frame.taken === before) throw broken("must not hold anything else after the compressed data");
        rest = rest.subarray(frame.taken - before);
      }
    }
    if (!frame.ended) yield* frame.finish();
  }
}

function broken(reason: string, altered = false, cause?: unknown): SpampotsError {
  const facts = { path: "", reason, altered, cause };
  return new SpampotsError("bad-compression", "A compressed spool file is broken.", facts);
}

/** Code of node's error for compressed data that ends before its end. */
const endsEarly = "Z_BUF_ERROR";

/** zlib's words where a gzip member should begin and doesn't; node begins further members by itself. */
const noMember = "incorrect header check";

/** One gzip stream or zstd frame: events of node's stream turned into a loop that loses nothing. */
class Frame {
  readonly #stream: Gunzip | ZstdDecompress;
  readonly #made: Buffer[] = [];
  #error: NodeJS.ErrnoException | undefined;
  #madeAny = false;
  #done = false;
  #wake: () => void = () => {};
  /** The compressed data has ended; what follows belongs to the next frame. */
  ended = false;

  constructor(stream: Gunzip | ZstdDecompress) {
    this.#stream = stream;
    stream.on("data", (chunk: Buffer) => {
      this.#made.push(chunk);
      this.#madeAny = true;
      if (this.#made.length >= waitingChunks) stream.pause();
      this.#wake();
    });
    stream.on("end", () => {
      this.ended = true;
      this.#settle();
    });
    stream.on("error", (error: Error) => {
      this.#error = error;
      this.#settle();
    });
  }

  /** Compressed bytes taken so far. */
  get taken(): number {
    return this.#stream.bytesWritten;
  }

  /** Gives `chunk` to the engine and yields what comes of it, until all of it is taken or the frame has ended. */
  write(chunk: Buffer): AsyncGenerator<Buffer> {
    this.#done = false;
    this.#stream.write(chunk, () => this.#settle());
    return this.#drain();
  }

  /** Says that no more comes. */
  finish(): AsyncGenerator<Buffer> {
    this.#done = false;
    this.#stream.end();
    return this.#drain();
  }

  close(): void {
    this.#stream.destroy();
  }

  #refusal(error: NodeJS.ErrnoException): SpampotsError {
    if (error.code === endsEarly) return broken("must not end before its end", false, error);
    if (!this.#madeAny || error.message === noMember)
      return broken("must not hold anything else before or after the compressed data", false, error);
    return broken("must be as it was written", true, error);
  }

  #settle(): void {
    this.#done = true;
    this.#wake();
  }

  async *#drain(): AsyncGenerator<Buffer> {
    for (;;) {
      for (let chunk = this.#made.shift(); chunk !== undefined; chunk = this.#made.shift()) yield chunk;
      if (this.#error !== undefined) throw this.#refusal(this.#error);
      if (this.#done) return;
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#stream.resume();
      await woken;
    }
  }
}

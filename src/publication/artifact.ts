/**
 * A compressed file as it is written: text in; a gzip file, sizes and digests out. zlib compresses on a thread of its
 * own while the caller makes the next text; memory is a few blocks.
 *
 * zlib is given blocks of a fixed size, so that the file can't depend on the pieces the text came in. The header holds
 * neither time, name nor system. One member, since browsers and curl read no second one.
 *
 * @see RFC 1952 §2.3 (member format)
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { SpampotsError } from "../errors.ts";
import type { RenderedArtifact } from "./render.ts";

/** Bytes of content in a block: small enough to stay in a processor's cache from text to hash to zlib. */
const blockBytes = 1 << 16;

/** Bytes that may wait for zlib before a writer has to. */
const waitingBytes = 1 << 20;

/** Level 3: at 0.9x the speed of level 1 a twentieth smaller; level 6 halves the speed for another twentieth. */
export const gzipOptions = { level: 3, memLevel: 9, chunkSize: 1 << 16, highWaterMark: waitingBytes };

/** Place of the byte that names the operating system, and its value for "unknown". */
const [systemOffset, unknownSystem] = [9, 0xff];

/** The beginning of a gzip file, in place, without the name of the operating system. */
export function hideSystem<Bytes extends Uint8Array>(beginning: Bytes): Bytes {
  beginning[systemOffset] = unknownSystem;
  return beginning;
}

const encoder = new TextEncoder();

/** What a finished artifact says beside sizes and digests. */
export type ArtifactFacts = Pick<RenderedArtifact, "rows" | "objects" | "part">;

/** One artifact being written. After a rejection only `abort` may be called. */
export interface ArtifactFile {
  /** Appends well-formed text. @throws SpampotsError `disk-failed` */
  write(text: string): Promise<void>;
  /** Completes and flushes the file. @throws SpampotsError `disk-failed` */
  finish(facts: ArtifactFacts): Promise<RenderedArtifact>;
  /** Closes and deletes the file, finished or not. Never throws. */
  abort(): Promise<void>;
}

/** What a folder that doesn't take an artifact is called. */
export const diskFailed = (path: string, cause: unknown) =>
  new SpampotsError("disk-failed", "The disk didn't take an artifact.", {
    cause,
    hint: "See that the data folder has space and can be written to.",
    path,
  });

class GzipFile implements ArtifactFile {
  readonly #file: FileHandle;
  readonly #naming: Pick<RenderedArtifact, "name" | "mediaType" | "path">;
  readonly #gzip = createGzip(gzipOptions);
  /** Settles when the last compressed byte is in the file. */
  readonly #stored: Promise<void>;
  readonly #content = createHash("sha256");
  readonly #compressed = createHash("sha256");
  #contentBytes = 0;
  #bytes = 0;
  #block = Buffer.allocUnsafeSlow(blockBytes);
  #filled = 0;
  /** Blocks that were used and may be filled again. */
  readonly #spare: Buffer<ArrayBuffer>[] = [];

  constructor(file: FileHandle, naming: Pick<RenderedArtifact, "name" | "mediaType" | "path">) {
    this.#file = file;
    this.#naming = naming;
    this.#stored = this.#store();
    // Whoever awaits it meets the error; until then it isn't an unhandled one.
    this.#stored.catch(() => undefined);
  }

  async write(text: string): Promise<void> {
    for (let rest = text; rest !== ""; ) {
      const { read, written } = encoder.encodeInto(rest, this.#block.subarray(this.#filled));
      this.#filled += written;
      rest = read === rest.length ? "" : rest.slice(read);
      // What is left didn't fit: the block is full.
      if (rest !== "") await this.#sendBlock();
    }
  }

  async finish(facts: ArtifactFacts): Promise<RenderedArtifact> {
    if (this.#filled > 0) await this.#sendBlock();
    this.#gzip.end();
    await this.#stored;
    try {
      await this.#file.sync();
      await this.#file.close();
    } catch (cause) {
      throw diskFailed(this.#naming.path, cause);
    }
    return {
      ...this.#naming,
      contentEncoding: "gzip",
      bytes: this.#bytes,
      sha256: this.#compressed.digest("hex"),
      contentBytes: this.#contentBytes,
      contentSha256: this.#content.digest("hex"),
      ...facts,
    };
  }

  async abort(): Promise<void> {
    this.#gzip.destroy();
    await this.#stored.catch(() => undefined);
    await this.#file.close().catch(() => undefined);
    await rm(this.#naming.path, { force: true }).catch(() => undefined);
  }

  async #sendBlock(): Promise<void> {
    const buffer = this.#block;
    const block = buffer.subarray(0, this.#filled);
    this.#content.update(block);
    this.#contentBytes += block.length;
    const ready = this.#gzip.write(block, () => this.#spare.push(buffer));
    if (!ready) await Promise.race([once(this.#gzip, "drain"), this.#stored]);
    this.#block = this.#spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
    this.#filled = 0;
  }

  async #store(): Promise<void> {
    try {
      await pipeline(this.#gzip, async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          if (this.#bytes === 0) hideSystem(chunk);
          this.#compressed.update(chunk);
          this.#bytes += chunk.length;
          await this.#file.writeFile(chunk);
        }
      });
    } catch (cause) {
      throw diskFailed(this.#naming.path, cause);
    }
  }
}

/**
 * Creates `folder/name` and gives what writes it.
 *
 * @throws SpampotsError `disk-failed`, also where the file exists.
 */
export async function openArtifact(folder: string, name: string, mediaType: string): Promise<ArtifactFile> {
  const path = join(folder, name);
  try {
    return new GzipFile(await open(path, "wx"), { name, mediaType, path });
  } catch (cause) {
    throw diskFailed(path, cause);
  }
}

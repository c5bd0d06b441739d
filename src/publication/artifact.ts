/**
 * A compressed file as it is written: text or bytes in; a gzip file, sizes and digests out. Content is cut into blocks of a
 * fixed size; threads of Node's pool compress several at once while the caller makes the next, and what they give is
 * written in order. So the file depends on its content alone, and memory is a few blocks.
 *
 * The blocks are one member, since browsers and curl read no second one: each but the last ends at a byte's edge without
 * ending the deflate stream. The header holds neither time, name nor system.
 *
 * @see RFC 1951 §3.2.4 (empty stored blocks end at an edge), RFC 1952 §2.3 (member format); `docs/decisions/0012`
 */
import { createHash } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants, crc32, deflateRaw } from "node:zlib";
import { SpampotsError } from "../errors.ts";
import { gzipOptions, hideSystem } from "./gzip.ts";
import type { RenderedArtifact } from "./render.ts";

/** Bytes of content in a block: enough that what a block can't refer back to costs nothing to speak of. */
const blockBytes = 1 << 20;

/** Blocks on their way: as many as Node's pool has threads. */
const mostPending = 4;

/** Room for what a block comes to, whatever it holds, so that it comes back in one piece. */
const mostCompressed = (bytes: number) => bytes + (bytes >> 8) + 1024;

const compress = promisify(deflateRaw);

/** ID1, ID2, method deflate, no flags, no time, no extra flags, system. */
const memberHeader = hideSystem(Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0));

const encoder = new TextEncoder();

/** What a finished artifact says beside sizes and digests. */
export type ArtifactFacts = Pick<RenderedArtifact, "rows" | "objects" | "part">;

/** One artifact being written. After a rejection only `abort` may be called. */
export interface ArtifactFile {
  /** Appends well-formed text, or bytes, which may change afterwards. @throws SpampotsError `disk-failed` */
  write(content: string | Uint8Array): Promise<void>;
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
  readonly #content = createHash("sha256");
  readonly #compressed = createHash("sha256");
  /** Blocks that are being compressed or wait for those before them; each settles when it is in the file. */
  readonly #pending: Promise<void>[] = [];
  #crc = 0;
  #contentBytes = 0;
  #bytes = 0;
  #block: Buffer<ArrayBuffer> | undefined;
  #filled = 0;
  /** Blocks that were used and may be filled again. */
  readonly #spare: Buffer<ArrayBuffer>[] = [];

  constructor(file: FileHandle, naming: Pick<RenderedArtifact, "name" | "mediaType" | "path">) {
    this.#file = file;
    this.#naming = naming;
    this.#queue(this.#append(memberHeader));
  }

  async write(content: string | Uint8Array): Promise<void> {
    for (let rest = content; rest.length > 0; ) {
      const room = this.#room();
      const taken = typeof rest === "string" ? encoder.encodeInto(rest, room) : copyInto(rest, room);
      this.#filled += taken.written;
      // What is left didn't fit: the block is full.
      rest = taken.read === rest.length ? "" : rest.slice(taken.read);
      if (rest.length > 0) await this.#sendBlock(constants.Z_SYNC_FLUSH);
    }
  }

  async finish(facts: ArtifactFacts): Promise<RenderedArtifact> {
    this.#room();
    await this.#sendBlock(constants.Z_FINISH);
    await Promise.all(this.#pending);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#contentBytes % 2 ** 32, 4);
    await this.#append(trailer);
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
    await Promise.allSettled(this.#pending);
    await this.#file.close().catch(() => undefined);
    await rm(this.#naming.path, { force: true }).catch(() => undefined);
  }

  /** Where the next content goes. */
  #room(): Uint8Array {
    this.#block ??= this.#spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
    return this.#block.subarray(this.#filled);
  }

  async #sendBlock(finishFlush: number): Promise<void> {
    const block = this.#block;
    if (block === undefined) return;
    const content = block.subarray(0, this.#filled);
    this.#block = undefined;
    this.#filled = 0;
    this.#content.update(content);
    this.#crc = crc32(content, this.#crc);
    this.#contentBytes += content.length;
    const before = this.#pending.at(-1);
    const stored = compress(content, { ...gzipOptions, chunkSize: mostCompressed(content.length), finishFlush }).then(
      async (bytes) => {
        this.#spare.push(block);
        await before;
        await this.#append(bytes);
      },
    );
    this.#queue(stored);
    if (this.#pending.length > mostPending) await this.#pending.shift();
  }

  #queue(stored: Promise<void>): void {
    // Whoever awaits it meets the error; until then it isn't an unhandled one.
    stored.catch(() => undefined);
    this.#pending.push(stored);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#compressed.update(bytes);
    this.#bytes += bytes.length;
    try {
      await this.#file.writeFile(bytes);
    } catch (cause) {
      throw diskFailed(this.#naming.path, cause);
    }
  }
}

/** As `TextEncoder.encodeInto` does for text. */
function copyInto(from: Uint8Array, room: Uint8Array): { read: number; written: number } {
  const taken = Math.min(from.length, room.length);
  room.set(from.subarray(0, taken));
  return { read: taken, written: taken };
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

/**
 * One file of a publication, onto the disk: resumed where an earlier try broke off, cut off where it is longer than its
 * manifest says, and named only once its digest is right.
 *
 * @see RFC 9110 §13.1.5 (If-Range), §14.4 (Content-Range)
 */
import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { SpampotsError } from "../../errors.ts";
import type { Artifact } from "../../publication/manifest.ts";
import { nameOver } from "../../store/disk-write.ts";
import { type Answer, Passing } from "./calls.ts";
import type { Session } from "./session.ts";

/** Where a file comes from and goes to. */
export interface Download {
  /** Path at the service. */
  readonly from: string;
  /** Where it grows; what is there from an earlier try is taken up. */
  readonly partial: string;
  /** Where it belongs, on the same file system. */
  readonly to: string;
  /** Told how many bytes of it are there. */
  readonly onBytes?: (bytes: number) => void;
}

/** Bytes read at a time of what an earlier try left. */
const chunkBytes = 1024 * 1024;

/** Bytes that a try must bring so that it doesn't count as a failed one. */
const headway = 1024 * 1024;

/**
 * Downloads an artifact. "gone" where the service says that it was withdrawn or is expired: nothing is written then.
 *
 * @throws SpampotsError `verify-failed` where its size or SHA-256 isn't the signed one (nothing of it is kept), and as
 *   {@link Session.once} does; what was received until then is kept for the next try.
 */
export async function download(session: Session, artifact: Artifact, way: Download): Promise<"there" | "gone"> {
  await mkdir(dirname(way.partial), { recursive: true });
  let reached = 0;
  const outcome = await session
    .patiently(
      async () => {
        const file = await open(way.partial, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o666);
        try {
          const growing = new Growing(file, artifact);
          await growing.takeUp();
          const resumed = growing.bytes;
          const done = await receive(session, growing, way).finally(() => {
            reached += Math.floor((growing.bytes - resumed) / headway);
          });
          if (done === "gone") return "gone";
          await file.sync();
          if (growing.isWhole()) return "there";
          await file.truncate(0);
          // What lay there from before may have been damaged: the whole decides.
          if (resumed > 0) throw new Passing("A download that was resumed came out wrong.");
          throw wrong("A file doesn't have the SHA-256 that was signed.", artifact);
        } finally {
          await file.close();
        }
      },
      () => reached,
    )
    .catch(async (error: unknown) => {
      if (error instanceof SpampotsError && error.code === "verify-failed") await rm(way.partial, { force: true });
      throw error;
    });
  if (outcome === "there") await nameOver(way.partial, way.to);
  else await rm(way.partial, { force: true });
  return outcome;
}

function wrong(message: string, { name, bytes, sha256 }: Artifact): SpampotsError {
  return new SpampotsError("verify-failed", message, {
    artifact: name,
    bytes,
    sha256,
    hint: "Nothing of it was kept. Run it again; if that stays, tell the operator.",
  });
}

/** Asks for what is missing and writes it. */
async function receive(session: Session, growing: Growing, { from, onBytes }: Download): Promise<"received" | "gone"> {
  const { artifact } = growing;
  if (growing.bytes === artifact.bytes && growing.bytes > 0) return "received";
  const headers = growing.bytes === 0 ? {} : { range: `bytes=${growing.bytes}-`, "if-range": `"${artifact.sha256}"` };
  const answer = await session.once(from, { headers, handedOn: true });
  if (answer.status === 410) {
    answer.discard();
    return "gone";
  }
  if (answer.status === 416 || (answer.status === 206 && !continues(answer, growing))) {
    answer.discard();
    await growing.restart();
    throw new Passing("The service doesn't continue a download where it stopped.");
  }
  if (answer.status === 200) await growing.restart();
  for await (const chunk of answer.body) {
    if (growing.bytes + chunk.length > artifact.bytes) throw wrong("The service sends more than was signed.", artifact);
    await growing.append(chunk);
    onBytes?.(growing.bytes);
  }
  if (growing.bytes < artifact.bytes) throw new Passing("A download ended early.");
  return "received";
}

/** True where a part begins where we stopped. What it ends with is for the digest to say. */
function continues({ headers }: Answer, { bytes, artifact }: Growing): boolean {
  const [, start, total] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(headers["content-range"] ?? "") ?? [];
  return Number(start) === bytes && (total === "*" || Number(total) === artifact.bytes);
}

/** A file on its way, hashed as it grows. */
class Growing {
  readonly artifact: Artifact;
  readonly #file: FileHandle;
  #hash: Hash = createHash("sha256");
  bytes = 0;

  constructor(file: FileHandle, artifact: Artifact) {
    this.#file = file;
    this.artifact = artifact;
  }

  /** Reads what is there; more than there can be is dropped. */
  async takeUp(): Promise<void> {
    if ((await this.#file.stat()).size > this.artifact.bytes) return this.restart();
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await this.#file.read(buffer, 0, chunkBytes, this.bytes);
      if (bytesRead === 0) return;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.bytes += bytesRead;
    }
  }

  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash("sha256");
    this.bytes = 0;
  }

  async append(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.#file.write(chunk, done, chunk.length - done, this.bytes + done);
      done += bytesWritten;
    }
    this.#hash.update(chunk);
    this.bytes += chunk.length;
  }

  /** To be asked once. */
  isWhole(): boolean {
    return this.bytes === this.artifact.bytes && this.#hash.digest("hex") === this.artifact.sha256;
  }
}

/**
 * A place in somebody else's bucket that objects are brought to: put once, looked at, and streamed from another store
 * in bounded memory, a part at a time, which shows there only once all of it is as it should be.
 *
 * @see docs/decisions/0016-how-publications-are-pushed.md
 */
import { createHash } from "node:crypto";
import type { CompletedPart } from "@aws-sdk/client-s3";
import { SpampotsError } from "../errors.ts";
import { putTarget, storeIn } from "./s3.ts";
import type { ForeignService } from "./s3-foreign.ts";
import { mostParts, type PutTarget, putPart, putParts, putSmall } from "./s3-parts.ts";
import { openSession, type S3Options, type S3Session } from "./s3-session.ts";
import type { PutOptions, Store } from "./store.ts";

/** Bytes of a part, and of what goes in one request. One is in memory for each object under way. */
const partBytes = 8 * 1024 * 1024;

/** The slowest that a part may go, in bytes per millisecond. */
const leastBytesPerMs = 32;

/** Bytes of a known length and digest, as they come. */
export interface StreamBody {
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** The place while one thing is brought there. */
export interface S3PlaceStore extends Pick<Store, "putOnce" | "get" | "stat" | "delete"> {
  /**
   * Puts what a stream yields, in the place of what is there.
   *
   * @throws SpampotsError `verify-failed` where the stream isn't what it should be; then nothing is put.
   */
  putStream(key: string, body: StreamBody, options: PutOptions): Promise<void>;
}

export interface S3Place {
  /** @param said makes another error of what a call throws. */
  during(signal: AbortSignal, said: (error: unknown) => unknown): S3PlaceStore;
  close(): void;
}

/** Opens a place below `prefix` (`""` for the whole bucket). Nothing is asked of it yet. */
export function openS3Place({
  bucket,
  prefix,
  ...options
}: { bucket: string; prefix: string } & S3Options & { foreign: ForeignService }): S3Place {
  const base = openSession(bucket, options);
  return {
    during(signal, said) {
      const session = telling(base.during(signal), said);
      const store = prefix === "" ? storeIn(session) : storeIn(session).under(prefix);
      return {
        putOnce: store.putOnce,
        get: store.get,
        stat: store.stat,
        delete: store.delete,
        async putStream(key, body, more) {
          await putStream(session, putTarget(session, prefix === "" ? key : `${prefix}/${key}`, more), body);
        },
      };
    },
    close: () => base.close(),
  };
}

function telling(session: S3Session, said: (error: unknown) => unknown): S3Session {
  return {
    ...session,
    async call(...call) {
      try {
        return await session.call(...call);
      } catch (error) {
        throw said(error);
      }
    },
  };
}

async function putStream(session: S3Session, target: PutTarget, body: StreamBody): Promise<void> {
  const pieces = piecesOf(body, Math.max(partBytes, Math.ceil(body.bytes / mostParts)));
  const patienceMs = (piece: Uint8Array) => session.deadlineMs + piece.length / leastBytesPerMs;
  if (body.bytes <= partBytes) {
    for await (const piece of pieces) await putSmall(session, target, piece, patienceMs(piece));
    return;
  }
  await putParts(session, target, body.bytes, async (upload) => {
    const parts: CompletedPart[] = [];
    for await (const piece of pieces) {
      parts.push(await putPart(session, upload, parts.length + 1, piece, patienceMs(piece)));
    }
    return parts;
  });
}

/**
 * The stream in pieces of `size`; the last one only where the whole is what it should be. At least one, be it empty.
 */
async function* piecesOf({ bytes, sha256, chunks }: StreamBody, size: number): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let piece = Buffer.allocUnsafeSlow(Math.min(size, bytes));
  let filled = 0;
  let left = bytes;
  for await (const chunk of chunks) {
    if (chunk.length > left) throw unlike(bytes);
    left -= chunk.length;
    hash.update(chunk);
    for (let from = 0; from < chunk.length; ) {
      if (filled === piece.length) {
        yield piece;
        piece = Buffer.allocUnsafeSlow(Math.min(size, left + chunk.length - from));
        filled = 0;
      }
      const some = chunk.subarray(from, from + piece.length - filled);
      piece.set(some, filled);
      filled += some.length;
      from += some.length;
    }
  }
  if (left > 0 || hash.digest("hex") !== sha256) throw unlike(bytes);
  yield piece;
}

function unlike(bytes: number): SpampotsError {
  return new SpampotsError("verify-failed", "What is to be brought to a bucket isn't what its manifest states.", {
    bytes,
    hint: "Run `spampots verify` on our own store; it names everything that is damaged.",
  });
}

/**
 * The body of an S3 answer: it yields as many bytes as were announced, or throws; it never hangs, never trickles on for
 * hours and never ends early.
 */
import type { Readable } from "node:stream";
import { SpampotsError } from "../errors.ts";
import { within } from "./s3-call.ts";
import { type S3Request, s3Error } from "./s3-error.ts";

/** The slowest a body may come, in bytes per millisecond: less than the slowest line, more than a service that is ill. */
const leastBytesPerMs = 4;

/**
 * The chunks of `body`, `bytes` in all. Only the wait for the service is timed, not the reader's own: each chunk must
 * come within `idleMs`, and all of them within that and what `bytes` take at 4 kB/s. A body that nobody begins to read
 * in that time is let go, for it holds a connection.
 */
export function readBody(body: Readable, bytes: number, idleMs: number, request: S3Request): AsyncIterable<Uint8Array> {
  const unread = setTimeout(() => body.destroy(), idleMs).unref();
  return chunks(body, bytes, idleMs, request, unread);
}

async function* chunks(
  body: Readable,
  bytes: number,
  idleMs: number,
  request: S3Request,
  unread: NodeJS.Timeout,
): AsyncGenerator<Uint8Array> {
  clearTimeout(unread);
  const iterator: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]();
  let left = bytes;
  let patienceMs = idleMs + bytes / leastBytesPerMs;
  try {
    for (;;) {
      const asked = performance.now();
      const next = await within(Math.min(idleMs, patienceMs), () => iterator.next());
      patienceMs -= performance.now() - asked;
      if (next.done === true) break;
      left -= next.value.byteLength;
      if (left < 0) break;
      yield next.value;
    }
  } catch (error) {
    throw s3Error(error, request, 1);
  } finally {
    body.destroy();
  }
  if (left !== 0) {
    throw new SpampotsError("store-unavailable", "The S3 store sent another number of bytes than it announced.", {
      ...request,
      announced: bytes,
      hint: "The connection was cut: run the same command again.",
    });
  }
}

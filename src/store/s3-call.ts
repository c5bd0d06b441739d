/**
 * One call to an S3 service: tried again while the fault may pass, never longer than its deadline. A try that hangs is
 * given up after half of what time is left, so that there is always time for another.
 *
 * @see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: full jitter
 */
import { setTimeout as sleep } from "node:timers/promises";
import { SpampotsError } from "../errors.ts";
import { askedPauseMs, isPassing, type S3Request, s3Error } from "./s3-error.ts";

const firstDelayMs = 100;
const longestDelayMs = 5000;

/** A call and the time it has. */
export interface S3Call extends S3Request {
  /** For the call as a whole, tries and pauses included. */
  readonly deadlineMs: number;
  /** Breaks the call off before. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `attempt` until it succeeds, fails for good, or the deadline passes. Each run gets a signal that ends it; a run
 * that doesn't heed the signal is left alone, its outcome unheard. A pause that the service asks for is kept, unless it
 * is longer than the call has: then the call fails, and the pause is in the error's facts.
 *
 * @throws SpampotsError `store-unavailable` at the deadline; `store-denied`, `store-unfit` as soon as they are known;
 *   `interrupted` where it was broken off.
 */
export async function callS3<T>(call: S3Call, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { operation, key, deadlineMs, signal } = call;
  const end = performance.now() + deadlineMs;
  for (let attempts = 1; ; attempts++) {
    if (signal?.aborted) throw brokenOff({ operation, key });
    try {
      return await within(attemptMs(end - performance.now(), deadlineMs), attempt, signal);
    } catch (error) {
      if (signal?.aborted) throw brokenOff({ operation, key });
      const left = end - performance.now();
      const asked = askedPauseMs(error) ?? 0;
      if (!isPassing(error) || left < firstDelayMs || asked > left / 2)
        throw s3Error(error, { operation, key }, attempts);
      // Never so long that no time is left for the try itself.
      const pause = Math.random() * Math.min(longestDelayMs, firstDelayMs * 2 ** attempts, left / 2);
      await sleep(Math.max(asked, pause), undefined, signal && { signal }).catch(() => undefined);
    }
  }
}

function brokenOff(request: S3Request): SpampotsError {
  return new SpampotsError("interrupted", "A call to an S3 service was broken off.", {
    ...request,
    hint: "Run the same command again.",
  });
}

/** Half of the time left, but all of it once it's little. */
function attemptMs(left: number, deadlineMs: number): number {
  return left > deadlineMs / 4 ? left / 2 : left;
}

/**
 * Runs `work` for at most `ms`, or until `signal`; then its signal is aborted, and a `TimeoutError`, or the reason of
 * the signal, is thrown whether it ends or not.
 */
export async function within<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const abort = new AbortController();
  const ended = Promise.withResolvers<never>();
  const end = (reason: unknown) => {
    ended.reject(reason);
    abort.abort(reason);
  };
  const timer = setTimeout(() => end(new DOMException("No answer came in time.", "TimeoutError")), Math.max(1, ms));
  const breakOff = () => end(signal?.reason);
  signal?.addEventListener("abort", breakOff, { once: true });
  try {
    return await Promise.race([work(abort.signal), ended.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", breakOff);
  }
}

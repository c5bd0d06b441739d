/**
 * One call to an S3 service: tried again while the fault may pass, never longer than its deadline. A try that hangs is
 * given up after half of what time is left, so that there is always time for another.
 *
 * @see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: full jitter
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isPassing, type S3Request, s3Error } from "./s3-error.ts";

const firstDelayMs = 100;
const longestDelayMs = 5000;

/** A call and the time it has. */
export interface S3Call extends S3Request {
  /** For the call as a whole, tries and pauses included. */
  readonly deadlineMs: number;
}

/**
 * Runs `attempt` until it succeeds, fails for good, or the deadline passes. Each run gets a signal that ends it; a run
 * that doesn't heed the signal is left alone, its outcome unheard.
 *
 * @throws SpampotsError `store-unavailable` at the deadline; `store-denied`, `store-unfit` as soon as they are known.
 */
export async function callS3<T>(call: S3Call, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { operation, key, deadlineMs } = call;
  const end = performance.now() + deadlineMs;
  for (let attempts = 1; ; attempts++) {
    try {
      return await within(attemptMs(end - performance.now(), deadlineMs), attempt);
    } catch (error) {
      const left = end - performance.now();
      if (!isPassing(error) || left < firstDelayMs) throw s3Error(error, { operation, key }, attempts);
      // Never so long that no time is left for the try itself.
      await sleep(Math.random() * Math.min(longestDelayMs, firstDelayMs * 2 ** attempts, left / 2));
    }
  }
}

/** Half of the time left, but all of it once it's little. */
function attemptMs(left: number, deadlineMs: number): number {
  return left > deadlineMs / 4 ? left / 2 : left;
}

/** Runs `work` for at most `ms`; then its signal is aborted, and a `TimeoutError` is thrown whether it ends or not. */
export async function within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => {
      const error = new DOMException("No answer came in time.", "TimeoutError");
      expired.reject(error);
      abort.abort(error);
    },
    Math.max(1, ms),
  );
  try {
    return await Promise.race([work(abort.signal), expired.promise]);
  } finally {
    clearTimeout(timer);
  }
}

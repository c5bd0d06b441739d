/** Waiting for work that may hang: for so long, and no longer. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * True once the work is done, false after `ms` milliseconds; the work goes on then. The process is kept alive until the
 * answer is known, and no longer.
 *
 * @throws what the work throws in that time; what it throws later is lost.
 */
export async function isDoneWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const late = sleep(ms, false, { signal: over.signal }).catch(() => false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    over.abort();
  }
}

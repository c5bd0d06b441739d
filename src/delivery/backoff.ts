/**
 * When a delivery that failed is tried again: exponentially later, at random within that, and not before the destination
 * said. What won't pass by itself (a key that is refused, a certificate that doesn't hold) is tried rarely. Pure.
 *
 * @see RFC 9110 §10.2.3 (Retry-After)
 */
import { errorTable, isError } from "../errors.ts";
import { dayMs, hourMs } from "../model.ts";

/** Milliseconds: the first pause, the longest, and that after what was refused. */
const firstMs = 15_000;
const longestMs = 6 * hourMs;
const refusedMs = 3 * hourMs;

/**
 * Milliseconds until the next attempt, after `failures` (1 or more) in a row.
 *
 * @param chance from 0 up to 1: half of the pause is random, so that destinations that failed together don't all come back together.
 */
export function pauseAfter(error: unknown, failures: number, chance: number): number {
  const passes = isError(error) ? errorTable[error.code].retry : true;
  const whole = passes ? Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 20)) : refusedMs;
  const asked = isError(error) ? Number(error.facts.retryAfterMs ?? 0) : 0;
  return Math.max(whole / 2 + (whole / 2) * chance, Math.min(asked, dayMs));
}

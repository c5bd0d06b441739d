/**
 * When a delivery that failed is tried again: exponentially later, at random within that, and not before the
 * destination said. It never ends. What the destination refuses (a key, a certificate that doesn't hold) won't pass by
 * itself, and is tried rarely. Pure.
 *
 * @see RFC 9110 §10.2.3 (Retry-After)
 */
import { isError } from "../../errors.ts";
import { dayMs, hourMs } from "../../model.ts";

/** Milliseconds: the first pause, the longest, and that after what was refused. */
const firstMs = 15_000;
const longestMs = 6 * hourMs;
const refusedMs = 3 * hourMs;

/** However long a destination asks us to stay away. */
const longestAskedMs = dayMs;

/** Milliseconds: no pause is longer. */
export const longestPauseMs = longestAskedMs + firstMs;

/**
 * Milliseconds until the next attempt, after `failures` (1 or more) in a row: whole, positive, at most a day and 15
 * seconds.
 *
 * @param chance from 0 up to 1: half of the pause is random, so that destinations that failed together don't all come back together.
 */
export function pauseAfter(error: unknown, failures: number, chance: number): number {
  const refused = isError(error, "delivery-refused");
  const whole = refused ? refusedMs : Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 20));
  const asked = isError(error) ? error.facts.retryAfterMs : undefined;
  const least = typeof asked === "number" && asked > 0 ? Math.min(asked, longestAskedMs) + firstMs * chance : 0;
  return Math.ceil(Math.max(whole / 2 + (whole / 2) * chance, least));
}

/**
 * Milliseconds that a `Retry-After` asks for, in seconds or as a date; `undefined` where it is neither.
 *
 * @param now milliseconds since 1970 UTC.
 */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,20}$/.test(header)) return Number(header) * 1000;
  // IMF-fixdate and the two older forms (RFC 9110 §5.6.7), of which one doesn't say its zone; what else V8 takes for a
  // date isn't one.
  const at = /^[A-Za-z]{3,9},? [\w :-]{10,30}$/.test(header)
    ? Date.parse(header.endsWith("GMT") ? header : `${header} GMT`)
    : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

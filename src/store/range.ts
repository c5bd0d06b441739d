/** The byte range a reader of the store asks for, the same for every store. */
import { SpampotsError } from "../errors.ts";

/** Half-open: the bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The range itself, when it is one.
 *
 * @throws SpampotsError `bad-argument` unless 0 ≤ start ≤ end, in whole numbers.
 */
export function checkRange(range: ByteRange): ByteRange {
  const { start, end } = range;
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && end >= start) return range;
  throw new SpampotsError("bad-argument", "A range of bytes isn't one.", {
    start,
    end,
    hint: "Write 0 <= start <= end.",
  });
}

/** What of a range an object of `bytes` bytes has; all of it without a range. */
export function clipRange(range: ByteRange | undefined, bytes: number): ByteRange {
  const { start, end } = range ?? { start: 0, end: bytes };
  return { start: Math.min(start, bytes), end: Math.min(end, bytes) };
}

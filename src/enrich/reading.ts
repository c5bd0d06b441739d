/**
 * What a reader of table files yields: rows of both families, and what it could not read. The operator's files are
 * trusted to be what they are called, not to be free of faults.
 */
import { ipv4Number, ipv6Pair } from "../capture/address.ts";
import type { Row } from "./ranges.ts";

/** Rows gathered from one file or several. */
export interface Reading {
  readonly ipv4: Row[];
  readonly ipv6: Row[];
  readonly malformed: { readonly file: string; readonly line: number; readonly message: string }[];
  /** Newest day the files themselves state, `2016-01-29`. */
  date?: string;
}

export function newReading(): Reading {
  return { ipv4: [], ipv6: [], malformed: [] };
}

/** An IPv6 address (no brackets, no zone) as a number, or `undefined`. */
export function ipv6Number(text: string): bigint | undefined {
  const pair = ipv6Pair(text);
  return pair === undefined ? undefined : (pair[0] << 64n) | pair[1];
}

/** Adds a row from its first and last address as text; false where they are no range of one family. */
export function addRange(reading: Reading, firstText: string, lastText: string, value: string): boolean {
  const [first4, last4] = [ipv4Number(firstText), ipv4Number(lastText)];
  if (first4 !== undefined && last4 !== undefined) {
    if (first4 > last4) return false;
    reading.ipv4.push({ first: BigInt(first4), last: BigInt(last4), value });
    return true;
  }
  const [first, last] = [ipv6Number(firstText), ipv6Number(lastText)];
  if (first === undefined || last === undefined || first > last) return false;
  reading.ipv6.push({ first, last, value });
  return true;
}

/** Notes a date that a file states; the newest counts, since only then everything in the table was so. */
export function noteDate(reading: Reading, date: string): void {
  if (reading.date === undefined || date > reading.date) reading.date = date;
}

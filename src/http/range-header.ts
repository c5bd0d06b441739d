/**
 * The header `Range`: one part of a file. Several parts at once, and what isn't of the form, are answered by the whole,
 * as RFC 9110 §14.2 allows. Pure.
 */
import type { ByteRange } from "../store/range.ts";

/** The part that is asked for; "whole" for all of it, "unsatisfiable" where the file has nothing of it. */
export function parseRange(header: string | undefined, bytes: number): ByteRange | "whole" | "unsatisfiable" {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header?.replaceAll(/\s/g, "") ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return "whole";
  if (first === "") {
    const length = Number(last);
    return length === 0 || bytes === 0 ? "unsatisfiable" : { start: Math.max(0, bytes - length), end: bytes };
  }
  const start = Number(first);
  const end = last === "" ? bytes : Math.min(bytes, Number(last) + 1);
  if (last !== "" && Number(last) < start) return "whole";
  return start >= bytes ? "unsatisfiable" : { start, end };
}

/** True where an `If-None-Match` header names this tag, weak or strong, or any (RFC 9110 §13.1.2). */
export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((item) => item.trim() === "*" || item.trim().replace(/^W\//, "") === etag);
}

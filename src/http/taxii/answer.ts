/**
 * Answers of TAXII 2.1: every one has its media type with the version, errors too.
 *
 * @see TAXII 2.1 §3.1 (media types), §3.6 (errors), §1.6.9 (authentication)
 */
import { createHash } from "node:crypto";
import { SpampotsError } from "../../errors.ts";
import { microsecondInstant } from "../../publication/manifest.ts";
import { parseAccept } from "../media.ts";
import { failureOf } from "../problem.ts";

export const taxiiMediaType = "application/taxii+json;version=2.1";

/** How specific each range is that covers our type: the most specific one decides. */
function fitOf({ type, parameters }: ReturnType<typeof parseAccept>[number]): number {
  if (type === "*/*") return 1;
  if (type === "application/*") return 2;
  if (type !== "application/taxii+json") return 0;
  const version = parameters.get("version");
  if (version === undefined) return 3;
  return version === "2.1" ? 4 : 0;
}

/** True where the client takes our media type, with or without its version; who says nothing takes all. */
export function takesTaxii(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === "") return true;
  const ranges = parseAccept(accept).map((range) => ({ fit: fitOf(range), weight: range.weight }));
  const best = Math.max(0, ...ranges.map(({ fit }) => fit));
  return best > 0 && ranges.some(({ fit, weight }) => fit === best && weight > 0);
}

/** The one error for everything that isn't there for a caller, whether or not it is for another. */
export function nothingHere(): SpampotsError {
  return new SpampotsError("not-found", "There is nothing here for you.", {
    hint: "/taxii2/ leads to the collections that you can read; every path ends in a slash.",
  });
}

/** The error for a query that can't be understood: one parameter, and what to write. */
export function badQuery(path: string, message: string): SpampotsError {
  return new SpampotsError("bad-argument", "The query isn't one that TAXII knows.", {
    problems: [{ file: "query", path, message }],
  });
}

/** An error as TAXII's error object. */
export function taxiiError(error: unknown): Response {
  const { code, status, title, detail, headers, problems } = failureOf(error);
  const said = [detail, ...problems.map(({ path, message }) => `${path}: ${message}`)].join(" ");
  const basic = code === "unauthenticated" ? " With HTTP Basic, send the token as the password." : "";
  const body = { title, description: `${said}${basic}`, error_code: code, http_status: String(status) };
  const answer = jsonAnswer(body, { status, headers });
  if (status === 401) {
    answer.headers.set("WWW-Authenticate", 'Bearer realm="spampots"');
    answer.headers.append("WWW-Authenticate", 'Basic realm="spampots", charset="UTF-8"');
  }
  return answer;
}

/** A resource. */
export function jsonAnswer(
  body: unknown,
  more: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): Response {
  return bytesAnswer([Buffer.from(JSON.stringify(body))], more);
}

/** A resource in the pieces that it was put together from. */
export function bytesAnswer(
  pieces: readonly Uint8Array[],
  {
    status = 200,
    headers = {},
  }: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): Response {
  const body = Buffer.concat(pieces);
  return new Response(body, {
    status,
    headers: {
      ...headers,
      "Content-Type": taxiiMediaType,
      "Content-Length": String(body.length),
      "Cache-Control": "private, no-store",
      Vary: "Accept, Authorization",
    },
  });
}

/** When the first and the last record of an answer were added, in microseconds; nothing where there are none. */
export function dateHeaders(records: readonly { readonly added: number }[]): Record<string, string> {
  const [first, last] = [records[0], records.at(-1)];
  if (first === undefined || last === undefined) return {};
  return {
    "X-TAXII-Date-Added-First": microsecondInstant(first.added),
    "X-TAXII-Date-Added-Last": microsecondInstant(last.added),
  };
}

/** The first 16 bytes of a SHA-256, as short as a digest that only guards against mistakes may be. */
export function shortDigest(text: string): Buffer {
  return createHash("sha256").update(text).digest().subarray(0, 16);
}

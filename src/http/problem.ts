/**
 * Errors as answers: `application/problem+json`, with the project's own code and the next step. What isn't an error of
 * ours is told as a fault of ours and nothing more.
 *
 * @see RFC 9457 (problem details), RFC 6750 §3 (WWW-Authenticate)
 */
import { STATUS_CODES } from "node:http";
import { codeOf, type ErrorCode, errorTable, isError, type Problem, sayError } from "../errors.ts";
import type { Log } from "../log.ts";

/** What an answer says of an error: one shape, of which each door makes its own words. */
export interface Failure {
  readonly code: ErrorCode;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly problems: readonly Problem[];
}

/** Codes whose message and hint were written for whoever calls; others are ours alone. */
const forCallers = new Set<ErrorCode>([
  "bad-argument",
  "unauthenticated",
  "forbidden",
  "not-found",
  "method-not-allowed",
  "not-acceptable",
  "gone",
  "too-large",
  "too-many-requests",
  "not-ready",
]);

/** Sentences for what the caller can't help. */
const ours: Partial<Record<ErrorCode, string>> = {
  "store-unavailable": "The store doesn't answer at the moment. Try again in a minute.",
  "disk-failed": "The store doesn't answer at the moment. Try again in a minute.",
  interrupted: "The service is stopping. Try again in a minute.",
};

/** What an error is for who called. */
export function failureOf(error: unknown): Failure {
  const code = codeOf(error);
  const { http, retry } = errorTable[code];
  const told = isError(error) && forCallers.has(code);
  const said = [error instanceof Error ? error.message : "", isError(error) ? (error.hint ?? "") : ""];
  const detail = told
    ? said.filter((part) => part !== "").join(" ")
    : (ours[code] ?? "The service failed. The operator was told.");
  const wait =
    isError(error) && typeof error.facts.retryAfter === "number" ? error.facts.retryAfter : retry ? 30 : undefined;
  const allow = isError(error) && typeof error.facts.allow === "string" ? error.facts.allow : undefined;
  return {
    code: told ? code : retry ? code : "internal",
    status: http,
    title: STATUS_CODES[http] ?? "Error",
    detail,
    problems: told ? error.problems : [],
    headers: {
      ...(wait === undefined ? {} : { "Retry-After": String(wait) }),
      ...(allow === undefined ? {} : { Allow: allow }),
      ...(code === "unauthenticated" ? { "WWW-Authenticate": 'Bearer realm="spampots", error="invalid_token"' } : {}),
    },
  };
}

/** Tells the operator of an error that the caller can't help; what is only being prepared isn't one. */
export function logFailure(error: unknown, log: Log): void {
  if (failureOf(error).status < 500 || isError(error, "not-ready")) return;
  log.error({ err: sayError(error), facts: isError(error) ? error.facts : {} }, "a request failed");
}

/** The answer of the pull API. */
export function problemResponse(error: unknown): Response {
  const { code, status, title, detail, headers, problems } = failureOf(error);
  const places = problems.map(({ path, message }) => ({ path, message }));
  const body = { type: "about:blank", title, status, detail, code, ...(places.length > 0 ? { problems: places } : {}) };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...headers, "Content-Type": "application/problem+json", "Cache-Control": "no-store" },
  });
}

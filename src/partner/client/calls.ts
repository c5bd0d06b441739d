/**
 * Calls to a service, as its client: bounded in time and bytes, tried again where that may help, and never sent on to
 * another place by a redirect, but for a file that a store hands out itself. The only file of the client that calls out.
 *
 * @see RFC 9110 §10.2.3 (Retry-After) and §15.4 (redirects), RFC 6585 §4 (429)
 */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { SpampotsError, sayError } from "../../errors.ts";
import { plain } from "../../log.ts";
import { isLoopback } from "../../settings.ts";

/** One answer; its body is read once, or discarded. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Throws {@link Passing} where the connection breaks, stands still or crawls. */
  readonly body: AsyncIterable<Uint8Array>;
  discard(): void;
}

export interface Call {
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes it a POST. */
  readonly form?: Readonly<Record<string, string>>;
  /** A redirect by 302 is followed, once, without `Authorization` and `If-Range`: to a URL that a store signed. */
  readonly handedOn?: boolean;
}

/** What may be over when it is tried again. Caught by {@link patiently}. */
export class Passing extends Error {
  readonly code: "unreachable" | "too-many-requests";
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    { cause, status, retryAfterMs }: { cause?: unknown; status?: number; retryAfterMs?: number } = {},
  ) {
    super(message, { cause });
    this.code = status === 429 ? "too-many-requests" : "unreachable";
    this.retryAfterMs = retryAfterMs;
  }
}

/** Milliseconds without a byte after which a call is given up. */
const idleMs = 60_000;

/** Bytes in a millisecond that a body must come to after its first minute: who sends one byte a minute holds up nobody. */
const leastRate = 1;

/** Times that something is tried, the pause before the second in milliseconds, and the longest pause that a service may ask for. */
const mostAttempts = 5;
const firstPauseMs = 500;
const longestPauseMs = 120_000;

const passing = new Set([408, 429, 500, 502, 503, 504]);

/** Pauses for so many milliseconds. */
export type Sleep = (ms: number) => Promise<void>;

/**
 * Does `work` again, after a pause that doubles or that the service asks for, while it ends in {@link Passing}. Attempts
 * after which `progress` grew aren't counted.
 *
 * @throws SpampotsError `unreachable`, `too-many-requests`; and whatever else `work` throws, at once.
 */
export async function patiently<T>(sleep: Sleep, work: () => Promise<T>, progress = () => 0): Promise<T> {
  let reached = progress();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Passing)) throw error;
      if (progress() > reached) attempt = 1;
      reached = progress();
      if (attempt >= mostAttempts) {
        throw new SpampotsError(error.code, error.message, {
          cause: error,
          reason: reasonOf(error.cause),
          hint: "Run the same command again later: it goes on where it stopped.",
        });
      }
      await sleep(Math.min(longestPauseMs, error.retryAfterMs ?? firstPauseMs * 2 ** (attempt - 1)));
    }
  }
}

/** What the system says of it. */
function reasonOf(cause: unknown): string | undefined {
  if (cause === undefined) return undefined;
  const code = cause instanceof Error && "code" in cause ? `${String(cause.code)}: ` : "";
  return plain(`${code}${sayError(cause)}`).slice(0, 300);
}

/**
 * Calls once.
 *
 * @throws Passing for what may pass; SpampotsError `bad-argument` for a redirect that isn't followed.
 */
export async function callOnce(url: URL, call: Call = {}): Promise<Answer> {
  const answer = await send(url, call);
  if (passing.has(answer.status)) {
    answer.discard();
    const seconds = /^\d{1,6}$/.exec(answer.headers["retry-after"] ?? "")?.[0];
    const wait = seconds === undefined ? {} : { retryAfterMs: Number(seconds) * 1000 };
    throw new Passing(`The service answers with HTTP status ${answer.status}.`, { status: answer.status, ...wait });
  }
  const { location } = answer.headers;
  if (answer.status < 300 || answer.status > 399 || location === undefined) return answer;
  answer.discard();
  const next = URL.parse(location, url.href);
  if (call.handedOn !== true || answer.status !== 302 || next === null || !isSafe(next, url))
    throw redirected(location);
  const { authorization: _, "if-range": __, ...headers } = call.headers ?? {};
  return callOnce(next, { headers });
}

/** What a URL of a service's own may send us on to: https, or this machine where the service is on it. */
function isSafe(next: URL, from: URL): boolean {
  if (next.username !== "" || next.password !== "") return false;
  return (
    next.protocol === "https:" || (next.protocol === "http:" && isLoopback(next.hostname) && isLoopback(from.hostname))
  );
}

function redirected(location: string): SpampotsError {
  return new SpampotsError("bad-argument", "The service sends us elsewhere, which isn't followed.", {
    location: plain(location.slice(0, 300)),
    hint: "See that the URL is the one that you were told: https, without a path.",
  });
}

/** By node:http, not by fetch: that unpacks what a store keeps with a content coding, and digests are of files as they are. */
function send(url: URL, { headers, form }: Call): Promise<Answer> {
  const body = form === undefined ? undefined : new URLSearchParams(form).toString();
  const ask = url.protocol === "https:" ? httpsRequest : httpRequest;
  const request = ask(url, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      "user-agent": "spampots-fetch",
      "accept-encoding": "identity",
      ...(body === undefined
        ? {}
        : { "content-type": "application/x-www-form-urlencoded", "content-length": String(Buffer.byteLength(body)) }),
      ...headers,
    },
    timeout: idleMs,
  });
  return new Promise((done, fail) => {
    request.on("timeout", () => request.destroy(new Error(`nothing came for ${idleMs / 1000} s`)));
    // After an answer this changes nothing: who reads the body meets the error there.
    request.on("error", (cause) => fail(new Passing("The service can't be reached.", { cause })));
    request.on("response", (response) => {
      const { statusCode: status = 0, headers } = response;
      done({ status, headers, body: bodyOf(response), discard: () => void response.destroy() });
    });
    request.end(body);
  });
}

async function* bodyOf(response: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const begun = performance.now();
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += chunk.length;
      const elapsed = performance.now() - begun;
      if (elapsed > idleMs && bytes < elapsed * leastRate) throw new Error("it comes too slowly");
      yield chunk;
    }
  } catch (cause) {
    throw new Passing("The connection to the service broke off.", { cause });
  }
}

/** All of a body that isn't longer than `limit` bytes; `undefined` for a longer one, of which no more is read. */
export async function readAtMost({ body }: Answer, limit: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    // Who leaves the loop ends the answer.
    if (bytes > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

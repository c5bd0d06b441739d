/**
 * Calls to destinations by HTTP: inside the fence, by TLS, with the partner's credentials, no redirect followed,
 * bounded in time and in what is read of an answer. The one way out, but for S3's. Whatever answers is an opponent
 * until it has been understood.
 *
 * @see RFC 9110 §9.2.2 (what may be sent again), RFC 9112 §9.3.1 (connections that close), RFC 9530 (Content-Digest)
 */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { isError, SpampotsError, sayError } from "../../errors.ts";
import type { Auth, ClientTls } from "../../feed/destinations.ts";
import { retryAfter } from "./backoff.ts";
import { authorizationOf, clientPair } from "./credentials.ts";
import type { TargetWorld } from "./destination.ts";
import { type Fence, fencedLookup, fencedOff, mayAsk } from "./fence.ts";

/** How long a call may take, in milliseconds. */
export interface OutboundLimits {
  /** Without a byte in either direction, look-up and handshake included. */
  readonly idleMs: number;
  /**
   * In all, from the look-up to the last byte of the answer: so long, and as long again as its body takes at the
   * slowest.
   */
  readonly wholeMs: number;
  /** The slowest that a body is sent: bytes in a second. */
  readonly slowest: number;
}

/** A destination that takes a megabyte in 16 s is slow, and one that takes longer is as good as none. */
const usualLimits: OutboundLimits = { idleMs: 60_000, wholeMs: 120_000, slowest: 65_536 };

/** Bytes of an answer that are read at most; those of its headers Node bounds (16 KiB). */
const mostAnswer = 1_048_576;

/** Interim answers (1xx) before the answer at most. */
const mostInterim = 20;

/** One call. */
export interface OutboundCall {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "MKCOL" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * What is sent: all at once, or a stream whose length is known. The stream may be iterated a second time, where a
   * connection turns out to have been closed. A call whose stream is shorter or longer than its length, or fails, never
   * ends as if whole: the connection is cut.
   */
  readonly body?: Uint8Array | { readonly bytes: number; readonly chunks: AsyncIterable<Uint8Array> };
  readonly signal: AbortSignal;
}

/** An answer, whatever its status. */
export interface OutboundAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Uint8Array;
}

export interface Outbound {
  /**
   * @throws SpampotsError `delivery-failed` where no whole answer came, `delivery-refused` for a TLS or fence problem.
   */
  call(call: OutboundCall): Promise<OutboundAnswer>;
  close(): void;
}

/** How a destination is reached. */
export interface OutboundOptions {
  readonly auth?: Auth | undefined;
  readonly tls?: ClientTls | undefined;
  readonly world: Omit<TargetWorld, "memory">;
  readonly limits?: OutboundLimits;
}

/**
 * Opens the way out to one destination.
 *
 * @throws SpampotsError `delivery-refused` where a secret is missing, or is none.
 */
export async function openOutbound({ auth, tls, world, limits = usualLimits }: OutboundOptions): Promise<Outbound> {
  const authorization = auth === undefined ? {} : { authorization: authorizationOf(auth, world) };
  const shared = { keepAlive: true, timeout: limits.idleMs, lookup: fencedLookup(world) };
  const agents = {
    http: new HttpAgent(shared),
    https: new HttpsAgent({ ...shared, minVersion: "TLSv1.2", ...(tls ? await clientPair(tls, world) : {}) }),
  };
  const start = ({ method, url, headers, body, signal }: OutboundCall): ClientRequest => {
    const secure = url.protocol === "https:";
    const length = body === undefined ? {} : { "content-length": String(lengthOf(body)) };
    return (secure ? httpsRequest : httpRequest)(url, {
      method,
      agent: secure ? agents.https : agents.http,
      headers: { "user-agent": "spampots-feeds", ...authorization, ...length, ...headers },
      timeout: limits.idleMs,
      signal,
    });
  };
  return {
    async call(call) {
      checkPlace(call.url, world);
      let request = start(call);
      try {
        return await exchange(request, call, limits);
      } catch (error) {
        if (!wasClosedBefore(request, call, error)) throw error;
        request = start(call);
        return exchange(request, call, limits);
      }
    },
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

const lengthOf = (body: NonNullable<OutboundCall["body"]>) => ("chunks" in body ? body.bytes : body.length);

/**
 * Whether a connection that was kept had been closed by the other side before it saw the call: then, and only where
 * doing it twice does no harm, the call is made again on a fresh one.
 */
function wasClosedBefore(
  request: ClientRequest,
  { method, headers = {}, signal }: OutboundCall,
  error: unknown,
): boolean {
  const reason = isError(error, "delivery-failed") ? error.facts.reason : undefined;
  const harmless = method !== "POST" || "idempotency-key" in headers;
  return request.reusedSocket && harmless && !signal.aborted && (reason === "ECONNRESET" || reason === "EPIPE");
}

/** What can be told before a name is resolved. `URL` has brought every spelling of an IPv4 address to the usual one. */
export function checkPlace(url: URL, fence: Fence): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !mayAsk(host, fence)) throw fencedOff(host);
  if (url.protocol === "https:" || (fence.loopback && /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host))) return;
  throw new SpampotsError("delivery-refused", "A destination is asked by https alone.", {
    host,
    reason: "not https",
    hint: "http is for this machine, where SPAMPOTS_PUSH_LOOPBACK allows it.",
  });
}

/** An error of Node, of ours, or a plain one with a sentence for `reason`. */
const fault = (reason: string) => new SpampotsError("delivery-failed", "A destination doesn't answer.", { reason });

async function exchange(
  request: ClientRequest,
  { url, body }: OutboundCall,
  { idleMs, wholeMs, slowest }: OutboundLimits,
): Promise<OutboundAnswer> {
  const answered = Promise.withResolvers<IncomingMessage>();
  let why: SpampotsError | undefined;
  const breakOff = (reason: string) => {
    why = fault(reason);
    answered.reject(why);
    request.destroy(why);
  };
  let hasAnswer = false;
  let interim = 0;
  request
    .once("response", (response) => {
      hasAnswer = true;
      answered.resolve(response);
    })
    // Also after the answer: a connection may break twice.
    .on("error", answered.reject)
    // Node tells of no error where the other side wants to speak something else (101).
    .on("close", () => {
      if (!hasAnswer) answered.reject(fault("it ended the connection"));
    })
    .once("timeout", () => breakOff(`nothing came or went for ${idleMs / 1000} s`))
    .on("information", () => {
      interim += 1;
      if (interim > mostInterim) breakOff("interim answers without end");
    });
  const whole = wholeMs + (body === undefined ? 0 : (lengthOf(body) / slowest) * 1000);
  const timer = setTimeout(() => breakOff(`not done after ${Math.round(whole / 1000)} s`), whole);
  try {
    // An answer may come before all was sent: whoever refuses needn't take the rest.
    const sent = { whole: false };
    send(request, body).then(() => {
      sent.whole = true;
    }, answered.reject);
    const response = await answered.promise;
    const status = response.statusCode ?? 0;
    if (status < 300 && !sent.whole) throw fault("it answers that it has what wasn't sent yet");
    return { status, headers: response.headers, body: await readAnswer(response) };
  } catch (error) {
    request.destroy();
    throw why ?? failed(error, url);
  } finally {
    clearTimeout(timer);
    if (!request.writableFinished) request.destroy();
  }
}

/**
 * Hands over the whole body and ends the request; rejects, without ending it, where the body isn't what was announced.
 */
async function send(request: ClientRequest, body: OutboundCall["body"]): Promise<void> {
  if (body === undefined || !("chunks" in body)) {
    request.end(body);
    return;
  }
  let goOn = () => {};
  request.on("drain", () => goOn()).on("close", () => goOn());
  let left = body.bytes;
  // The last chunk goes once it is known to be the last: with it, the other side has a whole body.
  let held: Uint8Array = new Uint8Array();
  for await (const chunk of body.chunks) {
    left -= chunk.length;
    if (request.destroyed || left < 0) break;
    const flows = request.write(held);
    held = chunk;
    if (flows) continue;
    await new Promise<void>((resolve) => {
      goOn = resolve;
      if (request.destroyed) resolve();
    });
  }
  if (request.destroyed) throw fault("it was broken off");
  if (left !== 0) throw fault("the body isn't as long as it should be");
  request.end(held);
}

/** @throws SpampotsError `delivery-failed` where it is cut, or longer than any that is needed. */
async function readAnswer(response: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      const part = chunk as Uint8Array; // no encoding is set
      bytes += part.length;
      if (bytes > mostAnswer) throw fault("its answer is longer than any that is needed");
      chunks.push(part);
    }
  } catch (error) {
    throw isError(error) ? error : fault("its answer was cut");
  }
  return Buffer.concat(chunks);
}

/** Codes of Node and OpenSSL for a certificate that doesn't hold. */
const untrusted = /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_|INVALID_CA|ERR_SSL_|HOSTNAME_MISMATCH|EPROTO$)/;

/** True for the error of a TLS connection that isn't to be trusted, or doesn't trust us. */
export const isUntrusted = (error: unknown): boolean => untrusted.test(systemCode(error));

const systemCode = (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : "");

function failed(error: unknown, { host }: URL): SpampotsError {
  if (isError(error)) return error;
  const code = systemCode(error);
  if (isUntrusted(error)) {
    return new SpampotsError("delivery-refused", "A destination's certificate doesn't hold, or it refuses ours.", {
      cause: error,
      host,
      reason: code,
      hint: "Ask the partner; a private authority is made known by NODE_EXTRA_CA_CERTS.",
    });
  }
  return new SpampotsError("delivery-failed", "A destination doesn't answer.", {
    cause: error,
    host,
    reason: code === "" ? sayError(error) : code,
  });
}

/** The clock of who answered, in milliseconds since 1970 UTC, where it states it as it should (RFC 9110 §6.6.1). */
export function clockOf({ headers: { date = "" } }: Pick<OutboundAnswer, "headers">): { readonly clock?: number } {
  const clock = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(date)
    ? Date.parse(date)
    : Number.NaN;
  return Number.isNaN(clock) ? {} : { clock };
}

/** Statuses that pass by themselves (RFC 9110, RFC 6585, RFC 8470). */
const passing = new Set([408, 409, 421, 423, 425, 429]);

/** @throws SpampotsError `delivery-failed` or `delivery-refused`, with `status`, for any answer but 2xx. */
export function checkTaken(answer: OutboundAnswer, url: URL): void {
  if (answer.status < 200 || answer.status >= 300) throw refusalOf(answer, url);
}

function refusalOf({ status, headers }: OutboundAnswer, url: URL): SpampotsError {
  const facts = { host: url.host, status, reason: `HTTP ${status}` };
  if (status >= 500 || passing.has(status)) {
    const retryAfterMs = retryAfter(headers["retry-after"], Date.now());
    return new SpampotsError("delivery-failed", "A destination can't take a delivery now.", {
      ...facts,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  if (status >= 300 && status < 400) {
    return new SpampotsError("delivery-refused", "A destination sends us elsewhere; redirects aren't followed.", {
      ...facts,
      hint: "Ask the partner where it is now, and correct its URL in partners.yaml.",
    });
  }
  return new SpampotsError("delivery-refused", "A destination refuses a delivery.", {
    ...facts,
    hint: "Ask the partner; see that URL and credentials are right.",
  });
}

/**
 * Calls to destinations by HTTP: inside the fence, by TLS, with the partner's credentials, no redirect followed, bounded in
 * time and in what is read of an answer. The one way out, but for S3's.
 *
 * @see RFC 9110 §10.2.3 (Retry-After), RFC 9530 (Content-Digest)
 */
import { readFile } from "node:fs/promises";
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { finished } from "node:stream/promises";
import { isError, SpampotsError, sayError } from "../errors.ts";
import type { Auth, ClientTls } from "../feed/destinations.ts";
import type { TargetWorld } from "./destination.ts";
import { type Fence, fencedLookup, fencedOff, mayAsk } from "./fence.ts";

/** Milliseconds without a byte in either direction after which a call is given up. */
const idleMs = 60_000;

/** Bytes of an answer that are read at most. */
const mostAnswer = 1_048_576;

/** One call. */
export interface OutboundCall {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "MKCOL";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent: all at once, or a stream whose length is known. */
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
  /** @throws SpampotsError `delivery-failed` where no whole answer came, `delivery-refused` for a TLS or fence problem. */
  call(call: OutboundCall): Promise<OutboundAnswer>;
  close(): void;
}

/** How a destination is reached. */
export interface OutboundOptions {
  readonly auth?: Auth | undefined;
  readonly tls?: ClientTls | undefined;
  readonly world: TargetWorld;
}

/** A secret of the environment. @throws SpampotsError `delivery-refused` where the variable isn't set. */
export function secretOf({ secret }: Pick<TargetWorld, "secret">, variable: string): string {
  const value = secret(variable);
  if (value !== undefined && value !== "") return value;
  throw new SpampotsError("delivery-refused", "A secret of a destination isn't there.", {
    variable,
    hint: "Set this environment variable where the runner is started; partners.yaml holds its name only.",
  });
}

/** Opens the way out to one destination. @throws SpampotsError `delivery-refused` where a secret is missing. */
export async function openOutbound({ auth, tls, world }: OutboundOptions): Promise<Outbound> {
  const authorization = auth === undefined ? {} : { authorization: authorizationOf(auth, world) };
  const lookup = fencedLookup(world);
  const agents = {
    "http:": new HttpAgent({ keepAlive: true, lookup }),
    "https:": new HttpsAgent({
      keepAlive: true,
      lookup,
      minVersion: "TLSv1.2",
      ...(tls ? await pair(tls, world) : {}),
    }),
  };
  return {
    async call({ method, url, headers = {}, body, signal }) {
      checkPlace(url, world);
      const secure = url.protocol === "https:";
      const length =
        body === undefined ? {} : { "content-length": String("chunks" in body ? body.bytes : body.length) };
      const request = (secure ? httpsRequest : httpRequest)(url, {
        method,
        agent: secure ? agents["https:"] : agents["http:"],
        headers: { "user-agent": "spampots-feeds", ...authorization, ...length, ...headers },
        timeout: idleMs,
        signal,
      });
      return exchange(request, body, url);
    },
    close() {
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
}

function authorizationOf(auth: Auth, world: TargetWorld): string {
  if ("bearer" in auth) return `Bearer ${secretOf(world, auth.bearer)}`;
  const pair = `${secretOf(world, auth.user)}:${secretOf(world, auth.password)}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

async function pair(tls: ClientTls, world: TargetWorld): Promise<{ cert: string; key: string }> {
  const read = async (variable: string) => {
    const path = secretOf(world, variable);
    return readFile(path, "utf8").catch((cause: unknown) => {
      throw new SpampotsError("delivery-refused", "The certificate for a destination, or its key, can't be read.", {
        cause,
        variable,
        hint: "The variable holds the path of a PEM file.",
      });
    });
  };
  return { cert: await read(tls.certificate), key: await read(tls.key) };
}

/** What can be told before a name is resolved. @throws SpampotsError `delivery-refused` */
export function checkPlace(url: URL, fence: Fence): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !mayAsk(host, fence)) throw fencedOff(host);
  if (url.protocol === "https:" || (fence.loopback && /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host))) return;
  throw new SpampotsError("delivery-refused", "A destination is asked by https alone.", {
    host,
    hint: "http is for this machine, where SPAMPOTS_PUSH_LOOPBACK allows it.",
  });
}

async function exchange(request: ClientRequest, body: OutboundCall["body"], url: URL): Promise<OutboundAnswer> {
  const answered = Promise.withResolvers<IncomingMessage>();
  request.once("response", answered.resolve);
  request.once("error", answered.reject);
  request.once("timeout", () => request.destroy(new Error("nothing came or went for a minute")));
  try {
    // An answer may come before all was sent: whoever refuses needn't take the rest.
    const sent = send(request, body);
    sent.catch((error: unknown) => answered.reject(error));
    const response = await answered.promise;
    const read = await readAnswer(response);
    const status = response.statusCode ?? 0;
    if (status < 300) await sent;
    return { status, headers: response.headers, body: read };
  } catch (error) {
    throw failed(error, url);
  } finally {
    if (!request.writableFinished) request.destroy();
  }
}

async function send(request: ClientRequest, body: OutboundCall["body"]): Promise<void> {
  if (body === undefined) {
    request.end();
    return;
  }
  if (!("chunks" in body)) {
    request.end(body);
    return;
  }
  for await (const chunk of body.chunks) {
    if (request.write(chunk)) continue;
    const drained = new Promise<void>((go) => request.once("drain", () => go()));
    await Promise.race([drained, finished(request)]);
    if (request.destroyed) return;
  }
  request.end();
}

async function readAnswer(response: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    const part = chunk as Uint8Array; // no encoding is set
    bytes += part.length;
    if (bytes > mostAnswer) {
      response.destroy();
      throw new Error("the answer is longer than any that is needed");
    }
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

/** Codes of Node and OpenSSL for a certificate that doesn't hold. */
const untrusted = /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_|INVALID_CA|ERR_SSL_|HOSTNAME_MISMATCH)/;

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

/** Statuses that pass by themselves (RFC 9110, RFC 6585, RFC 8470). */
const passing = new Set([408, 409, 421, 423, 425, 429]);

/**
 * The error for an answer that isn't what was hoped for.
 *
 * @returns SpampotsError `delivery-failed` or `delivery-refused`, with `status`
 */
export function refusalOf({ status, headers }: OutboundAnswer, url: URL): SpampotsError {
  const facts = { host: url.host, status, reason: `HTTP ${status}` };
  if (status >= 500 || passing.has(status)) {
    const retryAfterMs = retryAfter(headers["retry-after"]);
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

/** Milliseconds that a `Retry-After` asks for, in seconds or as a date. */
function retryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

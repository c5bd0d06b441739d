/**
 * Single requests of Trino's client protocol, made by `trino-client` with its headers, credentials and TLS, and tried
 * again as the protocol says.
 *
 * Flow: `query.ts` -> here -> coordinator.
 *
 * @see https://trino.io/docs/476/develop/client-protocol.html
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { AxiosRequestConfig } from "axios";
import { type ConnectionOptions, type QueryResult, Trino } from "trino-client";
import { brokenOff, mayPass, noTrino, unanswered } from "./errors.ts";

/** The library's own requests: with its headers, credentials and TLS. */
interface Requests {
  request(config: AxiosRequestConfig<unknown>): Promise<unknown>;
}

/** How a cluster is reached. */
export interface Cluster {
  readonly requests: Requests;
  /** Milliseconds for which a cluster that doesn't answer is asked again. */
  readonly patienceMs: number;
}

/** A cluster by the library's options. Nothing is asked yet. */
export function clusterOf(options: ConnectionOptions, patienceMs: number): Cluster {
  // The protocol through the library's requests, which it keeps in a member that its types call private.
  const { client } = Trino.create(options) as unknown as { readonly client: Requests };
  return { requests: client, patienceMs };
}

/** One request of a query. */
export interface Request {
  readonly method: "POST" | "GET" | "DELETE";
  /** Path at the coordinator that the settings name. */
  readonly url: string;
  readonly data?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A page comes within a second or so; a coordinator that says nothing for this long hangs. */
const answerMs = 60_000;
const firstPauseMs = 100;
const longestPauseMs = 2_000;
/** A page is some megabytes; the protocol's largest is 128 MB. */
const mostBytes = 256_000_000;

/**
 * Asks, and asks again while the cluster may come back. A page whose answer was lost is asked for by the same token; of a
 * statement whose answer was lost nobody fetches the first page, so that it never runs.
 *
 * @param query its id where there is one, for whoever reads the error.
 * @throws SpampotsError `engine-unavailable`, or `engine-failed` where asking again can't help or `signal` is aborted.
 */
export async function ask(
  { requests, patienceMs }: Cluster,
  request: Request,
  { signal, query }: { signal?: AbortSignal | undefined; query?: string } = {},
): Promise<QueryResult> {
  const end = performance.now() + patienceMs;
  for (let pause = firstPauseMs; ; pause = Math.min(2 * pause, longestPauseMs)) {
    if (isAborted(signal)) throw brokenOff(query);
    try {
      return pageOf(await send(requests, request, Math.min(answerMs, patienceMs), signal), query);
    } catch (cause) {
      if (isAborted(signal)) throw brokenOff(query);
      if (!mayPass(cause) || performance.now() > end) throw unanswered(cause, query);
    }
    // An abort is seen when the loop begins again.
    await sleep(pause, undefined, signal === undefined ? {} : { signal }).catch(() => {});
  }
}

const isAborted = (signal: AbortSignal | undefined) => signal?.aborted === true;

/**
 * Frees the cluster of a query, by the path of one of its pages. Never rejects: one that nobody asks about ends by itself
 * after minutes.
 */
export async function cancel({ requests }: Cluster, path: string): Promise<void> {
  const request: Request = { method: "DELETE", url: path };
  for (let attempt = 0; attempt < cancelAttempts; attempt += 1) {
    const failure = await send(requests, request, cancelMs).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined || !mayPass(failure)) return;
    await sleep(firstPauseMs);
  }
}

/** Who cancels is about to end. */
const cancelAttempts = 2;
const cancelMs = 1_000;

/**
 * A page's path: behind a front, a coordinator may name a scheme or host that isn't how we reach it.
 *
 * @throws SpampotsError `engine-failed` where it is none.
 */
export function pathOf(uri: string): string {
  const url = URL.parse(uri, "http://trino.invalid");
  if (url === null) throw noTrino();
  return url.pathname + url.search;
}

function send(requests: Requests, request: Request, timeout: number, signal?: AbortSignal): Promise<unknown> {
  return requests.request({
    ...request,
    timeout,
    // Credentials go to the coordinator that the settings name, and nowhere else.
    maxRedirects: 0,
    proxy: false,
    maxContentLength: mostBytes,
    responseType: "text",
    // As it is: it is parsed where an error of it isn't taken for one of the network.
    transformResponse: [(body: unknown) => body],
    ...(signal === undefined ? {} : { signal }),
  });
}

function pageOf(body: unknown, query: string | undefined): QueryResult {
  const page = typeof body === "string" ? parsed(body) : undefined;
  if (typeof page !== "object" || page === null || !("id" in page) || typeof page.id !== "string") {
    if (query === undefined) throw noTrino();
    // What took the query is a Trino: a front cut the page off, or put its own in the place of it. It is asked for again.
    throw new Error("What came is no page of the query.");
  }
  // The protocol's form, of which `id` is always there: what answers is a Trino.
  return page as QueryResult;
}

function parsed(body: string): unknown {
  try {
    return exactJson(body);
  } catch {
    return undefined;
  }
}

/** A whole number of so many digits where a cell stands: hardly any page has one. */
const longNumber = /[[,:]\s*-?\d{16,}\s*[\],}]/;

/** JSON with whole numbers as they stand: those beyond 53 bits as bigint. */
export function exactJson(text: string): unknown {
  if (!longNumber.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context?.source ?? "")
      : value,
  );
}

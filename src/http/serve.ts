/**
 * Serving: listens, follows what is in force, moves receipts into the store, and ends cleanly. Reads the store, and never
 * the lake.
 *
 * @see RFC 9325 (TLS)
 */
import { createServer, type Server, type ServerOptions } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { collectDefaultMetrics, Registry as MetricsRegistry } from "prom-client";
import { Collections } from "../delivery/collection/collections.ts";
import { ReceiptJournal } from "../delivery/receipts/journal.ts";
import { isDoneWithin } from "../delivery/within.ts";
import { sayError } from "../errors.ts";
import type { Log } from "../log.ts";
import { sweepRequests } from "../partner/joining/request.ts";
import { type ServeSettings, serviceUrl } from "../settings.ts";
import type { Store } from "../store/store.ts";
import { Access } from "./access.ts";
import { createApp } from "./app.ts";
import { clientAddresses } from "./client-address.ts";
import { Limits } from "./limits.ts";
import { listenOn } from "./listen.ts";
import { Metrics, serveMetrics, type Watched } from "./metrics.ts";
import { Published } from "./published.ts";
import type { Registry } from "./registry.ts";
import { sweepUsed } from "./used.ts";
import type { HttpWorld } from "./world.ts";

/** What a service is made of. */
export interface Serve {
  readonly settings: ServeSettings;
  readonly issuer: string;
  readonly version: string;
  readonly store: Store;
  readonly registry: Registry;
  /** Folder for receipts on their way, of this process alone. */
  readonly receipts: string;
  /** Folder for what TAXII needs to know of publications; can be deleted whenever nothing serves. */
  readonly index: string;
  /** The certificate and its key; asked again at each look, since they are renewed. */
  readonly readTls?: () => Promise<Tls>;
  /** Metrics and readiness of a runner in the same process; its metrics are served along with ours. */
  readonly runner?: Required<Watched>;
  clock(): number;
  readonly log: Log;
}

/** PEM texts. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

/** A service that listens. */
export interface Serving {
  /** Where partners reach it. */
  readonly url: string;
  readonly port: number;
  /** Answers what was asked, moves receipts, and ends within ten seconds. */
  close(): Promise<void>;
}

/** How often files are looked at, in milliseconds: a change is in force within seconds. */
const lookMs = 2000;

/** How often receipts are moved into the store, in milliseconds. */
const moveMs = 30_000;

/** How often assertions, links and requests that can't be used any more are forgotten, in milliseconds. */
const sweepMs = 3_600_000;

/** What answers that are under way are given to end, in milliseconds. */
const graceMs = 8000;

/** How often connections are looked at that have nothing to answer any more, at the end, in milliseconds. */
const idleLookMs = 50;

/** What receipts on their way are given at the end, in milliseconds: those that a store keeps waiting stay on the disk. */
const moveGraceMs = 1500;

/** Bounds for clients that send slowly, or nothing; milliseconds and bytes. */
const bounds = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 16_384,
} satisfies ServerOptions;

/** RFC 9325 §3.1.1. */
const minVersion = "TLSv1.2";

/** A client that begins TLS and doesn't go on is cut off, in milliseconds. */
const handshakeTimeout = 10_000;

/** A client that takes nothing of an answer for that long is cut off, in milliseconds. */
const idleMs = 120_000;

/**
 * Begins to serve.
 *
 * @throws SpampotsError `bad-argument` where an address can't be listened on, `disk-failed` where receipts can't be noted.
 */
export async function serve(parts: Serve): Promise<Serving> {
  const { settings, store, registry, clock, log } = parts;
  const stopping = new AbortController();
  const tls = await parts.readTls?.();
  const journal = await ReceiptJournal.open(parts.receipts, store);
  const watched = parts.runner ?? { registry: new MetricsRegistry() };
  const metrics = new Metrics(watched.registry);
  collectDefaultMetrics({ register: watched.registry });
  const metricsServer = settings.metrics && (await serveMetrics(settings.metrics, watched));
  // The URL is known once the port is, since the system may choose it; until then nobody can ask.
  let answer: FetchCallback = () => new Response(null, { status: 503 });
  const server = serverOf(tls, (request, env) => answer(request, env));
  const port = await listenOn(server, settings.listen, "SPAMPOTS_LISTEN").catch((error: unknown) => {
    metricsServer?.close();
    throw error;
  });
  const realm = { url: serviceUrl(settings, port) };
  const published = new Published(store, { find: registry.keyOf, look: () => registry.refresh() });
  const world: HttpWorld = {
    realm,
    issuer: parts.issuer,
    store,
    registry,
    published,
    access: new Access(realm, registry, published),
    limits: new Limits(settings.limits),
    journal,
    metrics,
    redirect: settings.downloads === "redirect",
    collections: new Collections(parts.index),
    behind: () => parts.runner?.ready() === false,
    clock,
    since: clock(),
    log,
    stopping: stopping.signal,
  };
  const app = createApp(world, clientAddresses(settings.trustedFront), parts.version);
  answer = (request, env) => app.fetch(request, env);
  const connections = connectionsOf(server);
  const renewed = certificateOf(server, tls, parts);
  const look = async () => {
    await registry.refresh();
    await renewed();
  };
  const stops = [
    every(lookMs, log, "what is in force can't be read", look),
    every(moveMs, log, "receipts can't be moved into the store; they wait on the disk", () => journal.move()),
    every(sweepMs, log, "what can't be used any more can't be forgotten", async () => {
      await sweepUsed(store, clock());
      await sweepRequests(store, clock());
    }),
  ];
  return {
    url: realm.url,
    port,
    async close() {
      for (const stop of stops) stop();
      stopping.abort();
      metricsServer?.close();
      metricsServer?.closeAllConnections();
      await closed(server, connections);
      await world.collections.close();
      if (!(await isDoneWithin(moveGraceMs, journal.close())))
        log.error("the store keeps receipts waiting; they stay on the disk");
    },
  };
}

type FetchCallback = (request: Request, env: object) => Promise<Response> | Response;

function serverOf(tls: Tls | undefined, fetch: FetchCallback): Server {
  const options = { ...bounds, ...(tls === undefined ? {} : { ...tls, minVersion, handshakeTimeout }) };
  const server = createAdaptorServer({
    fetch,
    overrideGlobalObjects: false,
    ...(tls === undefined
      ? { createServer, serverOptions: options }
      : { createServer: createTlsServer, serverOptions: options }),
  }) as Server; // of the kind that it is told to make
  server.timeout = idleMs;
  return server;
}

/** Takes a renewed certificate into use, where there is one. One that doesn't fit its key is refused by the server. */
function certificateOf(server: Server, first: Tls | undefined, { readTls, log }: Serve): () => Promise<void> {
  let pair = first;
  return async () => {
    const next = await readTls?.();
    if (next === undefined || (next.cert === pair?.cert && next.key === pair.key)) return;
    if (server instanceof TlsServer) server.setSecureContext({ ...next, minVersion });
    pair = next;
    log.info("a renewed certificate is in use");
  };
}

/** Does work again and again, never twice at once; the function given back ends it. */
function every(ms: number, log: Log, failed: string, work: () => Promise<unknown>): () => void {
  let busy = false;
  const timer = setInterval(async () => {
    if (busy) return;
    busy = true;
    await work().catch((error: unknown) => log.error({ err: sayError(error) }, failed));
    busy = false;
  }, ms);
  return () => clearInterval(timer);
}

/** The connections that are open, those too that are still in their TLS handshake, of which HTTP knows nothing yet. */
function connectionsOf(server: Server): ReadonlySet<Socket> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  return open;
}

/** Takes no more connections; afterwards all are ended, those that take too long by force. */
async function closed(server: Server, connections: ReadonlySet<Socket>): Promise<void> {
  const ended = new Promise<void>((done) => server.close(() => done()));
  // Again and again: a connection whose answer ends only now is kept alive otherwise.
  const idle = setInterval(() => server.closeIdleConnections(), idleLookMs);
  const cut = setTimeout(() => {
    for (const socket of connections) socket.destroy();
  }, graceMs);
  await ended;
  clearInterval(idle);
  clearTimeout(cut);
}

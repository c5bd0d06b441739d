/**
 * Serving: listens, follows what is in force, moves receipts into the store, and ends cleanly. Reads the store, and never
 * the lake.
 *
 * @see RFC 8446 and RFC 9325 (TLS), RFC 7239 §8.1 (what a front says of clients is trusted by address alone)
 */
import { createServer, type IncomingMessage, type ServerOptions } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import { type AddressInfo, BlockList, isIP } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { ReceiptJournal } from "../delivery/receipts.ts";
import { SpampotsError, sayError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type ServeSettings, serviceUrl } from "../settings.ts";
import type { Store } from "../store/store.ts";
import { Access } from "./access.ts";
import { createApp } from "./app.ts";
import { Limits } from "./limits.ts";
import { Published } from "./published.ts";
import type { Registry } from "./registry.ts";
import { sweepUsed } from "./used.ts";

/** What a service is made of. */
export interface Serve {
  readonly settings: ServeSettings;
  readonly issuer: string;
  readonly version: string;
  readonly store: Store;
  readonly registry: Registry;
  /** Folder for receipts on their way, of this process alone. */
  readonly receipts: string;
  /** The certificate and its key; asked again at each look, since they are renewed. */
  readonly readTls?: () => Promise<Tls>;
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

/** How often assertions that can't be used any more are forgotten, in milliseconds. */
const sweepMs = 3_600_000;

/** What answers that are under way are given to end, in milliseconds. */
const graceMs = 8000;

/** Bounds for clients that send slowly, or nothing; milliseconds and bytes. */
const bounds = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 16_384,
} satisfies ServerOptions;

/** A client that takes nothing of an answer for that long is cut off, in milliseconds. */
const idleMs = 120_000;

/**
 * Begins to listen.
 *
 * @throws SpampotsError `bad-argument` where the address can't be listened on, `disk-failed` where receipts can't be noted.
 */
export async function serve(parts: Serve): Promise<Serving> {
  const { settings, store, registry, clock, log } = parts;
  const stopping = new AbortController();
  const tls = await parts.readTls?.();
  const options = { ...bounds, ...(tls === undefined ? {} : { ...tls, minVersion: "TLSv1.2" as const }) };
  // The URL is known once the port is: with port 0 the system chooses one.
  let answer: (request: Request, env: unknown) => Promise<Response> | Response = () =>
    new Response(null, { status: 503 });
  const server = createAdaptorServer({
    fetch: (request, env) => answer(request, env),
    overrideGlobalObjects: false,
    ...(tls === undefined
      ? { createServer, serverOptions: options }
      : { createServer: createTlsServer, serverOptions: options }),
  });
  if ("timeout" in server) server.timeout = idleMs;
  await new Promise<void>((done, fail) => {
    server.once("error", (cause) =>
      fail(
        new SpampotsError("bad-argument", "The address can't be listened on.", {
          cause,
          listen: `${settings.listen.host}:${settings.listen.port}`,
          hint: `${sayError(cause)}. Choose another in SPAMPOTS_LISTEN, or stop what listens there.`,
        }),
      ),
    );
    server.listen(settings.listen.port, settings.listen.host, done);
  });
  const { port } = server.address() as AddressInfo; // it listens on an address, not on a pipe
  const url = serviceUrl(settings, port);
  const published = new Published(store, registry.keyOf);
  const realm = { url };
  const journal = await ReceiptJournal.open(parts.receipts, store).catch((error: unknown) => {
    server.close();
    throw error;
  });
  const world = {
    realm,
    issuer: parts.issuer,
    store,
    registry,
    published,
    access: new Access(realm, registry, published),
    limits: new Limits(settings.limits),
    journal,
    clock,
    since: clock(),
    log,
    stopping: stopping.signal,
  };
  const app = createApp(world, addresses(settings.trustedFront), parts.version);
  answer = (request, env) => app.fetch(request, env as object); // the adaptor's own bindings
  server.removeAllListeners("error").on("error", (error) => log.error({ err: sayError(error) }, "the server failed"));

  let pair = tls;
  const every = (ms: number, what: string, work: () => Promise<unknown>) => {
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      work()
        .catch((error: unknown) => log.error({ err: sayError(error) }, what))
        .finally(() => {
          busy = false;
        });
    }, ms);
    return () => clearInterval(timer);
  };
  const stops = [
    every(lookMs, "what is in force can't be read", async () => {
      await registry.refresh();
      const next = await parts.readTls?.();
      if (next === undefined || (next.cert === pair?.cert && next.key === pair.key) || !(server instanceof TlsServer))
        return;
      server.setSecureContext({ ...next, minVersion: "TLSv1.2" });
      pair = next;
      log.info("a renewed certificate is in use");
    }),
    every(moveMs, "receipts can't be moved into the store; they wait on the disk", () => journal.move()),
    every(sweepMs, "used assertions can't be forgotten", () => sweepUsed(store, clock())),
  ];
  return {
    url,
    port,
    async close() {
      for (const stop of stops) stop();
      stopping.abort();
      const closed = new Promise<void>((done) => server.close(() => done()));
      if ("closeIdleConnections" in server) server.closeIdleConnections();
      const cut = setTimeout(() => "closeAllConnections" in server && server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(cut);
      await journal.close();
    },
  };
}

/** Reads the client's address off a connection: what a trusted front states, else the peer's own. */
function addresses(trusted: readonly string[]) {
  const fronts = new BlockList();
  for (const entry of trusted) {
    const [address = "", length] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (length === undefined) fronts.addAddress(address, family);
    else fronts.addSubnet(address, Number(length), family);
  }
  const isFront = (address: string) =>
    isIP(address) !== 0 && fronts.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
  return (request: Request, env: unknown): string => {
    const { incoming } = env as { incoming: IncomingMessage }; // the adaptor's own bindings
    const peer = plainAddress(incoming.socket.remoteAddress ?? "");
    if (!isFront(peer)) return peer;
    // Each hop appends whom it heard from: the last that isn't a front of ours is the client.
    const hops = (request.headers.get("x-forwarded-for") ?? "").split(",").map((hop) => plainAddress(hop.trim()));
    const client = hops.findLast((hop) => !isFront(hop));
    return client !== undefined && isIP(client) !== 0 ? client : peer;
  };
}

/** An IPv4 address as such where it came in the form of IPv6. */
function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** What deliveries are tested against: a server on loopback that takes files and messages and keeps a list of them. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { TestContext } from "node:test";
import { Deliveries, type DeliverWorld } from "../../../src/delivery/push/deliver.ts";
import type { Lane } from "../../../src/delivery/push/progress.ts";
import type { Partner } from "../../../src/feed/partners.ts";
import { openLog } from "../../../src/log.ts";
import { partnersOf, projectFeeds } from "../../pipeline.ts";
import { finder, type Issuer, testNow } from "../../publication/issuer.ts";

/** A request that came whole. */
export interface Taken {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** What a server does instead of taking a request; true where it did something. */
export type Misbehave = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** Takes everything, and answers so all the same. */
export const answering =
  (status: number): Misbehave =>
  (_, response) => {
    response.writeHead(status).end();
    return true;
  };

export interface Receiver {
  readonly url: string;
  /** Requests that came whole, in their order. */
  readonly taken: readonly Taken[];
  /** Paths of what was put or posted, in order. */
  stored(): readonly string[];
  /** What it holds now, by path. */
  readonly files: ReadonlyMap<string, Buffer>;
  misbehave: Misbehave;
  readonly sockets: ReadonlySet<Socket>;
}

export async function receiver(t: Pick<TestContext, "after">, misbehave: Misbehave = () => false): Promise<Receiver> {
  const taken: Taken[] = [];
  const files = new Map<string, Buffer>();
  const sockets = new Set<Socket>();
  const server = createServer(async (request, response) => {
    try {
      if (await found.misbehave(request, response)) return;
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      const one = {
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(parts),
      };
      taken.push(one);
      if (one.method === "HEAD") {
        const there = files.get(one.path);
        response.writeHead(there === undefined ? 404 : 200, { "content-length": there?.length ?? 0 }).end();
        return;
      }
      if (one.method === "MKCOL") {
        response.writeHead(405).end();
        return;
      }
      files.set(one.path, one.body);
      response.writeHead(201).end();
    } catch {
      response.destroy();
    }
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo; // it listens on a port
  const stored = () => taken.filter(({ method }) => method === "PUT" || method === "POST").map(({ path }) => path);
  const found: Receiver = { url: `http://127.0.0.1:${port}`, taken, stored, files, misbehave, sockets };
  return found;
}

/** A partner with destinations for its feeds. */
export async function partnerWith(
  deliveries: readonly Readonly<Record<string, unknown>>[],
  { id = "twcert", feeds = ["spam-sources"], ...more }: { id?: string; feeds?: string[]; mou?: object } = {},
): Promise<Partner> {
  const subscriptions = feeds.map((feed) => ({ feed, every: "week", formats: ["csv", "stix"], deliveries }));
  const [partner] = partnersOf(await projectFeeds(), [{ id, economies: ["TW"], subscriptions, ...more }]);
  if (partner === undefined) throw new Error("no partner");
  return partner;
}

/** Deliveries of an issuer's store, on a clock that the test sets, and what came of them. */
export function delivering(t: Pick<TestContext, "after">, issuer: Issuer, more: Partial<DeliverWorld> = {}) {
  const world = { now: testNow, made: [] as string[], failed: [] as { lane: Lane; error: unknown }[] };
  const deliveries = new Deliveries({
    store: issuer.store,
    keyOf: finder(issuer.keyring),
    clock: () => world.now,
    log: openLog("silent"),
    atOnce: 16,
    chance: () => 0.5,
    secret: () => undefined,
    loopback: true,
    onDelivered: ({ partner, destination }, { manifest }) => {
      world.made.push(`${partner}/${manifest.feed}/${destination} ${manifest.sequence}`);
    },
    onFailed: (lane, _sequence, error) => world.failed.push({ lane, error }),
    ...more,
  });
  t.after(() => deliveries.close());
  return { deliveries, world };
}

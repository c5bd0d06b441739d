/**
 * A fault proxy before a real S3 service: it passes requests on as they came, `Host` and signature included, so that the
 * client's endpoint is the proxy, and breaks those that its plan names. The service behind it stays healthy: whatever it
 * holds afterwards is what the faults let through.
 */
import { once } from "node:events";
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  request as send,
} from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../free-port.ts";
import { type Answer, type Fault, faults } from "./s3-faults.ts";

/** A request as plans see it. */
export interface Seen {
  /** Counted from 1, over the life of the plan. */
  readonly number: number;
  /** Name of the S3 operation. */
  readonly operation: string;
  /** Key, or prefix of a listing, without the bucket. */
  readonly key: string;
  /** Path and query as they were asked for. */
  readonly url: string;
  /** True for a put that asks for put-if-absent. */
  readonly conditional: boolean;
  readonly bytes: number;
}

/** Says how a request is broken; undefined for not at all. It may take its time: the request waits. */
export type Plan = (seen: Seen) => Fault | undefined | Promise<Fault | undefined>;

/** One request on its way through. */
export interface Exchange {
  readonly seen: Seen;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
  readonly proxy: S3Proxy;
  /** Passes the request on and takes the whole answer. */
  forward(body?: Buffer): Promise<Answer>;
  /** Passes the head and the first bytes of the body on, then cuts the connection to the service. */
  forwardCut(bytes: number): Promise<void>;
  /** Answers the client. */
  answer(answer: Answer): void;
  /** Cuts the connection to the client. */
  cut(): void;
}

export interface S3Proxy {
  /** For clients, such as `http://127.0.0.1:41234`. */
  readonly endpoint: string;
  /** Every request since the plan was set, with what was done to it. */
  readonly log: readonly { readonly seen: Seen; readonly fault: Fault | undefined }[];
  /** Sets the plan and begins its log. Without one, everything passes. */
  plan(plan?: Plan): void;
  /** Another host, to which nobody should be led. */
  readonly elsewhere: string;
  /** Requests that reached it. */
  readonly strays: readonly string[];
  /** Refuses connections for so many milliseconds, and cuts those there are. */
  refuse(ms: number): Promise<void>;
  /** Work that goes on when its client has gone; {@link S3Proxy.settled} waits for it. */
  later(work: () => Promise<unknown>): void;
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** Headers of the connection, not of the message: RFC 9110, section 7.6.1. The rest is passed on, `Host` too: it is signed. */
const ofConnection = new Set(["connection", "keep-alive", "transfer-encoding", "expect"]);

/** Starts a proxy before the service at `target`, on a free port of 127.0.0.1. */
export async function startS3Proxy(target: string): Promise<S3Proxy> {
  let plan: Plan = () => undefined;
  let number = 0;
  let log: { seen: Seen; fault: Fault | undefined }[] = [];
  const sockets = new Set<Socket>();
  const working = new Set<Promise<unknown>>();
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
    take(request, response).catch(() => response.destroy());
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  // It listens on the same port again when it was away.
  const port = await freePort();
  await once(server.listen(port, "127.0.0.1"), "listening");

  const strays: string[] = [];
  const other = createServer((request, response) => {
    strays.push(`${request.method} ${request.url} ${request.headers.authorization === undefined ? "" : "signed"}`);
    response.end();
  });
  await once(other.listen(0, "127.0.0.1"), "listening");
  const close = async () => {
    const closed = once(server.close(), "close");
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const proxy: S3Proxy = {
    endpoint: `http://127.0.0.1:${port}`,
    get log() {
      return log;
    },
    // A name, not an address: a client that compares hosts sees another one.
    elsewhere: `http://localhost:${portOf(other)}`,
    strays,
    plan(next = () => undefined) {
      plan = next;
      number = 0;
      log = [];
    },
    async refuse(ms) {
      if (!server.listening) return;
      await close();
      await sleep(ms);
      await once(server.listen(port, "127.0.0.1"), "listening");
    },
    later(work) {
      const done = work()
        .catch(() => {})
        .finally(() => working.delete(done));
      working.add(done);
    },
    async settled() {
      while (working.size > 0) await Promise.all(working);
    },
    async stop() {
      await proxy.settled();
      other.close();
      other.closeAllConnections();
      await close();
    },
  };

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await collect(request);
    number += 1;
    const seen = read(request, number, body.length);
    const entry = { seen, fault: await plan(seen) };
    log.push(entry);
    const exchange = openExchange({ target, seen, request, response, body, proxy });
    if (entry.fault !== undefined) return faults[entry.fault].run(exchange);
    exchange.answer(await exchange.forward());
  }
  return proxy;
}

function openExchange(parts: Pick<Exchange, "seen" | "request" | "response" | "body" | "proxy"> & { target: string }) {
  const { target, request, response, body } = parts;
  const begin = (): ClientRequest => {
    const headers = rawHeaders(request).filter(([name]) => !ofConnection.has(name.toLowerCase()));
    // A connection of its own for each request: one that is cut must not take another's with it.
    return send(new URL(request.url ?? "/", target), { method: request.method, headers: headers.flat(), agent: false });
  };
  const exchange: Exchange = {
    ...parts,
    async forward(bytes = body) {
      const forwarded = begin();
      forwarded.end(bytes);
      const [answer]: IncomingMessage[] = await once(forwarded, "response");
      if (answer === undefined) throw new Error("A response comes with its message.");
      const headers = rawHeaders(answer).filter(([name]) => !ofConnection.has(name.toLowerCase()));
      return { status: answer.statusCode ?? 0, headers, body: await collect(answer) };
    },
    async forwardCut(bytes) {
      const forwarded = begin();
      forwarded.on("error", () => {});
      await new Promise<void>((done) => forwarded.write(body.subarray(0, bytes), () => done()));
      forwarded.destroy();
    },
    answer({ status, headers, body: bytes }) {
      const own = headers.filter(([name]) => name.toLowerCase() !== "content-length");
      const announced = headers.find(([name]) => name.toLowerCase() === "content-length")?.[1];
      // The answer to HEAD announces what it doesn't send.
      const length = request.method === "HEAD" ? (announced ?? "0") : String(bytes.length);
      response.writeHead(status, [...own, ["content-length", length]].flat());
      response.end(bytes);
    },
    cut: () => void request.socket.destroy(),
  };
  return exchange;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A server on a port has an address.");
  return address.port;
}

/** Name and value in pairs, as they came. */
function rawHeaders({ rawHeaders: raw }: IncomingMessage): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, index) => [raw[2 * index] ?? "", raw[2 * index + 1] ?? ""]);
}

async function collect(message: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function read(request: IncomingMessage, number: number, bytes: number): Seen {
  const url = request.url ?? "/";
  const { pathname, searchParams } = new URL(url, "http://proxy.invalid");
  const [, , ...key] = pathname.split("/").map(decodeURIComponent);
  const operation = operationOf(request.method ?? "", key.join("/"), searchParams);
  return {
    number,
    operation,
    key: operation === "ListObjectsV2" ? (searchParams.get("prefix") ?? "") : key.join("/"),
    url,
    conditional: request.headers["if-none-match"] === "*",
    bytes,
  };
}

function operationOf(method: string, key: string, query: URLSearchParams): string {
  const ofUpload = query.has("uploadId");
  if (method === "POST") return ofUpload ? "CompleteMultipartUpload" : "CreateMultipartUpload";
  if (method === "PUT") return ofUpload ? "UploadPart" : "PutObject";
  if (method === "DELETE") return ofUpload ? "AbortMultipartUpload" : "DeleteObject";
  if (method === "HEAD") return "HeadObject";
  if (query.has("uploads")) return "ListMultipartUploads";
  return key === "" ? "ListObjectsV2" : "GetObject";
}

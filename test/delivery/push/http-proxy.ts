/**
 * A real HTTP proxy before a real server, that breaks what its plan says: the server behind it stays healthy, and what
 * it holds afterwards is what the faults let through.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import type { Socket } from "node:net";
import type { TestContext } from "node:test";

import { freePort } from "../../free-port.ts";
/** An answer in the server's place. */
export interface MadeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * What happens to a request: it passes, nobody ever answers, the connection breaks (before anything is done, or when
 * all is done), half of the answer's body comes, another answer comes in its place, or the answer is changed.
 */
export type Fate = "pass" | "hang" | "reset" | "lost" | "cut" | MadeAnswer | ((body: string) => string);

/** A request as plans see it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

export interface HttpProxy {
  /** Such as `http://127.0.0.1:41234`. */
  readonly origin: string;
  /** Every request since the plan was set. */
  readonly log: readonly Asked[];
  /** Without a plan everything passes. */
  plan(plan?: (asked: Asked) => Fate): void;
  /** Nobody listens while this runs. */
  away<T>(work: () => Promise<T>): Promise<T>;
}

/** Starts a proxy before the server at `target`; it ends after the test. */
export async function startHttpProxy(t: Pick<TestContext, "after">, target: string): Promise<HttpProxy> {
  let plan: (asked: Asked) => Fate = () => "pass";
  let log: Asked[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    take(request, response).catch(() => response.destroy());
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  // It listens on the same port again when it was away.
  const port = await freePort();
  const listen = () => once(server.listen(port, "127.0.0.1"), "listening");
  const close = async () => {
    const closed = once(server.close(), "close");
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await listen();
  t.after(close);

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await collect(request);
    const { method = "GET", url = "/", headers } = request;
    const asked = { method, path: url, body: body.toString(), headers };
    log.push(asked);
    const fate = plan(asked);
    if (fate === "hang") return;
    if (fate === "reset") return void request.socket.destroy();
    if (typeof fate === "object") return void response.writeHead(fate.status, fate.headers).end(fate.body);
    const forwarded = send(new URL(url, target), { method, headers, agent: false });
    forwarded.end(body);
    const [answer]: IncomingMessage[] = await once(forwarded, "response");
    if (answer === undefined) throw new Error("A response comes with its message.");
    let bytes: Buffer = await collect(answer);
    if (fate === "lost") return void request.socket.destroy();
    if (typeof fate === "function") bytes = Buffer.from(fate(bytes.toString()));
    // The body is sent at once; what a HEAD tells of one that isn't sent stays.
    const { "transfer-encoding": _, ...said } = answer.headers;
    const length = method === "HEAD" ? {} : { "content-length": bytes.length };
    response.writeHead(answer.statusCode ?? 0, { ...said, ...length });
    if (fate !== "cut") return void response.end(bytes);
    response.write(bytes.subarray(0, bytes.length >> 1), () => request.socket.destroy());
  }

  return {
    origin: `http://127.0.0.1:${port}`,
    get log() {
      return log;
    },
    plan(next = () => "pass") {
      plan = next;
      log = [];
    },
    async away(work) {
      await close();
      try {
        return await work();
      } finally {
        await listen();
      }
    },
  };
}

async function collect(message: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Bodies of files, written into Node's own response: each chunk once the one before it is with the system, so that of a
 * slow client's file little is in memory, and that may be used again.
 *
 * @see RFC 9112 §6.3 (a body that is shorter than its Content-Length is incomplete)
 */
import type { ServerResponse } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";
import type { HttpEnv } from "./route.ts";

/** What a handler has sent after the headers of its answer, which has no body of its own then. */
export interface Body {
  readonly chunks: AsyncGenerator<Uint8Array>;
  /** Frees what is taken as long as the body is sent. May be called again. */
  free(): void;
}

/** Sends the body that a handler left, if any; afterwards the answer is over. */
export async function sendBody(context: Context<HttpEnv>): Promise<void> {
  const body = context.get("body");
  if (body === undefined) return;
  const { status, headers } = context.res;
  context.env.outgoing.writeHead(status, Object.fromEntries(headers));
  await send(body, context.env);
  context.res = RESPONSE_ALREADY_SENT;
}

/** A body that can't be sent as a whole breaks the connection, so that it never looks whole. */
async function send({ chunks, free }: Body, { incoming, outgoing }: HttpBindings): Promise<void> {
  const gone = Promise.withResolvers<void>();
  const leave = () => gone.resolve();
  // The client may leave while the store hangs, when nothing is written that could fail.
  const { socket } = incoming;
  socket.once("close", leave);
  if (socket.destroyed) leave();
  try {
    await Promise.race([gone.promise, pump(chunks, outgoing)]);
  } catch {
    outgoing.destroy();
  } finally {
    socket.off("close", leave);
    free();
    // Not waited for: a store that hangs answers some time.
    chunks.return(undefined).catch(() => undefined);
  }
}

async function pump(chunks: AsyncIterable<Uint8Array>, outgoing: ServerResponse): Promise<void> {
  for await (const chunk of chunks) {
    await new Promise<void>((done, fail) => {
      outgoing.write(chunk, (error) => (error ? fail(error) : done()));
    });
  }
  outgoing.end();
}

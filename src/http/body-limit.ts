/**
 * Bodies of requests within a bound, whether their length is stated or not: a front may pass on in chunks what a client sent as
 * a whole. hono's own middleware makes a request of the same URL from the one that came, which the adaptor of Node's server
 * doesn't let it do unless it replaces the globals of the process.
 *
 * @see RFC 9112 §6.3 (a request without Content-Length and Transfer-Encoding has no body)
 */
import type { MiddlewareHandler } from "hono";
import type { HttpEnv } from "./route.ts";

/**
 * Refuses bodies that are longer.
 *
 * @param most in bytes.
 * @param tooLong what is thrown.
 */
export function limitBody(most: number, tooLong: () => Error): MiddlewareHandler<HttpEnv> {
  return async (context, next) => {
    const { raw } = context.req;
    // Of the other methods nobody reads a body.
    if (raw.method !== "POST") return next();
    // Node reads no more than is stated, and nothing where neither header is there.
    if (!raw.headers.has("transfer-encoding")) {
      if (Number(raw.headers.get("content-length") ?? 0) > most) throw tooLong();
      return next();
    }
    const body = await readWithin(raw, most);
    if (body === undefined) throw tooLong();
    context.req.raw = new Request(raw.url, { method: "POST", headers: raw.headers, body });
    return next();
  };
}

/** The body; `undefined` where it is longer. One that breaks off is empty. */
async function readWithin({ body }: Request, most: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body ?? []) {
      bytes += chunk.length;
      if (bytes > most) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return new Uint8Array();
  }
  return Buffer.concat(chunks);
}

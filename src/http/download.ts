/**
 * Handing out files: whole or in part, with the digests of RFC 9530, conditional requests, and a receipt before the first
 * byte. A store that fails midway breaks the connection, so that a cut file never looks whole.
 *
 * @see RFC 9110 §13.1.2 (If-None-Match), §13.1.5 (If-Range), §14 (ranges), RFC 9530 (Content-Digest, Repr-Digest)
 */
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { SpampotsError, sayError } from "../errors.ts";
import { secondsInstant } from "../feed/period.ts";
import type { Artifact } from "../publication/manifest.ts";
import { digestField } from "../store/digest.ts";
import type { Caller } from "./access.ts";
import type { Body } from "./body.ts";
import type { PublishedFeed } from "./published.ts";
import { matches, parseRange } from "./range-header.ts";
import type { AskedByCaller } from "./route.ts";
import type { HttpWorld } from "./world.ts";

/** A file of a publication, ready to be handed out. */
export interface Download {
  readonly feed: string;
  readonly published: PublishedFeed;
  readonly sequence: number;
  readonly artifact: Artifact;
  /** Key below the feed's prefix. */
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Who asks for it. */
export type Request = Pick<AskedByCaller<unknown, unknown>, "context" | "caller" | "address">;

/**
 * Bytes of a file that are read at a time, of this many downloads: large chunks are fast, and of each download a few are in
 * memory as long as its client is slow.
 */
const chunkBytes = (downloads: number) => Math.min(512, Math.max(64, Math.floor(8192 / downloads))) * 1024;

/** How long a link into the store is good, in seconds. */
const linkSeconds = 60;

/** A link to the stored file: where the operator wants that, and the store has links. No receipt comes of it. */
async function redirected({ published, artifact, key, headers }: Download): Promise<Response | undefined> {
  const url = await published.link(key, linkSeconds, {
    contentType: headers["Content-Type"] ?? artifact.media_type,
    contentDisposition: `attachment; filename="${artifact.name}"`,
  });
  return url === undefined
    ? undefined
    : new Response(null, { status: 302, headers: { Location: url, "Cache-Control": "no-store" } });
}

/** The stored bytes of an artifact, whole or in part, or 304 or 416; 302 where links are handed out. */
export async function handOut(request: Request, download: Download, world: HttpWorld): Promise<Response> {
  const { context } = request;
  const { artifact } = download;
  const link =
    world.redirect &&
    context.req.method !== "HEAD" &&
    download.headers["Content-Encoding"] === undefined &&
    (await redirected(download));
  if (link) return link;
  const etag = `"${artifact.sha256}"`;
  const headers = { ...download.headers, ETag: etag, "Accept-Ranges": "bytes" };
  if (matches(context.req.header("if-none-match"), etag)) return new Response(null, { status: 304, headers });
  const ifRange = context.req.header("if-range");
  const range =
    ifRange === undefined || ifRange === etag ? parseRange(context.req.header("range"), artifact.bytes) : "whole";
  if (range === "unsatisfiable") {
    return new Response(null, { status: 416, headers: { ...headers, "Content-Range": `bytes */${artifact.bytes}` } });
  }
  const digest = digestField(artifact.sha256);
  const whole = range === "whole";
  const { start, end } = whole ? { start: 0, end: artifact.bytes } : range;
  context.set("body", await opened(request, download, { start, end, reuse: true }, world));
  return new Response(null, {
    status: whole ? 200 : 206,
    headers: {
      ...headers,
      "Content-Length": String(end - start),
      ...(whole
        ? { "Content-Digest": digest }
        : { "Repr-Digest": digest, "Content-Range": `bytes ${start}-${end - 1}/${artifact.bytes}` }),
    },
  });
}

/** The content of an artifact that is stored compressed, without compression; never in part. */
export async function handOutContent(request: Request, download: Download, world: HttpWorld): Promise<Response> {
  const { artifact } = download;
  const etag = `"${artifact.content_sha256}"`;
  const headers = { ...download.headers, ETag: etag };
  if (matches(request.context.req.header("if-none-match"), etag)) return new Response(null, { status: 304, headers });
  const stored = await opened(request, download, { start: 0, end: artifact.bytes, reuse: false }, world);
  const answer = {
    "Content-Length": String(artifact.content_bytes),
    "Content-Digest": digestField(artifact.content_sha256),
  };
  const broken = (error: unknown) =>
    world.log.error({ err: sayError(error), key: download.key }, "what is stored compressed isn't what was published");
  request.context.set("body", stored && unpacked(stored, artifact.content_bytes, broken));
  return new Response(null, { headers: { ...headers, ...answer } });
}

/** What was compressed, where it is as long as it should be: an answer that says another length would run into the next. */
function unpacked({ chunks, free }: Body, bytes: number, onError: (error: unknown) => void): Body {
  const gunzip = createGunzip();
  // An error on either side ends the other; whoever reads is told by the stream itself.
  pipeline(chunks, gunzip, () => undefined);
  return {
    chunks: telling(exactly(gunzip, bytes), onError),
    free: () => {
      gunzip.destroy();
      free();
    },
  };
}

async function* exactly(content: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of content) {
    left -= chunk.length;
    if (left < 0) break;
    yield chunk;
  }
  if (left !== 0) throw new SpampotsError("store-unavailable", "An artifact's content has another length.", { left });
}

/** A part of a stored file, and whether a chunk's memory is used again for the one after the next. */
interface Part {
  readonly start: number;
  readonly end: number;
  readonly reuse: boolean;
}

/** How a receipt says that it was handed out: a person's session in the portal, or a machine's token. */
export const wayOf = ({ token }: Caller) => (token.kind === "session" ? "portal" : "pull");

/** The bytes of a GET, once a receipt is written; nothing for a HEAD. */
async function opened(
  { context, caller, address }: Request,
  { feed, published, sequence, artifact, key }: Download,
  { start, end, reuse }: Part,
  { journal, limits, metrics, clock, log }: HttpWorld,
): Promise<Body | undefined> {
  if (context.req.method === "HEAD") return undefined;
  const free = limits.take(caller.partner.id);
  let rest: AsyncIterator<Uint8Array> | undefined;
  try {
    const stored = await published.open(key, { start, end }, { chunkBytes: chunkBytes(limits.open), reuse });
    if (stored?.bytes !== end - start) {
      throw new SpampotsError("store-unavailable", "An artifact was deleted before it was read.", { key });
    }
    // What can't be read at all is an error like any other, and leaves no receipt.
    rest = stored.body[Symbol.asyncIterator]();
    const first = await rest.next().catch((cause: unknown) => {
      throw new SpampotsError("store-unavailable", "An artifact can't be read.", {
        cause,
        key,
        reason: sayError(cause),
      });
    });
    await journal.note(caller.partner.id, {
      at: secondsInstant(clock()),
      feed,
      sequence,
      artifact: artifact.name,
      sha256: artifact.sha256,
      ...(stored.bytes === artifact.bytes ? {} : { range: [start, end] }),
      how: wayOf(caller),
      token: caller.token.id,
      address,
    });
    metrics.handedOut(caller.partner.id, feed, stored.bytes);
    const onError = (error: unknown) => log.error({ err: sayError(error), key }, "a download broke off");
    return { chunks: telling(after(first, rest), onError), free };
  } catch (error) {
    free();
    // What was begun holds a file or a connection.
    await rest?.return?.().catch(() => undefined);
    throw error;
  }
}

/** What was read already, and then the rest. Who leaves early leaves the rest too. */
async function* after(first: IteratorResult<Uint8Array>, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

async function* telling(
  chunks: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    onError(error);
    throw error;
  }
}

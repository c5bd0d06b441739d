/**
 * The store in an S3 bucket. A commit is one PutObject with `If-None-Match: *`; everything else is plain puts, gets,
 * lists and deletes. Every call ends within its deadline: see `s3-call.ts` for tries, `s3-error.ts` for what refusals mean.
 *
 * @see Amazon S3 User Guide, "How to prevent object overwrites with conditional writes"
 */
import { Readable } from "node:stream";
import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import { digestBody } from "./digest.ts";
import { checkKey } from "./keys.ts";
import { type ByteRange, checkRange, clipRange } from "./range.ts";
import { readBody } from "./s3-body.ts";
import { isMissing, isTaken, senseless } from "./s3-error.ts";
import { entryFacts, listChildren, listObjects } from "./s3-list.ts";
import { type PutTarget, putWhole } from "./s3-parts.ts";
import { openSession, type S3Options, type S3Session } from "./s3-session.ts";
import type { LinkHeaders, PutOptions, Store } from "./store.ts";
import { confine } from "./under.ts";

/**
 * The store in `bucket`, below `prefix` (`""` for the whole bucket). Nothing is loaded or asked before the first call.
 *
 * Its errors are `store-unavailable` at the deadline, `store-denied` where credentials, rights, bucket or region are
 * wrong, and `store-unfit` where the service can't put conditionally or lists out of order.
 */
export function openS3Store({
  bucket,
  prefix = "",
  ...options
}: { bucket: string; prefix?: string } & S3Options): Store {
  const store = storeIn(openSession(bucket, options));
  return prefix === "" ? store : store.under(prefix);
}

/** The store in the whole bucket of a session. */
export function storeIn(session: S3Session): Store {
  const store: Store = {
    url: `s3://${session.bucket}`,
    putOnce: async (key, body, options) => putOnce(session, putTarget(session, key, options), body),
    putFile: async (key, file, options) => putWhole(session, putTarget(session, key, options), file),
    get: async (key) => getWhole(session, checkKey(key)),
    open: async (key, range) => openBody(session, checkKey(key), range),
    digest: async (key, options) => {
      const opened = await openBody(session, checkKey(key), undefined);
      return opened && digestBody(opened, options);
    },
    stat: async (key) => head(session, checkKey(key)),
    list: (prefix, options = {}) => listObjects(session, prefix, options.after),
    children: (prefix) => listChildren(session, prefix),
    link: async (key, seconds, headers) => signedLink(session, checkKey(key), seconds, headers),
    delete: async (key) => remove(session, checkKey(key)),
    under: (prefix) => confine(store, prefix),
  };
  return store;
}

/** What is put where. @throws SpampotsError `bad-argument` for a key that isn't well formed. */
export function putTarget(
  { bucket, acl }: S3Session,
  key: string,
  { contentType, contentEncoding }: PutOptions = {},
): PutTarget {
  return {
    Bucket: bucket,
    Key: checkKey(key),
    ...(acl === undefined ? {} : { ACL: acl }),
    ...(contentType === undefined ? {} : { ContentType: contentType }),
    ...(contentEncoding === undefined ? {} : { ContentEncoding: contentEncoding }),
  };
}

async function putOnce(session: S3Session, target: PutTarget, Body: Uint8Array): Promise<"created" | "exists"> {
  return session.call("PutObject", target.Key, async (client, sdk, abortSignal) => {
    try {
      const command = new sdk.PutObjectCommand({ ...target, Body, IfNoneMatch: "*" });
      const { ETag } = await client.send(command, { abortSignal });
      if (ETag === undefined) throw senseless("PutObject", target.Key);
      return "created";
    } catch (error) {
      if (isTaken(error)) return "exists";
      throw error;
    }
  });
}

async function signedLink(
  session: S3Session,
  Key: string,
  expiresIn: number,
  { contentType, contentDisposition }: LinkHeaders,
): Promise<string> {
  const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
  return session.call("GetObject", Key, async (client, sdk) => {
    const command = new sdk.GetObjectCommand({
      Bucket: session.bucket,
      Key,
      ResponseContentType: contentType,
      ResponseContentDisposition: contentDisposition,
      // The file as it is: its coding would make clients unpack what they are to compare.
      ResponseContentEncoding: "identity",
    });
    return getSignedUrl(client, command, { expiresIn });
  });
}

async function getWhole(session: S3Session, Key: string): Promise<Uint8Array | undefined> {
  return session.call("GetObject", Key, async (client, sdk, abortSignal) => {
    const command = new sdk.GetObjectCommand({ Bucket: session.bucket, Key });
    const answer = checkObject(Key, await ifPresent(client.send(command, { abortSignal })));
    if (answer === undefined) return undefined;
    const chunks: Uint8Array[] = [];
    for await (const chunk of bodyOf(session, Key, answer, answer.ContentLength)) chunks.push(chunk);
    return Buffer.concat(chunks);
  });
}

async function openBody(session: S3Session, Key: string, range: ByteRange | undefined): ReturnType<Store["open"]> {
  const part = range && (await clip(session, Key, checkRange(range)));
  if (range !== undefined && part === undefined) return undefined;
  const wanted = part && part.end - part.start;
  if (wanted === 0) return { bytes: 0, body: Readable.from([]) };
  const answer = await session.call("GetObject", Key, async (client, sdk, abortSignal) => {
    const Range = part && `bytes=${part.start}-${part.end - 1}`;
    const command = new sdk.GetObjectCommand({ Bucket: session.bucket, Key, ...(Range && { Range }) });
    return checkObject(Key, await ifPresent(client.send(command, { abortSignal })));
  });
  if (answer === undefined) return undefined;
  const bytes = wanted ?? answer.ContentLength ?? 0;
  return { bytes, body: bodyOf(session, Key, answer, bytes) };
}

/** The answer, unless it's some page that came with success: whatever S3 stores has an ETag. */
function checkObject(key: string, answer: GetObjectCommandOutput | undefined): GetObjectCommandOutput | undefined {
  if (answer === undefined || answer.ETag !== undefined) return answer;
  if (answer.Body instanceof Readable) answer.Body.destroy();
  throw senseless("GetObject", key);
}

/** What of a range the object has: HTTP has no empty range, and one past the end is an error there. */
async function clip(session: S3Session, Key: string, range: ByteRange): Promise<ByteRange | undefined> {
  const facts = await head(session, Key);
  return facts && clipRange(range, facts.bytes);
}

/** The body of an answer that must announce `bytes` bytes. */
function bodyOf(
  session: S3Session,
  key: string,
  { Body, ContentLength }: GetObjectCommandOutput,
  bytes: number | undefined,
): AsyncIterable<Uint8Array> {
  if (!(Body instanceof Readable) || bytes === undefined || ContentLength !== bytes) {
    if (Body instanceof Readable) Body.destroy();
    throw senseless("GetObject", key);
  }
  return readBody(Body, bytes, session.deadlineMs, { operation: "GetObject", key });
}

/** Size and time; a missing bucket can't be told from a missing key here, since the answer to HEAD has no body. */
async function head(session: S3Session, Key: string): ReturnType<Store["stat"]> {
  return session.call("HeadObject", Key, async (client, sdk, abortSignal) => {
    const command = new sdk.HeadObjectCommand({ Bucket: session.bucket, Key });
    const answer = await ifPresent(client.send(command, { abortSignal }));
    return answer && entryFacts("HeadObject", Key, answer.ContentLength, answer.LastModified);
  });
}

async function remove(session: S3Session, Key: string): Promise<void> {
  await session.call("DeleteObject", Key, (client, sdk, abortSignal) =>
    ifPresent(client.send(new sdk.DeleteObjectCommand({ Bucket: session.bucket, Key }), { abortSignal })),
  );
}

/** The answer, or undefined where the key isn't there. */
async function ifPresent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

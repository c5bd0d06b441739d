/**
 * Files to S3: small ones in one request, large ones in parts (multipart upload), two parts in memory at a time. Each
 * request is a call of its own, with its own tries and deadline, and carries a digest of its bytes (Signature Version 4),
 * so that the service refuses bytes that changed on the way. Never for a commit: completing an upload doesn't honour
 * conditions everywhere.
 *
 * An upload that isn't completed shows nothing under its key. A killed process can't abort it: a lifecycle rule of the
 * bucket (AbortIncompleteMultipartUpload) frees its parts.
 *
 * @see Amazon S3 User Guide, "Uploading and copying objects using multipart upload"
 */
import { type FileHandle, open } from "node:fs/promises";
import type { CompletedPart } from "@aws-sdk/client-s3";
import { SpampotsError } from "../errors.ts";
import { diskError } from "./disk-error.ts";
import { isMissing, senseless } from "./s3-error.ts";
import type { S3Attempt, S3Session } from "./s3-session.ts";
import type { FileBody } from "./store.ts";

/** Size of a part, and of the largest file that goes in one request. */
export const partBytes = 16 * 1024 * 1024;
const partsAtOnce = 2;
/** As many parts as S3 allows. */
export const mostParts = 10_000;

/** What is put: headers of S3's own names. */
export interface PutTarget {
  readonly Bucket: string;
  readonly Key: string;
  readonly ContentType?: string;
  readonly ContentEncoding?: string;
  readonly ACL?: "bucket-owner-full-control";
}

/**
 * Puts a file in the place of what is there.
 *
 * @throws SpampotsError as {@link callS3}; `disk-failed` where the file can't be read or has another size than said.
 */
export async function putWhole(session: S3Session, target: PutTarget, file: FileBody): Promise<void> {
  const handle = await open(file.path, "r").catch((error: unknown) => {
    throw diskError(error, target.Key);
  });
  try {
    if ((await handle.stat()).size !== file.bytes) throw cut(file);
    if (file.bytes <= partBytes) await putSmall(session, target, await readPart(handle, file, 0, file.bytes));
    else await putParts(session, target, file.bytes, (upload) => sendParts(session, upload, handle, file));
  } finally {
    await handle.close();
  }
}

/** Puts an object in one request. */
export async function putSmall(
  session: S3Session,
  target: PutTarget,
  Body: Uint8Array,
  deadlineMs = session.deadlineMs,
): Promise<void> {
  const put: S3Attempt<void> = async (client, sdk, abortSignal) => {
    const { ETag } = await client.send(new sdk.PutObjectCommand({ ...target, Body }), { abortSignal });
    if (ETag === undefined) throw senseless("PutObject", target.Key);
  };
  await session.call("PutObject", target.Key, put, deadlineMs);
}

/**
 * Puts an object of `bytes` bytes in parts that `send` sends; nothing is there before all of them are.
 *
 * @throws what `send` throws; the upload is then aborted.
 */
export async function putParts(
  session: S3Session,
  target: PutTarget,
  bytes: number,
  send: (upload: UploadTarget) => Promise<CompletedPart[]>,
): Promise<void> {
  const { Bucket, Key } = target;
  const UploadId = await session.call("CreateMultipartUpload", Key, async (client, sdk, abortSignal) => {
    const begun = await client.send(new sdk.CreateMultipartUploadCommand(target), { abortSignal });
    // Without it, a part would be put as if it were the object.
    if (begun.UploadId === undefined) throw senseless("CreateMultipartUpload", Key);
    return begun.UploadId;
  });
  const upload = { Bucket, Key, UploadId };
  try {
    await complete(session, upload, await send(upload), bytes);
  } catch (error) {
    // What went wrong first is what to tell, and soon; the bucket's lifecycle rule frees what stays.
    const abort: S3Attempt<unknown> = (client, sdk, abortSignal) =>
      client.send(new sdk.AbortMultipartUploadCommand(upload), { abortSignal });
    await session.call("AbortMultipartUpload", Key, abort, session.deadlineMs / 4).catch(() => {});
    throw error;
  }
}

/** Sends one part, which is held in memory. */
export async function putPart(
  session: S3Session,
  upload: UploadTarget,
  PartNumber: number,
  Body: Uint8Array,
  deadlineMs = session.deadlineMs,
): Promise<CompletedPart> {
  const put: S3Attempt<CompletedPart> = async (client, sdk, abortSignal) => {
    const { ETag } = await client.send(new sdk.UploadPartCommand({ ...upload, PartNumber, Body }), { abortSignal });
    if (ETag === undefined) throw senseless("UploadPart", upload.Key);
    return { PartNumber, ETag };
  };
  return session.call("UploadPart", upload.Key, put, deadlineMs);
}

/** An upload that was begun. */
export interface UploadTarget {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

/** Sends every part; when one fails, begins no other and throws once those under way have ended. */
async function sendParts(
  session: S3Session,
  upload: UploadTarget,
  handle: FileHandle,
  file: FileBody,
): Promise<CompletedPart[]> {
  const size = Math.max(partBytes, Math.ceil(file.bytes / mostParts));
  const parts: CompletedPart[] = [];
  let next = 0;
  let failed = false;
  const work = async () => {
    while (!failed && next * size < file.bytes) {
      const PartNumber = ++next;
      const start = (PartNumber - 1) * size;
      const Body = await readPart(handle, file, start, Math.min(start + size, file.bytes));
      parts[PartNumber - 1] = await putPart(session, upload, PartNumber, Body);
    }
  };
  const outcomes = await Promise.allSettled(
    Array.from({ length: partsAtOnce }, () =>
      work().catch((error: unknown) => {
        failed = true;
        throw error;
      }),
    ),
  );
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return parts;
}

/** Makes the parts one object. Where the first answer was lost, the upload is gone and the object is there. */
async function complete(
  session: S3Session,
  upload: UploadTarget,
  Parts: CompletedPart[],
  bytes: number,
): Promise<void> {
  await session.call("CompleteMultipartUpload", upload.Key, async (client, sdk, abortSignal) => {
    try {
      const command = new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
      const { ETag } = await client.send(command, { abortSignal });
      if (ETag === undefined) throw senseless("CompleteMultipartUpload", upload.Key);
    } catch (error) {
      if (!isMissing(error)) throw error;
      const { Bucket, Key } = upload;
      const { ContentLength } = await client.send(new sdk.HeadObjectCommand({ Bucket, Key }), { abortSignal });
      if (ContentLength !== bytes) throw error;
    }
  });
}

/** The bytes [start, end) of a file that is to be stored. */
async function readPart(handle: FileHandle, file: FileBody, start: number, end: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(end - start);
  for (let filled = 0; filled < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) throw cut(file);
    filled += bytesRead;
  }
  return bytes;
}

function cut(file: FileBody): SpampotsError {
  return new SpampotsError("disk-failed", "A file to be stored isn't as long as it was said to be.", {
    expected: file.bytes,
    hint: "The file was cut or is still being written: make it again.",
  });
}

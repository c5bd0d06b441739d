/**
 * The store: where publications, leases, receipts and batch records are kept. Objects are put once, read, listed and
 * deleted; nothing is changed in place. It isn't trusted for integrity (`verify` proves that), only for one thing: of
 * several writers of one key by `putOnce`, one is told "created". `openDiskStore` and `openS3Store` make stores; one
 * contract suite runs over both.
 *
 * Keys are names joined by `/`: none empty, `.` or `..`, none that begins with `.tmp`, without backslash or control
 * characters, at most 255 UTF-8 bytes each and 900 in all. No key may be another's beginning up to a slash (`a` and
 * `a/b`): a folder refuses such a key, S3 doesn't notice.
 *
 * Errors of every member beside its own: `bad-argument` for a key, prefix or range that isn't well formed; `disk-failed`
 * (disk); `store-denied`, `store-unavailable` (S3). After `store-unavailable` from a put or delete the outcome is unknown,
 * and it may still take place later.
 */

import type { DigestOptions, ObjectDigest } from "./digest.ts";

/** One object of a listing. */
export interface StoreEntry {
  readonly key: string;
  readonly bytes: number;
  /** When it was last put, by the store's clock: whole ms since 1970 UTC (S3 tells whole seconds). */
  readonly modifiedAt: number;
}

/** A finished local file that is to be stored. It must not change until the put is done, and stays the caller's. */
export interface FileBody {
  readonly path: string;
  /** Its size; a file of another size is refused with `disk-failed`. */
  readonly bytes: number;
}

/** Headers that S3 keeps with an object and gives to who reads it there; a folder keeps none. */
export interface PutOptions {
  /** Media type. */
  readonly contentType?: string;
  /** Such as `gzip`; the store itself never decodes. */
  readonly contentEncoding?: string;
}

/** Headers of an answer to a link, in the place of those that were put with the object. */
export interface LinkHeaders {
  readonly contentType: string;
  readonly contentDisposition: string;
}

/** How {@link Store.open} reads. */
export interface OpenOptions {
  /** Bytes of a chunk, at most. */
  readonly chunkBytes?: number;
  readonly reuse?: boolean;
}

export interface Store {
  /** Where it is, for people: a path or s3://bucket/prefix. */
  readonly url: string;
  /**
   * Puts a small object unless its key is taken: the commit. Afterwards the object is there whole, for good, under
   * either answer; with "created" its bytes are these, with "exists" they may be anyone's. That may be this very call's:
   * a put whose answer was lost is tried again and finds itself. So who is told "exists" reads, and compares.
   */
  putOnce(key: string, body: Uint8Array, options?: PutOptions): Promise<"created" | "exists">;
  /**
   * Puts a file under a key that its content determines, in the place of what is there: for artifacts, never for a
   * commit. Afterwards the object is there whole and its `modifiedAt` is fresh; on an error the old one is untouched.
   * A large file goes to S3 in parts, in bounded memory.
   */
  putFile(key: string, file: FileBody, options?: PutOptions): Promise<void>;
  /** The whole of a small object; undefined where the key isn't there. */
  get(key: string): Promise<Uint8Array | undefined>;
  /**
   * A stream of the bytes [start, end), of all by default; undefined where the key isn't there. `bytes` is how many will
   * come: the part of the range that the object has. The body can be iterated once; it yields exactly `bytes`, or throws
   * (`disk-failed`, `store-unavailable`; `not-found` where the object is deleted meanwhile), and never ends early. Who
   * has many bodies open for slow readers asks for small `chunkBytes`: some chunks of each are held in memory. With
   * `reuse` a chunk is good only until the next one is asked for, since its memory may be used again: much cheaper.
   */
  open(
    key: string,
    range?: { readonly start: number; readonly end: number },
    options?: OpenOptions,
  ): Promise<{ readonly bytes: number; readonly body: AsyncIterable<Uint8Array> } | undefined>;
  /**
   * Size and SHA-256 of the whole object, read as a stream; undefined where the key isn't there. Where `bytes` is given
   * and the object has another size, only the size is told. Faster than a digest of what {@link Store.open} yields.
   */
  digest(key: string, options?: DigestOptions): Promise<ObjectDigest | undefined>;
  /** Size and `modifiedAt` (as in {@link StoreEntry}); undefined where the key isn't there. */
  stat(key: string): Promise<{ readonly bytes: number; readonly modifiedAt: number } | undefined>;
  /**
   * Entries whose key begins with `prefix` (any beginning of a key, `""` for all), in ascending order of their keys'
   * UTF-8 bytes, so that `a-b` < `a/b` < `a0`; only those greater than `after`, which may be any string. Read as it is
   * iterated; what is put or deleted meanwhile may or may not be in it, everything else is, once.
   */
  list(prefix: string, options?: { readonly after?: string }): AsyncIterable<StoreEntry>;
  /**
   * Names directly below a prefix that have keys below them, like folders: of `a/x/1` and `a/y`, `children("a/")` is
   * `x`. The prefix is `""` or ends in "/". Each once, without slash, in the order of their keys.
   */
  children(prefix: string): AsyncIterable<string>;
  /**
   * A URL by which anyone can read the object for so many seconds, with these headers in the answer; undefined for a
   * store that has none. Says nothing of whether the object is there.
   */
  link(key: string, seconds: number, headers: LinkHeaders): Promise<string | undefined>;
  /** Deletes an object. Afterwards the key isn't there, whether or not it was. */
  delete(key: string): Promise<void>;
  /**
   * The same store confined below `prefix` (a key; one "/" at its end is allowed): no key given to it can name anything
   * outside, and keys come out of it without the prefix.
   */
  under(prefix: string): Store;
}

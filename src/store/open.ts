/**
 * Opens the store that a setting or argument names, and tries whether a store keeps the one promise that publications
 * need: put-if-absent.
 */
import { stat } from "node:fs/promises";
import { SpampotsError } from "../errors.ts";
import { plain } from "../log.ts";
import { openDiskStore } from "./disk.ts";
import { diskError, systemCode } from "./disk-error.ts";
import { openS3Store } from "./s3.ts";
import type { S3Options } from "./s3-session.ts";
import { bucketOf } from "./s3-url.ts";
import type { Store } from "./store.ts";

/**
 * Opens `s3://bucket/prefix`, or the folder at a path (which need not be there yet). Nothing is asked of S3 before
 * the store is used.
 *
 * @throws SpampotsError `bad-argument` for any other URL, and where the path is a file; `disk-failed` where it can't be seen.
 */
export async function openStore(url: string, options: S3Options): Promise<Store> {
  const place = bucketOf(url);
  if (place !== undefined) return openS3Store({ ...place, ...options });
  if (url === "" || url.includes("://")) {
    throw new SpampotsError("bad-argument", "A store is a folder or an S3 bucket.", {
      url: plain(url.slice(0, 200)),
      hint: "Write the path of a folder, or s3://bucket/prefix (3 to 63 lower-case letters, digits, dots and hyphens).",
    });
  }
  if (!(await mayBeFolder(url))) {
    throw new SpampotsError("bad-argument", "A store is a folder, but there is a file of that name.", {
      url: plain(url),
    });
  }
  return openDiskStore(url);
}

async function mayBeFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return true;
    throw diskError(error, "");
  }
}

/**
 * Tries whether `store` honours put-if-absent, with an object of its own below `check/`, which it deletes. `nonce` makes
 * its key: a name that was never used before.
 *
 * @throws SpampotsError `store-unfit` where a second put overwrote or wasn't told so, or the object can't be read back.
 */
export async function probeStore(store: Store, nonce: string): Promise<void> {
  const key = `check/${nonce}`;
  const first = Buffer.from(`first ${nonce}`);
  // "exists" would prove nothing yet: a put whose answer was lost is tried again and finds itself.
  await store.putOnce(key, first);
  try {
    const second = await store.putOnce(key, Buffer.from(`second ${nonce}`));
    const found = await store.get(key);
    if (second === "exists" && found !== undefined && first.equals(found)) return;
    throw new SpampotsError("store-unfit", "The store doesn't honour put-if-absent.", {
      url: store.url,
      answer: second,
      hint: "Two publishers could then overwrite each other: use a service that honours If-None-Match on PutObject, or a folder.",
    });
  } finally {
    await store.delete(key);
  }
}

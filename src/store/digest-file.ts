/**
 * The digest of one file, read in one go: without a turn of the event loop for each chunk, and with one buffer for all
 * of a thread's files. Imports nothing but Node: a thread that only hashes starts at once.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** A file to be hashed, where it has this size. */
export interface FileWork {
  readonly path: string;
  readonly bytes: number | undefined;
}

/** Its digest, none where there is no plain file; or what the file system refused. */
export type FileAnswer =
  | { readonly digest: { readonly bytes: number; readonly sha256?: string } | undefined }
  | { readonly code: string; readonly message: string };

/** What the system says where nothing has the name, or nothing that could be an object. */
const absent = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP"]);

let buffer: Buffer | undefined;
const bufferBytes = 1024 * 1024;

/** Never throws: what it says crosses threads. */
export function digestFile({ path, bytes }: FileWork): FileAnswer {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const facts = fstatSync(file);
    if (!facts.isFile()) return { digest: undefined };
    if (bytes !== undefined && facts.size !== bytes) return { digest: { bytes: facts.size } };
    return { digest: digestOpened(file, facts.size) };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "EIO";
    return absent.has(code) ? { digest: undefined } : { code, message: String(error) };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Up to the size that the file had when it was opened; of one that is cut meanwhile, what there was. */
function digestOpened(file: number, size: number): { bytes: number; sha256: string } {
  buffer ??= Buffer.allocUnsafeSlow(bufferBytes);
  const hash = createHash("sha256");
  let done = 0;
  while (done < size) {
    const read = readSync(file, buffer, 0, Math.min(bufferBytes, size - done), done);
    if (read === 0) break;
    hash.update(read === bufferBytes ? buffer : buffer.subarray(0, read));
    done += read;
  }
  return { bytes: done, sha256: hash.digest("hex") };
}

/**
 * A compressed file whose content is in memory whole, such as a STIX part: hashed, compressed in one call, written and
 * flushed. Digest and gzip are made by threads of Node's pool while the caller makes the next part; since nothing
 * waits for the caller's event loop between blocks, both cores are busy. `artifact.ts` is for content of any size.
 *
 * @see RFC 1952 §2.3 (member format)
 */
import { hash, webcrypto } from "node:crypto";
import { closeSync, fsync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type ArtifactFacts, diskFailed, gzipOptions, hideSystem } from "./artifact.ts";
import type { RenderedArtifact } from "./render.ts";

const compress = promisify(gzip);
const flush = promisify(fsync);

/** Larger than most compressed parts: what comes out in one piece needs the event loop once. */
const outputBytes = 1 << 20;

/**
 * A flush waits for the disk and is left to a thread. The rest takes less time than handing it over, and than the turns of
 * the event loop that its answers would wait for: there is one turn a part.
 */
async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const file = openSync(path, "wx");
    try {
      writeFileSync(file, bytes);
      await flush(file);
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw diskFailed(path, cause);
  }
}

/**
 * Makes `folder/name` from its content, which must not change meanwhile. Leaves no file where it fails.
 *
 * @throws SpampotsError `disk-failed`, also where the file exists.
 */
export async function storeWhole(
  folder: string,
  naming: Pick<RenderedArtifact, "name" | "mediaType">,
  content: Uint8Array<ArrayBuffer>,
  facts: ArtifactFacts,
): Promise<RenderedArtifact> {
  const path = join(folder, naming.name);
  const [digest, file] = await Promise.all([
    webcrypto.subtle.digest("SHA-256", content),
    compress(content, { ...gzipOptions, chunkSize: outputBytes }),
  ]);
  const compressed = hideSystem(file);
  await writeNew(path, compressed);
  return {
    ...naming,
    path,
    contentEncoding: "gzip",
    bytes: compressed.length,
    sha256: hash("sha256", compressed, "hex"),
    contentBytes: content.length,
    contentSha256: Buffer.from(digest).toString("hex"),
    ...facts,
  };
}

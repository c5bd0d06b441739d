/**
 * STIX parts as they are read for a collection: the parts that a publication states, a part's stored bytes, and the
 * texts of some of its objects. The store isn't trusted: what isn't what the manifest says is never read further.
 */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { SpampotsError } from "../../errors.ts";
import { artifactKey, type Manifest, parseMicroseconds } from "../../publication/manifest.ts";
import type { Store } from "../../store/store.ts";
import type { ObjectRecord } from "./read.ts";
import type { IndexedPart } from "./schema.ts";

const unpack = promisify(gunzip);

/** Where a feed's publications and their parts are read. */
export interface PartSource extends Pick<Store, "open"> {
  read(sequence: number): Promise<{ readonly manifest: Manifest; readonly payloadSha256: string }>;
}

/**
 * The STIX parts of a publication. The object with index i over all of them was added i microseconds after
 * `published_at`.
 *
 * @see design §3 point 11
 */
export function partsOf({ manifest, payloadSha256 }: Awaited<ReturnType<PartSource["read"]>>): readonly IndexedPart[] {
  let first = parseMicroseconds(manifest.published_at);
  return manifest.artifacts.flatMap((artifact) => {
    const { objects, bytes, sha256, content_bytes: contentBytes } = artifact;
    if (objects === undefined) return [];
    const { sequence } = manifest;
    const key = artifactKey(artifact);
    const part = { first, objects, sequence, publication: payloadSha256, key, bytes, sha256, contentBytes };
    first += objects;
    return [part];
  });
}

/** The stored bytes of a part. @throws SpampotsError `store-unavailable` where it is gone, `verify-failed`. */
export async function readStored(source: PartSource, part: IndexedPart): Promise<Uint8Array<ArrayBuffer>> {
  const { key, bytes, sha256 } = part;
  const opened = await source.open(key, { start: 0, end: bytes });
  if (opened?.bytes !== bytes) {
    throw new SpampotsError("store-unavailable", "A STIX part is missing from the store, or damaged.", {
      hint: "Run `spampots verify` on the store; it names everything that is.",
      key,
    });
  }
  const stored = new Uint8Array(bytes);
  let filled = 0;
  for await (const chunk of opened.body) {
    stored.set(chunk, filled);
    filled += chunk.length;
  }
  if (createHash("sha256").update(stored).digest("hex") === sha256) return stored;
  throw new SpampotsError("verify-failed", "A STIX part isn't what its manifest states.", {
    hint: "Run `spampots verify` on the store; it names everything that is.",
    key,
  });
}

/** Content of this size comes in one piece: put together from small ones it takes twice the time. */
export function unpackOptions({ contentBytes }: IndexedPart): { chunkSize: number; maxOutputLength: number } {
  return { chunkSize: contentBytes + 1024, maxOutputLength: contentBytes };
}

/** The texts of objects of one part, in the order given. @throws SpampotsError as {@link readStored}. */
export async function readTexts(
  source: PartSource,
  part: IndexedPart,
  records: readonly ObjectRecord[],
): Promise<readonly Uint8Array[]> {
  const content = await unpack(await readStored(source, part), unpackOptions(part));
  // Copies: a page that waits for its client doesn't hold whole parts.
  return records.map(({ start, length }) => new Uint8Array(content.subarray(start, start + length)));
}

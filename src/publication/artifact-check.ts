/**
 * One artifact against its manifest: bytes and SHA-256 of the file and, where asked, of what is in it. Streams, and
 * stops as soon as there is more than the manifest states: a file that unpacks to a thousand times its size ends there.
 *
 * @see RFC 4180 (records of a CSV), RFC 1952 (gzip), STIX 2.1 §8 (bundle)
 */
import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { isError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { type Artifact, artifactKey } from "./manifest.ts";

/** Largest STIX part that is parsed to count its objects: a part of 5,000 objects has about a tenth of this. */
const maxBundleBytes = 64 * 1024 * 1024;

/** Bytes of unpacked content at a time. */
const unpackedChunk = 256 * 1024;

/** What was found of an artifact: sentences say what is wrong, none that nothing is. */
export interface ArtifactFindings {
  /** Not stored at all. */
  readonly absent: boolean;
  readonly faults: readonly string[];
}

export interface CheckOptions {
  readonly deep: boolean;
  /** Told how many bytes were read, after each chunk. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Compares a stored artifact with its manifest; `deep` also unpacks it, compares the content's digest and counts rows
 * or objects.
 *
 * @param store confined to the feed's prefix.
 */
export async function checkArtifact(
  store: Store,
  artifact: Artifact,
  { deep, onBytes }: CheckOptions,
): Promise<ArtifactFindings> {
  if (!deep) return checkFile(store, artifact, onBytes);
  const object = await store.open(artifactKey(artifact));
  if (object === undefined) return absent;
  if (object.bytes !== artifact.bytes) return { absent: false, faults: [otherSize(object.bytes, artifact)] };
  const file = new Digest(artifact.bytes);
  const tapped = tap(object.body, (chunk) => {
    file.take(chunk);
    onBytes?.(chunk.length);
  });
  try {
    const inside = await contentFaults(artifact, tapped);
    // A stream that was left early tells nothing of the file: it is read again for that.
    if (file.bytes < artifact.bytes) {
      const { faults } = await checkFile(store, artifact);
      return { absent: false, faults: faults.length > 0 ? faults : inside };
    }
    return { absent: false, faults: file.is(artifact.sha256) ? inside : [otherDigest] };
  } catch (error) {
    // Deleted while it was read: retention or a withdrawal came by.
    if (isError(error, "not-found")) return absent;
    throw error;
  }
}

const absent: ArtifactFindings = { absent: true, faults: [] };
const otherDigest = "doesn't have the SHA-256 that was signed";
const otherSize = (found: number, { bytes }: Artifact) => `has ${found} bytes, not the ${bytes} that were signed`;

/** The file as it lies there. */
async function checkFile(
  store: Store,
  artifact: Artifact,
  onBytes?: CheckOptions["onBytes"],
): Promise<ArtifactFindings> {
  const options = { bytes: artifact.bytes, ...(onBytes === undefined ? {} : { onBytes }) };
  const found = await store.digest(artifactKey(artifact), options);
  if (found === undefined) return absent;
  if (found.bytes !== artifact.bytes) return { absent: false, faults: [otherSize(found.bytes, artifact)] };
  return { absent: false, faults: found.sha256 === artifact.sha256 ? [] : [otherDigest] };
}

async function* tap(body: AsyncIterable<Uint8Array>, seen: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    seen(chunk);
    yield chunk;
  }
}

/** Digest and length of a stream that must not be longer than `limit`. */
class Digest {
  readonly #hash = createHash("sha256");
  readonly #limit: number;
  bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.bytes > this.#limit) throw new TooLong();
    this.#hash.update(chunk);
  }

  is(sha256: string): boolean {
    return this.bytes === this.#limit && this.#hash.digest("hex") === sha256;
  }
}

/** Thrown to end a stream early, and caught in this file. */
class TooLong extends Error {}

async function contentFaults(artifact: Artifact, body: AsyncIterable<Uint8Array>): Promise<string[]> {
  const content = new Digest(artifact.content_bytes);
  const counter = counterFor(artifact);
  const consume = async (chunks: AsyncIterable<Uint8Array>) => {
    for await (const chunk of chunks) {
      content.take(chunk);
      counter?.take(chunk);
    }
  };
  try {
    if (artifact.content_encoding === undefined) await consume(body);
    else await pipeline(body, createGunzip({ chunkSize: unpackedChunk }), consume);
  } catch (error) {
    if (error instanceof TooLong) return [`unpacks to more than the ${artifact.content_bytes} bytes that were signed`];
    if (isZlib(error)) return ["can't be unpacked"];
    throw error;
  }
  if (!content.is(artifact.content_sha256)) return ["doesn't unpack to the content that was signed"];
  return counter ? counter.faults() : [];
}

/** True for what zlib rejects with; an error of the store is thrown on. */
function isZlib(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(Z_|ERR_ZLIB)/.test(String(error.code));
}

interface Counter {
  take(chunk: Uint8Array): void;
  faults(): string[];
}

function counterFor(artifact: Artifact): Counter | undefined {
  if (artifact.rows !== undefined) return rowCounter(artifact.rows);
  return artifact.objects === undefined ? undefined : objectCounter(artifact.objects, artifact.content_bytes);
}

/** Counts the records of a CSV: line feeds outside quotes. A doubled quote inside a field switches twice. */
function rowCounter(expected: number): Counter {
  let quoted = 0;
  let records = 0;
  let last = 0;
  return {
    take(chunk) {
      const length = chunk.length;
      for (let i = 0; i < length; i += 1) {
        const byte = chunk[i];
        if (byte === 0x22) quoted ^= 1;
        else if (byte === 0x0a) records += quoted ^ 1;
      }
      if (length > 0) last = chunk[length - 1] ?? last;
    },
    faults() {
      if (quoted === 1) return ["ends inside quotes"];
      if (last !== 0x0a) return ["doesn't end with a line break"];
      return records - 1 === expected ? [] : [`has ${records - 1} rows, not the ${expected} that were signed`];
    },
  };
}

/** Counts the objects of a STIX bundle by parsing it whole. */
function objectCounter(expected: number, bytes: number): Counter {
  const chunks: Uint8Array[] = [];
  return {
    take(chunk) {
      if (bytes <= maxBundleBytes) chunks.push(chunk);
    },
    faults() {
      if (bytes > maxBundleBytes) return [`is larger than the ${maxBundleBytes} bytes that are parsed`];
      const found = objectsOf(Buffer.concat(chunks).toString());
      if (found === undefined) return ["is no STIX bundle"];
      return found === expected ? [] : [`has ${found} objects, not the ${expected} that were signed`];
    },
  };
}

function objectsOf(text: string): number | undefined {
  try {
    const bundle: unknown = JSON.parse(text);
    if (typeof bundle !== "object" || bundle === null || !("type" in bundle) || bundle.type !== "bundle")
      return undefined;
    if (!("objects" in bundle)) return 0;
    return Array.isArray(bundle.objects) ? bundle.objects.length : undefined;
  } catch {
    return undefined;
  }
}

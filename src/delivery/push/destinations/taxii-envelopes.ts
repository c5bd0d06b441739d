/**
 * The objects of a publication as a TAXII server takes them: texts cut from its parts while they are unpacked, one a
 * line there, as many together as go into one envelope. Some megabytes are in memory, however much is sent.
 *
 * @see TAXII 2.1 §3.7 (envelope), `publication/stix-parts.ts` (the form of a part)
 */
import { createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { SpampotsError } from "../../../errors.ts";
import { type Artifact, artifactKey } from "../../../publication/manifest.ts";
import type { Outgoing } from "../destination.ts";

/**
 * Bytes and objects of an envelope at most, whatever the server would take: an answer tells something of each object.
 */
const mostBytes = 2 * 1024 * 1024;
const mostObjects = 1000;

/** Bytes of an object's text at most: ours have some thousands. */
const longestLine = 1024 * 1024;

const beginning = Buffer.from('{"objects":[');
const comma = Buffer.from(",");
const ending = Buffer.from("]}");

/** What goes into one envelope: less where the server has found one too large. */
export class Bounds {
  #bytes: number;
  #objects = mostObjects;

  /** @param maxContentLength of the API root, where it states one. */
  constructor(maxContentLength = mostBytes) {
    this.#bytes = Math.min(maxContentLength, mostBytes);
  }

  /** True where an envelope of so much has room for an object more. */
  fits(objects: number, bytes: number, more: Uint8Array): boolean {
    return objects < this.#objects && bytes + more.length + beginning.length + ending.length <= this.#bytes;
  }

  /** The server found this too large. */
  shrink(objects: readonly Uint8Array[]): void {
    this.#objects = Math.max(1, Math.min(this.#objects, Math.ceil(objects.length / 2)));
  }
}

/** The envelope of some objects. @param objects their texts. */
export function envelope(objects: readonly Uint8Array[]): Uint8Array {
  const parts = objects.flatMap((object, index) => (index === 0 ? [object] : [comma, object]));
  return Buffer.concat([beginning, ...parts, ending]);
}

/** The first half and the second one of two objects or more. */
export function halves<T>(objects: readonly T[]): [T[], T[]] {
  const middle = Math.ceil(objects.length / 2);
  return [objects.slice(0, middle), objects.slice(middle)];
}

/**
 * The texts of a publication's objects, over all its parts in order, but the first `skip`: so many together as go into
 * one envelope. Nothing of a part is given out before its digest was found to be the manifest's.
 *
 * @throws SpampotsError `verify-failed` or `bad-manifest` where a part isn't what the manifest states, and what the store throws.
 */
export async function* envelopesOf(outgoing: Outgoing, bounds: Bounds, skip: number): AsyncGenerator<Uint8Array[]> {
  let objects: Uint8Array[] = [];
  let bytes = 0;
  let left = skip;
  for (const part of outgoing.artifacts) {
    const { objects: stated = 0 } = part;
    if (left >= stated) {
      left -= stated;
      continue;
    }
    await prove(outgoing, part);
    let found = 0;
    for await (const line of linesOf(outgoing, part)) {
      found += 1;
      if (left > 0) {
        left -= 1;
        continue;
      }
      if (objects.length > 0 && !bounds.fits(objects.length, bytes, line)) {
        yield objects;
        objects = [];
        bytes = 0;
      }
      objects.push(line);
      bytes += line.length + comma.length;
    }
    if (found !== stated) throw unlike("bad-manifest", part);
  }
  if (objects.length > 0) yield objects;
}

async function prove(outgoing: Outgoing, part: Artifact): Promise<void> {
  const hash = createHash("sha256");
  for await (const chunk of await outgoing.open(part)) hash.update(chunk);
  if (hash.digest("hex") !== part.sha256) throw unlike("verify-failed", part);
}

const newline = 0x0a;

/** The texts of a part's objects: a line each, between its first line and its last. */
async function* linesOf(outgoing: Outgoing, part: Artifact): AsyncGenerator<Uint8Array> {
  const unpacked = createGunzip({ chunkSize: 65_536 });
  // What goes wrong with the source reaches whoever reads what is unpacked.
  pipeline(Readable.from(await outgoing.open(part), { objectMode: false }), unpacked, () => undefined);
  let rest: Buffer = Buffer.alloc(0);
  let first = true;
  let bytes = 0;
  for await (const chunk of unpacked) {
    const some = chunk as Buffer; // no encoding is set
    bytes += some.length;
    if (bytes > part.content_bytes || rest.length > longestLine) throw unlike("bad-manifest", part);
    rest = rest.length === 0 ? some : Buffer.concat([rest, some]);
    let start = 0;
    for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline, start)) {
      const line = rest.subarray(start, rest[end - 1] === 0x2c ? end - 1 : end);
      start = end + 1;
      if (first) first = false;
      // A copy: the chunk it is of would stay as long as it does.
      else if (line.length !== ending.length) yield new Uint8Array(line);
    }
    rest = rest.subarray(start);
  }
}

function unlike(code: "bad-manifest" | "verify-failed", part: Artifact): SpampotsError {
  return new SpampotsError(code, "A STIX part isn't what its manifest states.", {
    hint: "Run `spampots verify` on our own store; it names everything that is damaged.",
    key: artifactKey(part),
  });
}

/**
 * A content that is in memory whole, such as a STIX part, as a gzip file: compressed in one call, with its digests. Pure,
 * and imports nothing but Node: a thread that only packs starts at once.
 *
 * @see RFC 1952 §2.3 (member format)
 */
import { hash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { gzipOptions, hideSystem } from "./gzip.ts";

/** Larger than most compressed parts, so that they come out in one piece. */
const outputBytes = 1 << 20;

/** A gzip file and what it holds. Digests are SHA-256 in hex. */
export interface Packed {
  readonly file: Uint8Array<ArrayBuffer>;
  readonly sha256: string;
  readonly contentBytes: number;
  readonly contentSha256: string;
}

/** Packs a content. The file depends on it alone. */
export function pack(content: Uint8Array): Packed {
  // A copy of what was compressed, in memory of its own: the room for it was larger.
  const file = hideSystem(new Uint8Array(gzipSync(content, { ...gzipOptions, chunkSize: outputBytes })));
  const [sha256, contentSha256] = [hash("sha256", file, "hex"), hash("sha256", content, "hex")];
  return { file, sha256, contentBytes: content.length, contentSha256 };
}

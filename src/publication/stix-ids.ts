/**
 * STIX ids without a random source: observables by the standard's UUIDv5, everything else by a SHA-256 shaped as a
 * UUIDv4, since strict validators accept no UUIDv5 there. A week has most of a million of them: bytes that all ids of a
 * type begin from are there once, and each id is made as one text, which V8 needn't put together later. Pure.
 *
 * @see STIX 2.1 §2.9 (identifiers), RFC 4122 §4.3 and §4.4, RFC 8785 (canonical JSON)
 */
import { hash } from "node:crypto";
import { schemaVersion } from "../fields.ts";
import type { RenderContext } from "./render.ts";
import type { StixId } from "./stix-types.ts";

/** The id of an object of one type, by what names it. */
export type IdOf<Type extends string> = (name: string) => StixId<Type>;

/** Namespace of deterministic observables (STIX 2.1 §2.9). */
const namespace = Buffer.from("00abedb4aa42466c9c01fed23315a9b7", "hex");

/** By the code of a hexadecimal digit: that of the digit with its two highest bits set to 10. */
const variants = Uint8Array.from({ length: 128 }, (_, code) =>
  "89ab".charCodeAt(Number.parseInt(String.fromCharCode(code), 16) & 3),
);

/** Where the digits of a UUID stand among its characters. */
const places = [...Array(36).keys()].filter((place) => ![8, 13, 18, 23].includes(place));

/** Third group's first digit is the version, fourth group's the variant (binary 10xx). */
const [versionDigit, variantDigit] = [12, 16];

/** A function from a digest in hex to the id that it is shaped into. */
function shaper<Type extends string>(type: Type, version: 4 | 5): (hex: string) => StixId<Type> {
  const text = Buffer.from(`${type}--00000000-0000-${version}000-0000-000000000000`);
  const ends = places.map((place) => type.length + 2 + place);
  return (hex) => {
    for (let digit = 0; digit < ends.length; digit++) {
      const code = hex.charCodeAt(digit);
      if (digit !== versionDigit) text[ends[digit] ?? 0] = digit === variantDigit ? (variants[code] ?? 0) : code;
    }
    // It begins with the type and two dashes.
    return text.toString("latin1") as StixId<Type>;
  };
}

/** A hex digest shaped as a UUID of version 4 (RFC 9562 §5.4). */
export function uuid4(hex: string): string {
  const [type, shape] = ["uuid", shaper("uuid", 4)];
  return shape(hex).slice(type.length + 2);
}

/** Ids by the digest of `start` and a name in UTF-8. */
function idsBy<Type extends string>(algorithm: "sha1" | "sha256", start: Buffer, shape: (hex: string) => StixId<Type>) {
  let bytes = Buffer.concat([start, Buffer.alloc(1024)]);
  // Its beginnings by their lengths, of which there are few: an object a digest is more garbage than all else of an id.
  let beginnings: Buffer[] = [];
  return (name: string): StixId<Type> => {
    // Three bytes of UTF-8 hold any UTF-16 code unit.
    const most = start.length + name.length * 3;
    if (most > bytes.length) {
      bytes = Buffer.concat([start, Buffer.alloc(most)]);
      beginnings = [];
    }
    const end = start.length + bytes.write(name, start.length);
    beginnings[end] ??= bytes.subarray(0, end);
    return shape(hash(algorithm, beginnings[end], "hex"));
  };
}

/**
 * Ids of a type of observables. What names one is the RFC 8785 form of its contributing properties: keys in order, no
 * blanks; `JSON.stringify` writes strings and integers as that form wants them.
 */
export function observableIds<Type extends string>(type: Type): IdOf<Type> {
  return idsBy("sha1", namespace, shaper(type, 5));
}

/**
 * Ids of a type of a slice's objects: the same slice, type and name give the same id in every revision. Revoked objects
 * stay revoked for ever: what is published after a revocation has other ids.
 */
export function sliceIds<Type extends string>(
  { policyDigest, feed, period, revokes }: Pick<RenderContext, "policyDigest" | "feed" | "period" | "revokes">,
  type: Type,
): IdOf<Type> {
  const scope = [policyDigest, feed, schemaVersion, period.id, type, revokes, ""];
  return idsBy("sha256", Buffer.from(scope.join("\u001f")), shaper(type, 4));
}

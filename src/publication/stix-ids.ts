/**
 * STIX ids without a random source: observables by the standard's UUIDv5, everything else by a SHA-256 shaped as a
 * UUIDv4, since strict validators accept no UUIDv5 there. Pure.
 *
 * @see STIX 2.1 §2.9 (identifiers), RFC 4122 §4.3 and §4.4, RFC 8785 (canonical JSON)
 */
import { hash } from "node:crypto";
import type { StixId } from "./stix-types.ts";

/** Namespace of deterministic observables (STIX 2.1 §2.9). */
const namespace = Buffer.from("00abedb4aa42466c9c01fed23315a9b7", "hex");

/** Hexadecimal digits with their two highest bits set to 10. */
const variants = Object.fromEntries([..."0123456789abcdef"].map((digit, value) => [digit, "89ab"[value & 3]]));

/** Third group's first digit is the version, fourth group's the variant (binary 10xx). */
function shaped(hex: string, version: 4 | 5): string {
  const variant = variants[hex.charAt(16)];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${version}${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

let named = Buffer.concat([namespace, Buffer.alloc(1024)]);

/**
 * The id of an observable. `contributing` is the RFC 8785 form of its contributing properties: keys in order, no
 * blanks; `JSON.stringify` writes strings and integers as that form wants them.
 */
export function observableId<Type extends string>(type: Type, contributing: string): StixId<Type> {
  // Three bytes of UTF-8 hold any UTF-16 code unit.
  const size = namespace.length + contributing.length * 3;
  if (size > named.length) named = Buffer.concat([namespace, Buffer.alloc(size)]);
  const end = namespace.length + named.write(contributing, namespace.length);
  return `${type}--${shaped(hash("sha1", named.subarray(0, end), "hex"), 5)}`;
}

/**
 * A function from type and key to the id of a slice's object. `scope` is all that tells this slice's objects from
 * those of others: the same scope, type and key give the same id in every revision.
 */
export function sliceIds(
  scope: readonly (string | number)[],
): <Type extends string>(type: Type, key: string) => StixId<Type> {
  const prefix = `${scope.join("\u001f")}\u001f`;
  return (type, key) => `${type}--${shaped(hash("sha256", `${prefix}${type}\u001f${key}`, "hex"), 4)}`;
}

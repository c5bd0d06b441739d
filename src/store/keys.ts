/**
 * Keys of the store: what a key may be, and their one order. Every store checks a key here before it touches anything,
 * so that no key, whoever made it up, names a place outside the store or can't be listed again.
 */
import { SpampotsError } from "../errors.ts";
import { plain } from "../log.ts";

/** Longest key in UTF-8 bytes, prefixes of {@link Store.under} included; S3 allows 1024 (S3 User Guide, "Object key names"). */
export const maxKeyBytes = 900;

/** Longest part of a key between slashes in UTF-8 bytes: what a file name may have on Linux. */
export const maxSegmentBytes = 255;

/** Names that begin so are the disk store's own. */
export const reservedStart = ".tmp";

/** Control characters, lone surrogates, the backslash, and two code points that XML listings can't carry. */
const forbidden = /[\p{Cc}\p{Cs}\\\ufffe\uffff]/u;

/** True for a name that may stand between the slashes of a key. */
export function isSegment(name: string): boolean {
  if (name === "" || name === "." || name === ".." || name.startsWith(reservedStart)) return false;
  return !name.includes("/") && !forbidden.test(name) && Buffer.byteLength(name) <= maxSegmentBytes;
}

/** True for a well-formed key: segments joined by `/`, at most {@link maxKeyBytes} long. */
export function isKey(key: string): boolean {
  return key.length <= maxKeyBytes && Buffer.byteLength(key) <= maxKeyBytes && key.split("/").every(isSegment);
}

/**
 * The key itself, when it is well formed.
 *
 * @throws SpampotsError `bad-argument` for an empty, `.`, `..` or reserved segment, a forbidden character or too long a key.
 */
export function checkKey(key: string): string {
  return isKey(key) ? key : refuse(key);
}

function refuse(key: string): never {
  throw new SpampotsError("bad-argument", "A key or prefix of the store isn't well formed.", {
    key: plain(key.slice(0, 200)),
    hint: `Write names joined by "/": none empty, "." or "..", none beginning with "${reservedStart}", without backslash and control characters. A folder's prefix ends in "/".`,
  });
}

/** A prefix taken apart: whole segments (`""` or ending in `/`), and the beginning of a name below them. */
export interface KeyPrefix {
  readonly folder: string;
  readonly start: string;
}

/**
 * Takes a prefix apart. `a/b` is the folder `a/` and names that begin with `b`.
 *
 * @throws SpampotsError `bad-argument` where no key can begin so.
 */
export function checkPrefix(prefix: string): KeyPrefix {
  const cut = prefix.lastIndexOf("/") + 1;
  const [folder, start] = [prefix.slice(0, cut), prefix.slice(cut)];
  if (folder !== "") checkKey(folder.slice(0, -1));
  // "." and ".." can begin a name, though they can't be one.
  if (start !== "") checkKey(`${folder}${start}${start === "." || start === ".." ? "x" : ""}`);
  return { folder, start };
}

/**
 * Takes a prefix apart that names a folder as a whole: `""` or one that ends in `/`.
 *
 * @throws SpampotsError `bad-argument` for any other.
 */
export function checkFolder(prefix: string): KeyPrefix {
  return prefix === "" || prefix.endsWith("/") ? checkPrefix(prefix) : refuse(prefix);
}

/**
 * Order of keys: by UTF-8 bytes, as S3 lists them. Negative where `a` comes first.
 *
 * UTF-16 units have the same order but for surrogates, which stand for what comes after U+FFFF.
 */
export function compareKeys(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

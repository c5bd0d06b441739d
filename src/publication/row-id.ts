/**
 * `row_id`: the stable name of a row, for feedback and joins. Its HMAC keeps natural keys (which hold addresses and
 * capture ids) from being guessed by those without the site key. Pure.
 *
 * @see RFC 2104 (HMAC); written out over `crypto.hash` because a `Hmac` object a row costs eleven times as much.
 */
import { hash } from "node:crypto";

const blockBytes = 64;

function pad(key: Uint8Array, byte: number): Buffer {
  const short = key.length > blockBytes ? hash("sha256", key, "buffer") : key;
  const padded = Buffer.alloc(blockBytes, byte);
  for (const [index, value] of short.entries()) padded[index] = value ^ byte;
  return padded;
}

/** What a spreadsheet takes for a number, and shows as one: one of a thousand, such as `44388260710e0312`. */
const numberLike = /^\d+(?:e\d+)?$/;

function copied(from: Uint8Array, to: Buffer, at: number): number {
  to.set(from, at);
  return from.length;
}

/** The first 16 of 64 hex digits; where they look like a number, the next 16. */
function shortened(digits: string): string {
  for (let at = 0; at < 48; at += 16) {
    const found = digits.slice(at, at + 16);
    if (!numberLike.test(found)) return found;
  }
  return digits.slice(48);
}

/**
 * A function from natural key (text, or its UTF-8) to `row_id`: the first 16 hex digits of HMAC-SHA-256 under the site key over
 * `feed U+001F key` in UTF-8 (the next 16 where those look like a number). It doesn't depend on the policy, so that
 * partners can speak of one row.
 */
export function rowIds(siteKey: Uint8Array, feed: string): (key: string | Uint8Array) => string {
  const outer = Buffer.concat([pad(siteKey, 0x5c), Buffer.alloc(32)]);
  const prefix = Buffer.concat([pad(siteKey, 0x36), Buffer.from(`${feed}\u001f`)]);
  let inner = Buffer.concat([prefix, Buffer.alloc(256)]);
  return (key) => {
    // Three bytes of UTF-8 hold any UTF-16 code unit.
    if (prefix.length + key.length * 3 > inner.length) {
      inner = Buffer.concat([prefix, Buffer.alloc(key.length * 3)]);
    }
    const end =
      prefix.length + (typeof key === "string" ? inner.write(key, prefix.length) : copied(key, inner, prefix.length));
    outer.write(hash("sha256", inner.subarray(0, end), "hex"), blockBytes, "hex");
    return shortened(hash("sha256", outer, "hex"));
  };
}

/**
 * Bytes of a leaf of the MIME tree without their Content-Transfer-Encoding (RFC 2045 section 6). Tolerant as mail
 * readers are: what is not of the encoding is passed over or kept, nothing throws, time is linear.
 */

const equals = 61;

/** Decoded bytes of `encoded`, which are the same bytes where `transferEncoding` (lower case) says nothing or is unknown. */
export function decodeTransfer(encoded: Buffer, transferEncoding: string): Buffer {
  if (transferEncoding === "base64") return decodeBase64(encoded);
  if (transferEncoding === "quoted-printable") return decodeQuotedPrintable(encoded);
  return encoded;
}

/**
 * Base64 with whatever between. Padding ends it for Node, but some mailers pad each line, so that more follows; and
 * mailing lists add text below, which isn't base64.
 */
export function decodeBase64(encoded: Buffer): Buffer {
  const own = encoded.subarray(0, ownEnd(encoded));
  const padding = own.indexOf(equals);
  const goesOn = padding >= 0 && /[^=\s]/.test(own.toString("latin1", padding, padding + 1000));
  return goesOn ? decodePadded(own) : Buffer.from(own.toString("latin1"), "base64");
}

/** Where foreign text after a blank line begins, or the end. */
function ownEnd(encoded: Buffer): number {
  const start = encoded.findIndex((byte) => byte > 32);
  const gaps = ["\n\n", "\n\r\n"].map((gap) => encoded.indexOf(gap, Math.max(0, start), "latin1"));
  const first = Math.min(...gaps.filter((gap) => gap >= 0), encoded.length);
  return /[^A-Za-z0-9+/=\s]/.test(encoded.toString("latin1", first)) ? first : encoded.length;
}

/** Six bits of each character of base64, -1 for others. */
const sextets = Int8Array.from({ length: 256 }, (_, code) =>
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".indexOf(String.fromCharCode(code)),
);

/** Units of base64 that each end with padding, up to the first character after one that is neither base64 nor a line end. */
function decodePadded(encoded: Buffer): Buffer {
  const decoded = Buffer.allocUnsafe(Math.ceil((encoded.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let held = 0;
  let padded = false;
  for (const byte of encoded) {
    const sextet = sextets[byte] ?? -1;
    if (sextet >= 0) {
      bits = ((bits << 6) | sextet) & 0xfff;
      held += 6;
    } else if (byte === equals) {
      held = 0;
      padded = true;
    } else if (padded && byte !== 13 && byte !== 10) break;
    if (held < 8) continue;
    held -= 8;
    decoded[length] = bits >> held;
    length += 1;
  }
  return decoded.subarray(0, length);
}

/** Quoted-printable: soft line breaks joined, blanks before line ends kept, broken escapes kept as they stand. */
export function decodeQuotedPrintable(encoded: Buffer): Buffer {
  let from = encoded.indexOf(equals);
  if (from < 0) return encoded;
  const decoded = Buffer.allocUnsafe(encoded.length);
  let length = encoded.copy(decoded, 0, 0, from);
  while (from < encoded.length) {
    const byte = encoded[from] ?? 0;
    const skip = byte === equals ? softBreak(encoded, from) : 0;
    if (skip > 0) {
      from += skip;
      continue;
    }
    const value = byte === equals ? hexByte(encoded, from + 1) : -1;
    decoded[length] = value < 0 ? byte : value;
    length += 1;
    from += value < 0 ? 1 : 3;
  }
  return decoded.subarray(0, length);
}

/** Length of a soft line break at `at`: `=`, blanks that a relay added (at most 64), line end. 0 where there is none. */
function softBreak(encoded: Buffer, at: number): number {
  let next = at + 1;
  while (next < at + 65 && (encoded[next] === 32 || encoded[next] === 9)) next += 1;
  if (next >= encoded.length) return next - at;
  if (encoded[next] === 13 && encoded[next + 1] === 10) return next + 2 - at;
  return encoded[next] === 10 || encoded[next] === 13 ? next + 1 - at : 0;
}

/** The byte that two hexadecimal digits at `at` name; -1 where they are none. */
export function hexByte(bytes: Uint8Array, at: number): number {
  const high = hexDigit(bytes[at]);
  const low = hexDigit(bytes[at + 1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(code: number | undefined): number {
  if (code === undefined) return -1;
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

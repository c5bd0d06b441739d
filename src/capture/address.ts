/**
 * IP addresses as text and as numbers. Whatever form a sensor or a header wrote, the lake holds one: dotted quad for
 * IPv4, RFC 5952 for IPv6. Pure; called for each of millions of lines, so IPv4 makes no object on its way.
 *
 * @see RFC 5952 (text form of IPv6), RFC 4291 §2.2 (what may be written), RFC 4007 §11 (zones), RFC 6890 (special ranges)
 */

const dot = 46;
const zero = 48;
const nine = 57;
const colon = 58;

/** A zone with its percent sign: a name of an interface, as its system or a URL writes it. */
const zone = /^%[\w.~%-]+$/;

/** Longest text that can be an address with brackets and a zone. */
const longest = 100;

/**
 * The number of a dotted quad, 0 to 2^32-1, or `undefined`. Strict: four decimal parts, none with a leading zero, so
 * that no reader can take it for octal; nothing before or after. Allocates nothing.
 */
export function ipv4Number(text: string): number | undefined {
  const end = text.length;
  if (end < 7 || end > 15) return undefined;
  let number = 0;
  let parts = 0;
  let at = 0;
  while (at < end) {
    const first = text.charCodeAt(at);
    if (first < zero || first > nine) return undefined;
    let part = first - zero;
    at += 1;
    for (; at < end; at += 1) {
      const code = text.charCodeAt(at);
      if (code === dot) break;
      if (code < zero || code > nine || part === 0) return undefined;
      part = part * 10 + code - zero;
      if (part > 255) return undefined;
    }
    number = number * 256 + part;
    parts += 1;
    if (parts === 4) return at === end ? number : undefined;
    at += 1;
  }
  return undefined;
}

/** Dotted quad of a number from 0 to 2^32-1. */
export function ipv4Text(number: number): string {
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

/**
 * Reads an IPv6 address (no brackets, no zone) into `groups`, which has room for eight, and says whether it is one.
 * `groups` holds nothing of use where it isn't. Allocates nothing except for a dotted tail.
 */
export function ipv6Groups(text: string, groups: Uint16Array): boolean {
  const end = text.length;
  if (end < 2 || end > 45) return false;
  let count = 0;
  let gap = -1;
  let at = 0;
  if (text.charCodeAt(0) === colon) {
    if (text.charCodeAt(1) !== colon) return false;
    gap = 0;
    at = 2;
  }
  while (at < end) {
    const start = at;
    let value = 0;
    let digit = hexDigit(text.charCodeAt(at));
    while (digit >= 0 && at - start < 5) {
      value = value * 16 + digit;
      at += 1;
      digit = at < end ? hexDigit(text.charCodeAt(at)) : -1;
    }
    if (at < end && text.charCodeAt(at) === dot) {
      const tail = ipv4Number(text.slice(start));
      if (tail === undefined || count > 6) return false;
      groups[count] = tail >>> 16;
      groups[count + 1] = tail & 0xffff;
      count += 2;
      at = end;
      break;
    }
    if (at === start || at - start > 4 || count === 8) return false;
    groups[count] = value;
    count += 1;
    if (at === end) break;
    if (text.charCodeAt(at) !== colon) return false;
    at += 1;
    if (at === end) return false;
    if (text.charCodeAt(at) === colon) {
      if (gap >= 0) return false;
      gap = count;
      at += 1;
    }
  }
  if (gap < 0) return count === 8;
  if (count > 7) return false;
  groups.copyWithin(8 - (count - gap), gap, count);
  groups.fill(0, gap, 8 - (count - gap));
  return true;
}

/** Value of a hexadecimal digit's character code, or -1. */
function hexDigit(code: number): number {
  if (code >= zero && code <= nine) return code - zero;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

const scratch = new Uint16Array(8);

/** An IPv6 address as its high and low 64 bits, or `undefined`. No brackets, no zone. */
export function ipv6Pair(text: string): readonly [hi: bigint, lo: bigint] | undefined {
  if (!ipv6Groups(text, scratch)) return undefined;
  return [half(0), half(4)];
}

/** Four groups of {@link scratch} as one integer: two numbers joined, which takes half the bigints that four groups would. */
function half(first: number): bigint {
  const upper = (scratch[first] ?? 0) * 65_536 + (scratch[first + 1] ?? 0);
  const lower = (scratch[first + 2] ?? 0) * 65_536 + (scratch[first + 3] ?? 0);
  return (BigInt(upper) << 32n) | BigInt(lower);
}

/** RFC 5952 text of eight groups: lower case, no leading zeros, the first longest run of two or more zeros as `::`. */
export function ipv6Text(groups: Uint16Array): string {
  let start = -1;
  let length = 1;
  for (let at = 0; at < 8; at += 1) {
    let end = at;
    while (end < 8 && groups[end] === 0) end += 1;
    if (end - at > length) {
      start = at;
      length = end - at;
    }
    if (end > at) at = end;
  }
  let text = "";
  for (let at = 0; at < 8; at += 1) {
    if (at === start) {
      text += "::";
      at += length - 1;
    } else {
      text += text === "" || text.endsWith(":") ? "" : ":";
      text += (groups[at] ?? 0).toString(16);
    }
  }
  return text;
}

/**
 * The one text of an address, or `undefined` where `text` isn't one. Brackets around it and a zone after it are taken
 * off, letters become lower case, and IPv4 mapped into IPv6 (`::ffff:192.0.2.1`) becomes IPv4. Idempotent.
 */
export function normaliseAddress(text: string): string | undefined {
  if (ipv4Number(text) !== undefined) return text;
  if (text.length > longest) return undefined;
  let bare = text;
  if (bare.startsWith("[")) {
    if (!bare.endsWith("]")) return undefined;
    bare = bare.slice(1, -1);
    if (ipv4Number(bare) !== undefined) return bare;
  }
  const percent = bare.indexOf("%");
  if (percent >= 0) {
    if (!zone.test(bare.slice(percent))) return undefined;
    bare = bare.slice(0, percent);
  }
  if (!ipv6Groups(bare, scratch)) return undefined;
  return mappedIpv4(scratch) ?? ipv6Text(scratch);
}

/** Dotted quad of IPv4 mapped into IPv6 (`::ffff:0:0/96`). */
function mappedIpv4(groups: Uint16Array): string | undefined {
  const [a = 1, b = 1, c = 1, d = 1, e = 1, f = 0, g = 0, h = 0] = groups;
  return (a | b | c | d | e) === 0 && f === 0xffff ? ipv4Text(g * 65_536 + h) : undefined;
}

/** Says whether a normalised address is IPv6. */
export function isIpv6(address: string): boolean {
  return address.includes(":");
}

/** Ranges of IPv4 that no host on the Internet has: first number and length of the prefix (RFC 6890 and its registry). */
const specialIpv4: readonly (readonly [first: number, length: number])[] = (
  [
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.0.2.0", 24],
    ["192.168.0.0", 16],
    ["198.18.0.0", 15],
    ["198.51.100.0", 24],
    ["203.0.113.0", 24],
    ["224.0.0.0", 3],
  ] as const
).map(([first, length]) => [ipv4Number(first) ?? 0, length]);

/**
 * Says whether a normalised address can be that of a host on the Internet: IPv4 outside the special ranges of RFC 6890,
 * IPv6 within global unicast (`2000::/3`) but not documentation or benchmarking.
 */
export function isPublicAddress(address: string): boolean {
  const number = ipv4Number(address);
  if (number !== undefined) {
    return specialIpv4.every(([first, length]) => number >>> (32 - length) !== first >>> (32 - length));
  }
  if (!ipv6Groups(address, scratch)) return false;
  const [a = 0, b = 0] = scratch;
  if (a >>> 13 !== 1) return false;
  return !(a === 0x2001 && (b === 0xdb8 || b === 2)) && !(a === 0x3fff && b < 0x1000);
}

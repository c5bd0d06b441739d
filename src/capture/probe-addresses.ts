/**
 * Addresses of sensors in bytes, in any form that writes them as numbers: one pass over the bytes, in which each number
 * is read as what it may be and looked up. The time is linear in the bytes and doesn't grow with the sensors, and
 * nothing but fixed state is kept. Part of `probe.ts`.
 *
 * Found are, of IPv4: dotted, dashed and underscored quads, zero-padded and octal ones, forwards and backwards; the
 * decimal number; eight hexadecimal digits, forwards and backwards; IPv4 mapped into IPv6. Of IPv6: every form of RFC
 * 4291 §2.2 but dotted tails, the same with dashes, 32 hexadecimal digits, and nibbles as in `ip6.arpa` (RFC 3596).
 *
 * A number ends where its digits end: `1.2.3.4` isn't in `11.2.3.45`. More numbers around it don't hide an address:
 * `1.2.3.4.25` and `2001:db8::1:25` hold one, for that is how a port is written as well.
 */
import { ipv4Number, ipv6Groups } from "./address.ts";

const decimalDigit = 1;
const hexLetter = 2;
const hexDigit = 3;
const joiner = 4;
/** What a byte is to the scan: a digit, one of the letters a to f, a character that joins numbers, or nothing. */
const classes = new Uint8Array(256);
for (const char of "0123456789") classes[char.charCodeAt(0)] = decimalDigit;
for (const char of "abcdefABCDEF") classes[char.charCodeAt(0)] = hexLetter;
for (const char of ".-_:") classes[char.charCodeAt(0)] = joiner;
/** All bits for a hexadecimal digit, none for anything else: counts digits in a row without a branch. */
const digitMask = Int8Array.from(classes, (kind) => ((kind & hexDigit) === 0 ? 0 : -1));

/** Characters of `1.2.3.4`: no form of an IPv4 address has fewer. */
const shortestIpv4 = 7;

const dash = 45;
const dot = 46;
const zero = 48;
const colon = 58;
/** A position that nothing is next to. */
const nowhere = -10;

/** Addresses to look for, and the state of one pass. Not reentrant: one pass at a time. */
export class AddressForms {
  readonly #ipv4 = new Set<number>();
  /** IPv4 as above with the bytes in reverse. */
  readonly #reversed = new Set<number>();
  /** IPv6 by eight groups, each a UTF-16 unit. */
  readonly #ipv6 = new Set<string>();
  /** First groups of {@link #ipv6}: most groups in a text fail here, before any set is asked. */
  readonly #firstGroups = new Uint8Array(65_536);
  readonly #groups = new Uint16Array(8);
  /** No form of an address has fewer characters. */
  #shortest = shortestIpv4;

  /** Last four numbers as octets, read as decimal and as octal where they begin with 0, and how many of them count. */
  readonly #decimal = { octets: 0, count: 0 };
  readonly #octal = { octets: 0, count: 0 };
  #numberEnd = nowhere;
  #numberJoiner = 0;

  #wordEnd = nowhere;
  #wordJoiner = 0;
  /** Groups joined singly up to here: the last eight, newest first, and how many of them count. */
  readonly #run = new Uint16Array(8);
  #runLength = 0;
  /** Groups before the last double joiner, newest first, and how many of them count: -1 where there was no such joiner. */
  readonly #before = new Uint16Array(8);
  #beforeLength = -1;
  /** Last 32 nibbles, the newest before {@link #nibbleAt}, and how many in a row were joined by dots. */
  readonly #nibbles = new Uint8Array(32);
  #nibbleAt = 0;
  #nibbleCount = 0;

  /** @param addresses normalised ones */
  constructor(addresses: Iterable<string>) {
    // An IPv4 address mapped into IPv6 begins with a zero group.
    this.#firstGroups[0] = 1;
    for (const address of addresses) {
      const number = ipv4Number(address);
      if (number !== undefined) {
        this.#ipv4.add(number);
        this.#reversed.add(reversedBytes(number));
      } else if (ipv6Groups(address, this.#groups)) {
        this.#ipv6.add(String.fromCharCode(...this.#groups));
        this.#firstGroups[this.#groups[0] ?? 0] = 1;
        // A single zero group, which the normal form writes, may be left out as well.
        this.#shortest = Math.min(this.#shortest, address.length - 1);
      }
    }
  }

  /**
   * Says whether one of the addresses stands in the bytes from `start` to before `end`, next to which no digit or joiner
   * stands. An address is a stretch of nothing but digits and joiners, so the search leaps by as many bytes as the shortest
   * has: each such stretch is stepped on.
   */
  found(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    this.#numberEnd = nowhere;
    this.#wordEnd = nowhere;
    const shortest = this.#shortest;
    for (let at = start + shortest - 1; at < end; at += shortest) {
      if (classes[bytes[at] ?? 0] === 0) continue;
      let first = at;
      while (first > start && classes[bytes[first - 1] ?? 0] !== 0) first -= 1;
      at += 1;
      while (at < end && classes[bytes[at] ?? 0] !== 0) at += 1;
      if (at - first >= shortest && this.#stretchFound(bytes, first, at)) return true;
    }
    return false;
  }

  /** Digits and joiners from `start` to before `end`, with something else before and after. */
  #stretchFound(bytes: Uint8Array, start: number, end: number): boolean {
    let run = 0;
    for (let at = start; at < end; at += 1) {
      const before = run;
      run = (run + 1) & (digitMask[bytes[at] ?? 0] ?? 0);
      if (run > 0) continue;
      // A word before a joiner; the last word may have none after it.
      if (before > 0 && this.#wordFound(bytes, at - before, at)) return true;
    }
    return run > 0 && this.#wordFound(bytes, end - run, end);
  }

  /** A run of hexadecimal digits. */
  #wordFound(bytes: Uint8Array, start: number, end: number): boolean {
    let kinds = 0;
    for (let at = start; at < end; at += 1) kinds |= classes[bytes[at] ?? 0] ?? 0;
    if (kinds === decimalDigit) {
      if (this.#numberFound(bytes, start, end)) return true;
    } else if (kinds === (decimalDigit | hexLetter)) {
      let number = -1;
      for (let at = start; at <= end; at += 1) {
        const isDigit = at < end && classes[bytes[at] ?? 0] === decimalDigit;
        if (isDigit && number < 0) number = at;
        if (isDigit || number < 0) continue;
        if (this.#numberFound(bytes, number, at)) return true;
        number = -1;
      }
    }
    return end - start > 4 ? this.#longWordFound(bytes, start, end - start) : this.#groupFound(bytes, start, end);
  }

  /** A number in decimal digits: an IPv4 address by itself, or an octet of one. */
  #numberFound(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (length > 10) return false;
    const decimal = parsed(bytes, start, end, 10);
    if (length >= 8) return this.#ipv4.has(decimal);
    if (length > 4) return false;
    const joined = start === this.#numberEnd + 1 ? (bytes[this.#numberEnd] ?? 0) : 0;
    const joins = joined !== 0 && joined !== colon && classes[joined] === joiner;
    const keep = !joins ? 0 : joined === this.#numberJoiner ? 4 : 1;
    this.#numberJoiner = joins ? joined : 0;
    this.#numberEnd = end;
    const octal = bytes[start] === zero ? parsed(bytes, start, end, 8) : decimal;
    return this.#octetFound(this.#decimal, decimal, keep) || this.#octetFound(this.#octal, octal, keep);
  }

  /** @param keep of the octets before, the greatest number that still counts */
  #octetFound(quad: { octets: number; count: number }, octet: number, keep: number): boolean {
    quad.count = octet > 255 || octet < 0 ? 0 : Math.min(quad.count, keep) + 1;
    quad.octets = ((quad.octets << 8) | octet) >>> 0;
    return quad.count >= 4 && (this.#ipv4.has(quad.octets) || this.#reversed.has(quad.octets));
  }

  /** More than four hexadecimal digits. */
  #longWordFound(bytes: Uint8Array, start: number, length: number): boolean {
    if (length === 8) {
      const number = parsed(bytes, start, start + 8, 16);
      return this.#ipv4.has(number) || this.#reversed.has(number);
    }
    if (length !== 32) return false;
    for (let group = 0; group < 8; group += 1) {
      this.#groups[group] = parsed(bytes, start + group * 4, start + group * 4 + 4, 16);
    }
    if (this.#ipv6Found()) return true;
    this.#nibbleAt = 0;
    for (let at = 0; at < 32; at += 1) this.#nibbles[at] = parsed(bytes, start + at, start + at + 1, 16);
    return this.#nibblesFound();
  }

  /** Up to four hexadecimal digits that are joined to something: a group of IPv6, or a nibble. */
  #groupFound(bytes: Uint8Array, start: number, end: number): boolean {
    const distance = start - this.#wordEnd;
    this.#wordEnd = end;
    const previous = bytes[start - 1] ?? 0;
    const next = bytes[end] ?? 0;
    if (end - start === 1) {
      const follows = distance === 1 && previous === dot;
      if ((follows || next === dot) && this.#nibbleFound(parsed(bytes, start, end, 16), follows)) return true;
    } else this.#nibbleCount = 0;
    const isFirst = previous !== colon && previous !== dash;
    if (isFirst) {
      this.#runLength = 0;
      this.#beforeLength = -1;
      this.#wordJoiner = 0;
      // Neither side is joined as groups are: no later group can hang together with this one.
      if (next !== colon && next !== dash) return false;
    } else {
      this.#join(bytes, start, distance);
      this.#run.copyWithin(1, 0, 7);
    }
    this.#run[0] = parsed(bytes, start, end, 16);
    this.#runLength = Math.min(this.#runLength + 1, 8);
    if (isFirst) return this.#gapAtEndFound(bytes, end);
    return this.#runFound() || this.#gapFound() || this.#gapAtEndFound(bytes, end);
  }

  /** Says how the group at `start`, which a joiner stands before, hangs together with those before it. Another joiner leaves only the last of them. */
  #join(bytes: Uint8Array, start: number, distance: number): void {
    const join = bytes[start - 1] ?? 0;
    const gap = distance !== 1 && bytes[start - 2] === join;
    if (this.#wordJoiner !== join) {
      this.#runLength = Math.min(this.#runLength, 1);
      this.#beforeLength = -1;
    }
    if (gap && distance === 2) {
      this.#before.set(this.#run);
      this.#beforeLength = Math.min(this.#runLength, 7);
      this.#runLength = 0;
    } else if (distance !== 1) {
      this.#beforeLength = gap && join === colon ? 0 : -1;
      this.#runLength = 0;
    }
    this.#wordJoiner = join;
  }

  /** Eight groups in a row. */
  #runFound(): boolean {
    if (this.#runLength < 8 || this.#firstGroups[this.#run[7] ?? 0] === 0) return false;
    for (let group = 0; group < 8; group += 1) this.#groups[group] = this.#run[7 - group] ?? 0;
    return this.#ipv6Found();
  }

  /** Groups, a gap, groups: any number of those before the gap may belong to the address. */
  #gapFound(): boolean {
    const after = this.#runLength;
    if (this.#beforeLength < 0 || after > 7) return false;
    for (let left = Math.min(this.#beforeLength, 7 - after); left >= 0; left -= 1) {
      if (this.#gappedFound(this.#before, left, after)) return true;
    }
    return false;
  }

  /** Groups and a gap after which no group stands: `2001:db8::`. */
  #gapAtEndFound(bytes: Uint8Array, end: number): boolean {
    const join = bytes[end] ?? 0;
    if ((join !== colon && join !== dash) || bytes[end + 1] !== join) return false;
    if (((classes[bytes[end + 2] ?? 0] ?? 0) & hexDigit) !== 0) return false;
    for (let left = Math.min(this.#runLength, 7); left > 0; left -= 1) {
      if (this.#gappedFound(this.#run, left, 0)) return true;
    }
    return false;
  }

  /** `left` groups of `before`, zeros, then the last `after` groups. */
  #gappedFound(before: Uint16Array, left: number, after: number): boolean {
    if (this.#firstGroups[left === 0 ? 0 : (before[left - 1] ?? 0)] === 0) return false;
    this.#groups.fill(0);
    for (let group = 0; group < left; group += 1) this.#groups[group] = before[left - 1 - group] ?? 0;
    for (let group = 0; group < after; group += 1) this.#groups[7 - group] = this.#run[group] ?? 0;
    return this.#ipv6Found();
  }

  /** @param follows the nibble before stands next to this one, with a dot between them */
  #nibbleFound(value: number, follows: boolean): boolean {
    this.#nibbles[this.#nibbleAt] = value;
    this.#nibbleAt = (this.#nibbleAt + 1) & 31;
    this.#nibbleCount = follows ? this.#nibbleCount + 1 : 1;
    return this.#nibbleCount >= 32 && this.#nibblesFound();
  }

  /** The newest nibble is the most significant. */
  #nibblesFound(): boolean {
    for (let group = 0; group < 8; group += 1) {
      let value = 0;
      for (let back = 1; back <= 4; back += 1) {
        value = value * 16 + (this.#nibbles[(this.#nibbleAt - group * 4 - back) & 31] ?? 0);
      }
      if (group === 0 && this.#firstGroups[value] === 0) return false;
      this.#groups[group] = value;
    }
    return this.#ipv6Found();
  }

  /** Looks up {@link #groups}. */
  #ipv6Found(): boolean {
    const [a = 1, b = 1, c = 1, d = 1, e = 1, f = 0, g = 0, h = 0] = this.#groups;
    if ((a | b | c | d | e) === 0 && f === 0xffff && this.#ipv4.has(g * 65_536 + h)) return true;
    return this.#ipv6.size > 0 && this.#ipv6.has(String.fromCharCode(a, b, c, d, e, f, g, h));
  }
}

/** The number that digits of a base make; negative where one isn't of that base. */
function parsed(bytes: Uint8Array, start: number, end: number, base: number): number {
  let number = 0;
  for (let at = start; at < end; at += 1) {
    const code = bytes[at] ?? 0;
    const digit = code <= 57 ? code - zero : (code | 32) - 87;
    if (digit >= base) return -1;
    number = number * base + digit;
  }
  return number;
}

function reversedBytes(number: number): number {
  const [a, b, c, d] = [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255];
  return d * 16_777_216 + c * 65_536 + b * 256 + a;
}

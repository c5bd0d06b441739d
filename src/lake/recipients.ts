/**
 * Envelope recipients of one capture: how many there are, a sample that counts them over any set of captures, their
 * registrable domains and economies. Addresses themselves go no further. Called for each of millions of captures with
 * some ten recipients each, so addresses as most are written are read in one pass without another text being made.
 */
import { compatible } from "../capture/compatible.ts";
import type { RecipientDomain } from "../model.ts";

/** What recipients need to know of names. */
export interface Domains {
  recipientDomain(address: string): RecipientDomain | undefined;
  /** The same for the text after an address's last `@`. */
  domain(text: string): RecipientDomain | undefined;
}

export interface Recipients {
  readonly distinct: number;
  /** The least numbers of distinct recipients, ascending. Valid until the next call. */
  readonly sample: Float64Array;
  /** Per registrable domain, sorted by domain. */
  readonly domains: readonly DomainCount[];
  /** Recipients per economy, unknown as ZZ, sorted. */
  readonly economies: readonly EconomyCount[];
}

export interface DomainCount {
  readonly domain: RecipientDomain;
  count: number;
}

export interface EconomyCount {
  readonly economy: string;
  count: number;
}

/** Numbers in a sample: enough to count up to eight over any set of captures. */
const sampleSize = 8;

/** Multipliers of the two halves of a {@link recipientNumber}. */
const highStart = 0x9e3779b9;
const highFactor = 0x2c1b3c6d;
const lowStart = 0x85ebca6b;
const lowFactor = 0x297a2d39;

/**
 * A 53-bit number that tells recipients apart. It needn't resist anyone: it stays in the lake, and whoever could make two
 * recipients collide would only make texts leave less often. Two multiplicative 32-bit hashes, mixed.
 */
export function recipientNumber(address: string): number {
  let high = highStart;
  let low = lowStart;
  for (let index = 0; index < address.length; index += 1) {
    const code = address.charCodeAt(index);
    high = Math.imul(high ^ code, highFactor);
    low = Math.imul(low ^ code, lowFactor);
  }
  return mixed(high, low);
}

function mixed(highHash: number, lowHash: number): number {
  const high = Math.imul(highHash ^ (highHash >>> 16), 0x21f0aaad) ^ Math.imul(lowHash ^ (lowHash >>> 15), 0x735a2d97);
  const low = Math.imul(lowHash ^ (lowHash >>> 16), 0x21f0aaad) ^ Math.imul(high ^ (high >>> 15), 0x735a2d97);
  return (high & 0x1fffff) * 0x100000000 + (low >>> 0);
}

/** One mailbox written in several ways is one recipient: brackets, quotes, case, a final dot, a `+tag` don't count. */
function mailbox(address: string): string {
  const bare = compatible(address).trim().toLowerCase().replace(/^<|>$/g, "").replaceAll('"', "").replace(/\.$/, "");
  const tag = bare.indexOf("+");
  const sign = tag < 0 ? -1 : bare.indexOf("@", tag);
  return sign < 0 ? bare : bare.slice(0, tag) + bare.slice(sign);
}

const at = 64;
const dot = 46;

/** Characters of which {@link mailbox} changes the case at most, each in lower case; 0 for any other. */
const simple = new Uint8Array(128);
for (const char of "abcdefghijklmnopqrstuvwxyz0123456789._-@") simple[char.charCodeAt(0)] = char.charCodeAt(0);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZ") simple[char.charCodeAt(0)] = char.toLowerCase().charCodeAt(0);

/** Longer than any address that works. */
const longestSimple = 320;

/** Reads addresses as most are written: letters, digits, dots, dashes and `@` alone. */
class SimpleAddress {
  /** {@link recipientNumber} of the address last read, in lower case. */
  number = 0;
  /** Where the text after its last `@` begins; 0 without one. */
  domainStart = 0;

  /** Says whether the address is one of these; if not, nothing was read. */
  read(address: string): boolean {
    const { length } = address;
    if (length === 0 || length > longestSimple || address.charCodeAt(length - 1) === dot) return false;
    let high = highStart;
    let low = lowStart;
    let domainStart = 0;
    for (let index = 0; index < length; index += 1) {
      const code = simple[address.charCodeAt(index)] ?? 0;
      if (code === 0) return false;
      if (code === at) domainStart = index + 1;
      high = Math.imul(high ^ code, highFactor);
      low = Math.imul(low ^ code, lowFactor);
    }
    this.number = mixed(high, low);
    this.domainStart = domainStart;
    return true;
  }
}

const address = new SimpleAddress();
let numbers = new Float64Array(64);

/** Registrable domain of an envelope sender or recipient. */
export function domainOfAddress(text: string, domains: Domains): RecipientDomain | undefined {
  if (!address.read(text)) return domains.recipientDomain(text);
  return address.domainStart === 0 ? undefined : domains.domain(text.slice(address.domainStart));
}

/** What `rcptTo`, as written, comes to. */
export function recipientsOf(rcptTo: readonly string[], domains: Domains): Recipients {
  const counted = new Counts(domains);
  const distinct = numbered(rcptTo, counted);
  if (distinct) return counted.recipients(rcptTo.length);
  // Equal numbers: the same mailbox twice, or, hardly ever, two of one number.
  const mailboxes = [...new Set(rcptTo.map(mailbox))];
  const again = new Counts(domains);
  numbered(mailboxes, again);
  return again.recipients(mailboxes.length);
}

/** Counts each address and puts its number into {@link numbers}, ascending; says whether all differ. */
function numbered(addresses: readonly string[], counts: Counts): boolean {
  const { length } = addresses;
  if (length > numbers.length) numbers = new Float64Array(length);
  for (let index = 0; index < length; index += 1) numbers[index] = counts.add(addresses[index] ?? "");
  sort(length);
  for (let index = 1; index < length; index += 1) if (numbers[index] === numbers[index - 1]) return false;
  return true;
}

/** Up to here the simplest sort is the fastest. */
const fewNumbers = 24;

function sort(length: number): void {
  if (length > fewNumbers) {
    numbers.subarray(0, length).sort();
    return;
  }
  for (let end = 1; end < length; end += 1) {
    const number = numbers[end] ?? 0;
    let place = end;
    for (; place > 0 && (numbers[place - 1] ?? 0) > number; place -= 1) numbers[place] = numbers[place - 1] ?? 0;
    numbers[place] = number;
  }
}

/** Recipients by domain. Those of one capture mostly have one domain, so the last is looked at first. */
class Counts {
  readonly #domains: Domains;
  readonly #byDomain = new Map<string, DomainCount>();
  /** The text after the last `@`, and what it counts for. */
  #text = "";
  #last: DomainCount | undefined;
  #unknown = 0;

  constructor(domains: Domains) {
    this.#domains = domains;
  }

  /** Counts an address; returns its number. */
  add(written: string): number {
    if (!address.read(written)) {
      const box = mailbox(written);
      this.#count(this.#entry(this.#domains.recipientDomain(box)));
      return recipientNumber(box);
    }
    const { number, domainStart } = address;
    if (domainStart === 0) this.#unknown += 1;
    else {
      const known =
        this.#text !== "" && written.length - domainStart === this.#text.length && written.endsWith(this.#text);
      if (!known) {
        this.#text = written.slice(domainStart);
        this.#last = this.#entry(this.#text === "" ? undefined : this.#domains.domain(this.#text));
      }
      this.#count(this.#last);
    }
    return number;
  }

  #count(entry: DomainCount | undefined): void {
    if (entry === undefined) this.#unknown += 1;
    else entry.count += 1;
  }

  #entry(domain: RecipientDomain | undefined): DomainCount | undefined {
    if (domain === undefined) return undefined;
    const known = this.#byDomain.get(domain.domain);
    if (known !== undefined) return known;
    const entry = { domain, count: 0 };
    this.#byDomain.set(domain.domain, entry);
    return entry;
  }

  recipients(distinct: number): Recipients {
    const domains = [...this.#byDomain.values()];
    if (domains.length > 1) domains.sort((a, b) => (a.domain.domain < b.domain.domain ? -1 : 1));
    return {
      distinct,
      sample: numbers.subarray(0, Math.min(distinct, sampleSize)),
      domains,
      economies: this.#economies(domains),
    };
  }

  #economies(domains: readonly DomainCount[]): EconomyCount[] {
    const economies = new Map<string, EconomyCount>();
    const add = (economy: string, count: number) => {
      const known = economies.get(economy);
      if (known === undefined) economies.set(economy, { economy, count });
      else known.count += count;
    };
    for (const { domain, count } of domains) add(domain.economy ?? unknownEconomy, count);
    if (this.#unknown > 0) add(unknownEconomy, this.#unknown);
    const counts = [...economies.values()];
    return counts.length > 1 ? counts.sort((a, b) => (a.economy < b.economy ? -1 : 1)) : counts;
  }
}

const unknownEconomy = "ZZ";

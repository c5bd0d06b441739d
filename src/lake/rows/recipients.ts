/**
 * Envelope recipients of one capture: how many there are, a sample that counts them over any set of captures, their
 * registrable domains and economies. Addresses themselves go no further. Called for each of millions of captures with
 * some ten recipients each, so addresses as most are written are read in one pass without another text being made.
 */
import { compatible } from "../../capture/compatible.ts";
import type { RecipientDomain } from "../../model.ts";
import { RecipientNumbers, recipientNumber, SimpleAddress, sampleSize } from "./recipient-number.ts";

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

/** One mailbox written in several ways is one recipient: brackets, quotes, case, a final dot, a `+tag` don't count. */
function mailbox(address: string): string {
  const bare = compatible(address).trim().toLowerCase().replace(/^<|>$/g, "").replaceAll('"', "").replace(/\.$/, "");
  const tag = bare.indexOf("+");
  const sign = tag < 0 ? -1 : bare.indexOf("@", tag);
  return sign < 0 ? bare : bare.slice(0, tag) + bare.slice(sign);
}

const address = new SimpleAddress();
const numbers = new RecipientNumbers();

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

/** Counts each address and puts its number into {@link numbers}; says whether all differ. */
function numbered(addresses: readonly string[], counts: Counts): boolean {
  numbers.clear();
  for (const one of addresses) numbers.add(counts.add(one));
  return numbers.areDistinct();
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
      sample: numbers.sorted.subarray(0, Math.min(distinct, sampleSize)),
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

/** Stands for recipients of which no economy is known. */
export const unknownEconomy = "ZZ";

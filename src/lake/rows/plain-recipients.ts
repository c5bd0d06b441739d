/**
 * Recipients of a plain line, counted as they stand in its bytes: the same as `recipients.ts` makes of their texts. What
 * a domain comes to is remembered, with the cells it is written as. Part of `plain-rows.ts`.
 */
import { partSeparator } from "../../fields.ts";
import type { RecipientDomain } from "../../model.ts";
import { RecipientNumbers, SimpleAddress, sampleSize } from "./recipient-number.ts";
import { type Domains, unknownEconomy } from "./recipients.ts";
import type { RowBuffer } from "./row-buffer.ts";
import { SpanMemo } from "./span-memo.ts";

const quote = 34;
const comma = 44;
const listEnd = 93;

/** A capture of more domains goes the long way, where their number doesn't matter. */
const mostDomains = 16;
/** As many recipients as a spool line may list, at most. */
const mostRecipients = 10_000;

/** A registrable domain with what it is written as. */
interface KnownDomain {
  readonly name: string;
  readonly economy: string | undefined;
  /** Its cell where it is a sender's. */
  readonly nameBytes: Uint8Array;
  /** What stands before its count in the list of domains, and in the text of them. */
  readonly listBytes: Uint8Array;
  readonly textBytes: Uint8Array;
  /** What stands before the count of its economy. */
  readonly economyBytes: Uint8Array;
  /** It names a sensor: its captures go the long way. */
  readonly hit: boolean;
}

/** What the text after an address's `@` comes to. */
interface DomainAnswer {
  readonly domain: KnownDomain | undefined;
}

/** Recipients of one line, and its sender. */
export class PlainRecipients {
  readonly #domains: Domains;
  readonly #hits: (text: string) => boolean;
  readonly #memo = new SpanMemo<DomainAnswer>();
  readonly #numbers = new RecipientNumbers();
  readonly #address = new SimpleAddress();
  /** Domains of this line, sorted by name once it was read, and how many recipients each has. */
  readonly #found: KnownDomain[] = [];
  readonly #counts: number[] = [];
  #unknown = 0;
  #lastStart = 0;
  #lastEnd = 0;
  #lastPlace = -1;
  /** Recipients of the line. */
  count = 0;

  constructor(domains: Domains, hits: (text: string) => boolean) {
    this.#domains = domains;
    this.#hits = hits;
  }

  /** Registrable domain of the sender that begins at `start`; `senderEnd` is then where it ends, or -1 for the long way. */
  senderEnd = -1;
  sender(bytes: Uint8Array, start: number): KnownDomain | undefined {
    this.senderEnd = start;
    if (bytes[start] === quote) return undefined;
    this.senderEnd = this.#address.readBytes(bytes, start);
    if (this.senderEnd < 0 || this.#address.domainStart === 0) return undefined;
    const { domain } = this.#answer(bytes, this.#address.domainStart, this.senderEnd);
    if (domain?.hit === true) this.senderEnd = -1;
    return domain;
  }

  /** Reads the list whose first element stands at `start`. Returns where it has ended; -1 where it must go the long way. */
  read(bytes: Uint8Array, start: number): number {
    this.#begin();
    for (let at = start; ; at += 1) {
      const end = bytes[at] === quote ? this.#address.readBytes(bytes, at + 1) : -1;
      if (end < 0 || this.count === mostRecipients || !this.#count(bytes, end)) return -1;
      at = end + 1;
      if (bytes[at] === listEnd) {
        this.#sort();
        return this.#numbers.areDistinct() ? at + 1 : -1;
      }
      if (bytes[at] !== comma) return -1;
    }
  }

  /** Economies of the domains, those of no domain left out; with repeats. */
  economyAt(place: number): string | undefined {
    return this.#found[place]?.economy;
  }

  get domains(): number {
    return this.#found.length;
  }

  /** Cells of the recipients: how many, how many distinct, the sample, domains as list and as text. */
  cells(to: RowBuffer): void {
    to.integer(this.count);
    to.integer(this.count);
    to.integers(this.#numbers.sorted, Math.min(this.count, sampleSize));
    if (this.#found.length === 0) {
      to.text(undefined);
      to.text(undefined);
      return;
    }
    for (let place = 0; place < this.#found.length; place += 1) {
      if (place > 0) to.nextElement();
      to.counted(this.#found[place]?.listBytes ?? nothing, this.#counts[place] ?? 0);
    }
    to.endCell();
    for (let place = 0; place < this.#found.length; place += 1) {
      if (place > 0) to.part(";");
      to.counted(this.#found[place]?.textBytes ?? nothing, this.#counts[place] ?? 0);
    }
    to.endCell();
  }

  /** The cell of recipients by economy. */
  economyCell(to: RowBuffer): void {
    const [only] = this.#found;
    if (only !== undefined && this.#found.length === 1 && this.#unknown === 0) {
      to.counted(only.economyBytes, this.count);
      to.endCell();
      return;
    }
    const economies: string[] = [];
    const counts: number[] = [];
    const add = (economy: string, count: number) => {
      const place = economies.indexOf(economy);
      if (place < 0) {
        economies.push(economy);
        counts.push(count);
      } else counts[place] = (counts[place] ?? 0) + count;
    };
    for (let place = 0; place < this.#found.length; place += 1) {
      add(this.#found[place]?.economy ?? unknownEconomy, this.#counts[place] ?? 0);
    }
    if (this.#unknown > 0) add(unknownEconomy, this.#unknown);
    const sorted = economies.length > 1 ? economies.toSorted() : economies;
    for (const [place, economy] of sorted.entries()) {
      to.part(place > 0 ? `;${economy}:` : `${economy}:`);
      to.counted(nothing, counts[economies.indexOf(economy)] ?? 0);
    }
    to.endCell();
  }

  #begin(): void {
    this.#numbers.clear();
    this.#found.length = 0;
    this.#counts.length = 0;
    this.#unknown = 0;
    this.#lastStart = 0;
    this.#lastEnd = -1;
    this.count = 0;
  }

  /** Counts the address that was read, which ends at `end`; says whether it may go this way. */
  #count(bytes: Uint8Array, end: number): boolean {
    const start = this.#address.domainStart;
    this.#numbers.add(this.#address.number);
    this.count += 1;
    if (start === 0) {
      this.#unknown += 1;
      return true;
    }
    if (!this.#isLast(bytes, start, end)) {
      const { domain } = this.#answer(bytes, start, end);
      if (domain?.hit === true) return false;
      this.#lastStart = start;
      this.#lastEnd = end;
      this.#lastPlace = this.#placeOf(domain);
    }
    if (this.#lastPlace < 0) this.#unknown += 1;
    else this.#counts[this.#lastPlace] = (this.#counts[this.#lastPlace] ?? 0) + 1;
    return this.#found.length <= mostDomains;
  }

  #isLast(bytes: Uint8Array, start: number, end: number): boolean {
    const shift = start - this.#lastStart;
    if (end - shift !== this.#lastEnd) return false;
    for (let at = start; at < end; at += 1) if (bytes[at] !== bytes[at - shift]) return false;
    return true;
  }

  #placeOf(domain: KnownDomain | undefined): number {
    if (domain === undefined) return -1;
    for (let place = 0; place < this.#found.length; place += 1) {
      if (this.#found[place]?.name === domain.name) return place;
    }
    this.#found.push(domain);
    this.#counts.push(0);
    return this.#found.length - 1;
  }

  #sort(): void {
    const found = this.#found;
    const counts = this.#counts;
    for (let end = 1; end < found.length; end += 1) {
      for (let place = end; place > 0; place -= 1) {
        const [before, here] = [found[place - 1], found[place]];
        if (before === undefined || here === undefined || before.name < here.name) break;
        found[place - 1] = here;
        found[place] = before;
        const count = counts[place - 1] ?? 0;
        counts[place - 1] = counts[place] ?? 0;
        counts[place] = count;
      }
    }
  }

  #answer(bytes: Uint8Array, start: number, end: number): DomainAnswer {
    const known = this.#memo.get(bytes, start, end);
    if (known !== undefined) return known;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
    const domain = text === "" ? undefined : this.#domains.domain(text);
    const answer = { domain: domain === undefined ? undefined : this.#known(domain) };
    this.#memo.set(bytes, start, end, answer);
    return answer;
  }

  #known({ domain, economy, basis }: RecipientDomain): KnownDomain {
    const list = `${domain}${partSeparator}${economy ?? ""}${partSeparator}${basis ?? ""}${partSeparator}`;
    return {
      name: domain,
      economy,
      nameBytes: encoded(`${domain}\t`),
      listBytes: encoded(list),
      textBytes: encoded(`${domain}:`),
      economyBytes: encoded(`${economy ?? unknownEconomy}:`),
      hit: this.#hits(domain),
    };
  }
}

const encoder = new TextEncoder();
/** In memory of its own: a small Buffer is a slice of 64 kB, which it would keep. */
const encoded = (text: string): Uint8Array => new Uint8Array(encoder.encode(text));

const nothing = Buffer.alloc(0);

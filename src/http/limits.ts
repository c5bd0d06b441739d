/**
 * Limits: how much a partner, or an address that nobody knows yet, may ask for. Kept in memory: what restarts begins anew.
 *
 * @see RFC 6585 §4 (429), RFC 9110 §10.2.3 (Retry-After)
 */
import { isIPv6 } from "node:net";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { SpampotsError } from "../errors.ts";

/** The bounds of a service. */
export interface LimitSettings {
  /** Requests of a partner in a minute. */
  readonly requests: number;
  /** Downloads and waiting requests of a partner at the same time. */
  readonly downloads: number;
  /** Requests in a minute that an address may make without a token that is known. */
  readonly strangers: number;
}

export class Limits {
  readonly #partners: RateLimiterMemory;
  readonly #strangers: RateLimiterMemory;
  readonly #most: number;
  readonly #open = new Map<string, number>();
  #all = 0;

  constructor({ requests, downloads, strangers }: LimitSettings) {
    this.#partners = new RateLimiterMemory({ points: requests, duration: 60 });
    this.#strangers = new RateLimiterMemory({ points: strangers, duration: 60 });
    this.#most = downloads;
  }

  /** Counts a request of a partner. @throws SpampotsError `too-many-requests` */
  request(partner: string): Promise<void> {
    return consume(this.#partners, partner, "You make more requests than your limit allows.");
  }

  /** Counts a request of an address that shows no token that is known. @throws SpampotsError `too-many-requests` */
  stranger(address: string): Promise<void> {
    return consume(this.#strangers, network(address), "Your address makes more requests than its limit allows.");
  }

  /** Long answers that are open, of all partners. */
  get open(): number {
    return this.#all;
  }

  /**
   * Takes one of a partner's places for long answers; the function given back frees it, once.
   *
   * @throws SpampotsError `too-many-requests`
   */
  take(partner: string): () => void {
    const open = this.#open.get(partner) ?? 0;
    if (open >= this.#most) {
      throw new SpampotsError("too-many-requests", "You have more downloads open than your limit allows.", {
        hint: `Have at most ${this.#most} at the same time.`,
        retryAfter: 2,
      });
    }
    this.#open.set(partner, open + 1);
    this.#all += 1;
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#all -= 1;
      const left = (this.#open.get(partner) ?? 1) - 1;
      if (left > 0) this.#open.set(partner, left);
      else this.#open.delete(partner);
    };
  }
}

async function consume(limiter: RateLimiterMemory, key: string, message: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    throw new SpampotsError("too-many-requests", message, {
      hint: "Wait as long as the header Retry-After says.",
      retryAfter: Math.max(1, Math.ceil(refused.msBeforeNext / 1000)),
    });
  }
}

/** What counts as one address: an IPv4 address, or the /64 of an IPv6 address, which one customer has as a whole. */
export function network(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - groups.length - after.length;
  return [...groups, ...Array<string>(Math.max(0, zeros)).fill("0"), ...after].slice(0, 4).join(":");
}

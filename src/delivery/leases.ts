/**
 * Leases: of several runners one works on a slice, a lane or the sweep at a time. A lease is a series of put-once
 * objects, one for each minute that it holds; its holder puts the next minute before the last one is over, and deletes
 * them all when the work is done. Who dies puts nothing more, and another takes over when the last minute is past.
 *
 *     leases/<name>/<minutes since 1970>    who holds it in that minute
 *
 * Whoever wants a lease puts the minute that it is, and the next one where that is near. With clocks up to half a
 * minute apart, one of these is a minute that the holder has. Leases only save work: where they fail (clocks further
 * apart, a runner that slept) two do the same, and the log's and the receipts' own put-once decide, as ever.
 *
 * @see design §3 points 10 and 16
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { isError } from "../errors.ts";
import type { Log } from "../log.ts";
import { readBounded } from "../publication/log.ts";
import type { Store } from "../store/store.ts";

/** Work that is ours alone until it is released. */
export interface Lease {
  /** Gives the work back. Never rejects: what can't be deleted lapses. */
  release(): Promise<void>;
}

/** Hands out leases by name: of those who ask for one name, one at a time has it. */
export interface Leases {
  /** The lease, or `undefined` where somebody has it. @throws SpampotsError the store's own. */
  take(name: string): Promise<Lease | undefined>;
}

export interface LeaseWorld {
  /** The whole store. */
  readonly store: Store;
  /** Milliseconds since 1970 UTC. */
  clock(): number;
  readonly log: Log;
  /** Milliseconds between two looks whether a lease has to go on. */
  readonly lookEveryMs?: number;
}

const minuteMs = 60_000;

/** A lease goes on when it has no longer than this left: so far may the clocks of two runners be apart. */
const leastLeftMs = 30_000;

/** More than any lease has. */
const mostBytes = 4096;

const minuteOf = (instant: number) => Math.floor(instant / minuteMs);

/** Leases in a store, and all that this process holds. */
export class StoreLeases implements Leases {
  readonly #world: LeaseWorld;
  readonly #held = new Set<HeldLease>();

  constructor(world: LeaseWorld) {
    this.#world = world;
  }

  async take(name: string): Promise<Lease | undefined> {
    const place = this.#world.store.under(`leases/${name}`);
    const lease = new HeldLease(place, this.#world, () => this.#held.delete(lease));
    this.#held.add(lease);
    if (await lease.begin()) return lease;
    await lease.release();
    return undefined;
  }

  /** Gives back everything that is held: for who ends in the middle of work. */
  async close(): Promise<void> {
    await Promise.all([...this.#held].map((lease) => lease.release()));
  }
}

class HeldLease implements Lease {
  readonly #place: Store;
  readonly #world: LeaseWorld;
  readonly #onEnd: () => void;
  readonly #body = new TextEncoder().encode(
    `${JSON.stringify({ holder: randomUUID(), host: hostname(), pid: process.pid })}\n`,
  );
  /** Minutes that are ours, ascending. */
  #minutes: number[] = [];
  #looking: NodeJS.Timeout | undefined;
  #renewal: Promise<void> | undefined;

  constructor(place: Store, world: LeaseWorld, onEnd: () => void) {
    this.#place = place;
    this.#world = world;
    this.#onEnd = onEnd;
  }

  /** True where the lease is ours from now on. */
  async begin(): Promise<boolean> {
    if (!(await this.#goOn())) return false;
    this.#looking = setInterval(() => {
      this.#renewal ??= this.#renew().finally(() => {
        this.#renewal = undefined;
      });
    }, this.#world.lookEveryMs ?? 10_000).unref();
    return true;
  }

  async release(): Promise<void> {
    clearInterval(this.#looking);
    await this.#renewal;
    await this.#forgetBefore(Number.POSITIVE_INFINITY);
    this.#onEnd();
  }

  async #renew(): Promise<void> {
    try {
      if (await this.#goOn()) return await this.#forgetBefore(minuteOf(this.#world.clock()));
      clearInterval(this.#looking);
      this.#world.log.warn(
        { lease: this.#place.url },
        "another runner took over a lease: this one's clock or pace is off",
      );
    } catch (error) {
      this.#world.log.warn({ lease: this.#place.url, err: error }, "a lease couldn't be renewed; it is tried again");
    }
  }

  /** Holds this minute, and the next one where this is nearly over. False where somebody else has one of them. */
  async #goOn(): Promise<boolean> {
    const now = this.#world.clock();
    const wanted = [minuteOf(now), minuteOf(now + leastLeftMs)];
    for (const minute of new Set(wanted)) {
      if (!this.#minutes.includes(minute) && !(await this.#put(minute))) return false;
    }
    return true;
  }

  async #put(minute: number): Promise<boolean> {
    const key = String(minute);
    const put = await this.#place.putOnce(key, this.#body, { contentType: "application/json" });
    // "exists" may be this very put, tried again since its answer was lost.
    if (put === "exists" && !(await this.#isOurs(key))) return false;
    this.#minutes.push(minute);
    return true;
  }

  async #isOurs(key: string): Promise<boolean> {
    // Whoever has it may delete it while it is read.
    const found = await readBounded(this.#place, key, mostBytes).catch((error: unknown) => {
      if (isError(error, "not-found")) return undefined;
      throw error;
    });
    return found !== undefined && Buffer.compare(found, this.#body) === 0;
  }

  async #forgetBefore(minute: number): Promise<void> {
    const past = this.#minutes.filter((held) => held < minute);
    this.#minutes = this.#minutes.filter((held) => held >= minute);
    for (const held of past) {
      await this.#place.delete(String(held)).catch((error: unknown) => {
        this.#world.log.debug({ lease: this.#place.url, err: error }, "a lease is left to lapse");
      });
    }
  }
}

/**
 * Leases: of several runners one works on a slice, a lane or the sweep at a time. A lease is a series of put-once
 * objects, one for each slot of ten seconds that it holds; its holder puts those of the next fifteen seconds ahead, deletes
 * those that are past, and all of them when the work is done. Who dies puts nothing more, and another takes over when
 * the last slot is past.
 *
 *     leases/<name>/<slots of ten seconds since 1970>    who holds it in that slot
 *
 * Whoever wants a lease puts the slot that it is and those of the next fifteen seconds, in this order, and gives up at
 * the first that somebody has. So it is held with clocks up to five seconds apart and renewals that take up to eight (with
 * equal clocks, up to thirteen), and lapses at most 25 seconds after its holder's death by the holder's own clock.
 * Leases only save work: where they fail (clocks further apart, a runner that slept, a store that was away) two do the
 * same, and the log's and the receipts' own put-once decide, as ever.
 *
 * @see design §3 points 10 and 16; docs/decisions/0017-how-runners-share-work.md has the arithmetic
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
  /** Whether somebody has it, for one or a few reads: to be asked again and again. @throws SpampotsError the store's own. */
  isHeld(name: string): Promise<boolean>;
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

const slotMs = 10_000;

/** A lease goes on when it has no longer than this left. */
const aheadMs = 15_000;

/** Costs no request unless a slot is wanted. */
const usualLookMs = 2_000;

/** More than any lease has. */
const mostBytes = 4096;

const slotOf = (instant: number) => Math.floor(instant / slotMs);

/** Slots that a holder has at an instant, ascending. */
function slotsFrom(instant: number): number[] {
  const first = slotOf(instant);
  return Array.from({ length: slotOf(instant + aheadMs) - first + 1 }, (_, index) => first + index);
}

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

  async isHeld(name: string): Promise<boolean> {
    const place = this.#world.store.under(`leases/${name}`);
    // Where somebody has it, the first look mostly finds it.
    for (const slot of slotsFrom(this.#world.clock())) if ((await place.stat(String(slot))) !== undefined) return true;
    return false;
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
  /** Slots that are ours, ascending. */
  #slots: number[] = [];
  /** Whether the last renewal failed: a store that is away is told of once. */
  #failing = false;
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
    }, this.#world.lookEveryMs ?? usualLookMs).unref();
    return true;
  }

  async release(): Promise<void> {
    clearInterval(this.#looking);
    await this.#renewal;
    await this.#forgetBefore(Number.POSITIVE_INFINITY);
    this.#onEnd();
  }

  async #renew(): Promise<void> {
    const { clock, log } = this.#world;
    try {
      if (await this.#goOn()) {
        await this.#forgetBefore(slotOf(clock()));
        if (this.#failing) log.info({ lease: this.#place.url }, "a lease is renewed again");
        this.#failing = false;
        return;
      }
      clearInterval(this.#looking);
      log.warn({ lease: this.#place.url }, "another runner took over a lease: this one's clock or pace is off");
    } catch (error) {
      if (!this.#failing)
        log.warn({ lease: this.#place.url, err: error }, "a lease couldn't be renewed; it is tried again");
      this.#failing = true;
    }
  }

  /** Holds this slot, and those ahead. False where somebody else has one of them. */
  async #goOn(): Promise<boolean> {
    for (const slot of slotsFrom(this.#world.clock())) {
      if (!this.#slots.includes(slot) && !(await this.#put(slot))) return false;
    }
    return true;
  }

  async #put(slot: number): Promise<boolean> {
    const key = String(slot);
    const put = await this.#place.putOnce(key, this.#body, { contentType: "application/json" });
    // "exists" may be this very put, tried again since its answer was lost.
    if (put === "exists" && !(await this.#isOurs(key))) return false;
    this.#slots.push(slot);
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

  async #forgetBefore(slot: number): Promise<void> {
    const past = this.#slots.filter((held) => held < slot);
    this.#slots = this.#slots.filter((held) => held >= slot);
    await Promise.all(
      past.map((held) =>
        this.#place.delete(String(held)).catch((error: unknown) => {
          this.#world.log.debug({ lease: this.#place.url, err: error }, "a lease is left to lapse");
        }),
      ),
    );
  }
}

/**
 * Delivering: what was published is brought to its partners' destinations, in order, each publication whole, until the
 * destination took it. Progress is in the store (`progress.ts`), pauses after failures are in memory. Here is who may
 * go when; what a lane then does is in `lane.ts`.
 *
 * Nobody waits long for another: a lane with a long backlog goes to the end of the queue every few seconds; one
 * partner's lanes have at most a quarter of the places, and those that failed last time at most half.
 */
import { mapAtOnce } from "../../at-once.ts";
import type { Partner } from "../../feed/partners.ts";
import { inForce } from "../../feed/policy.ts";
import { selectedLogs } from "../../publication/plan.ts";
import { isDoneWithin } from "../within.ts";
import { LaneWork, type LaneWorld } from "./lane.ts";
import { type ConfiguredLane, laneName, lanesOf } from "./progress.ts";

/** What delivering works with. */
export interface DeliverWorld extends LaneWorld {
  /** Lanes that are at work at the same time. */
  readonly atOnce: number;
}

/** Milliseconds that {@link Deliveries.close} waits at most: a store that hangs mustn't hold up the end. */
const closingMs = 8_000;

/** Other runners have as many lanes at most as they work on at once; each look is a request. */
const looksAtOnce = 8;

export class Deliveries {
  readonly #world: DeliverWorld;
  readonly #lanes = new Map<string, LaneWork>();
  /** In the order in which they came. */
  readonly #waiting = new Set<LaneWork>();
  /** By name: a lane that ended and the one in its place are never at work at once. */
  readonly #running = new Map<string, { readonly work: LaneWork; readonly task: Promise<void> }>();
  #closed = false;

  constructor(world: DeliverWorld) {
    this.#world = world;
  }

  /**
   * Begins to deliver what can be, to partners in force. Doesn't wait for it. What is
   * under way to others, or to destinations that are configured otherwise now, is broken off.
   */
  look(partners: readonly Partner[]): void {
    if (this.#closed) return;
    const now = this.#world.clock();
    const known = new Set<string>();
    const logs = selectedLogs(partners.filter((partner) => inForce(partner, now)));
    for (const lane of logs.flatMap(lanesOf)) {
      const work = this.#workOf(lane);
      known.add(work.name);
      if (this.#running.get(work.name)?.work !== work) this.#waiting.add(work);
    }
    for (const work of [...this.#lanes.values()]) if (!known.has(work.name)) this.#end(work);
    this.#begin();
  }

  /** Has lanes that were left to other runners go on here where those are done, or dead. Never rejects. */
  async lookAgain(): Promise<void> {
    const left = [...this.#lanes.values()].filter((work) => work.left && !this.#waiting.has(work));
    await mapAtOnce(left, looksAtOnce, async (work) => {
      const isOurs = !this.#running.has(work.name) && !(await work.isHeld());
      if (isOurs && this.#lanes.get(work.name) === work) this.#waiting.add(work);
    });
    if (!this.#closed) this.#begin();
  }

  /** Settles once nothing is under way or waiting. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ task }) => task));
  }

  /**
   * Breaks off what is under way; what a destination has taken by then is noted, the rest is tried again another time.
   * Settles within 8 seconds, whatever the store does.
   */
  async close(): Promise<void> {
    this.#closed = true;
    for (const work of [...this.#lanes.values()]) this.#end(work);
    await isDoneWithin(closingMs, this.idle());
  }

  #workOf(configured: ConfiguredLane): LaneWork {
    const found = this.#lanes.get(laneName(configured.lane));
    if (found?.fits(configured)) {
      found.partner = configured.partner;
      return found;
    }
    if (found !== undefined) this.#end(found);
    const work = new LaneWork(configured, this.#world);
    this.#lanes.set(work.name, work);
    return work;
  }

  #end(work: LaneWork): void {
    work.end();
    this.#lanes.delete(work.name);
    this.#waiting.delete(work);
  }

  #begin(): void {
    while (this.#running.size < this.#world.atOnce) {
      const work = this.#nextOf();
      if (work === undefined) return;
      this.#waiting.delete(work);
      const task = work
        .turn(() => this.#waiting.size > 0)
        .then((more) => {
          this.#running.delete(work.name);
          if (more && this.#lanes.get(work.name) === work) this.#waiting.add(work);
          this.#begin();
        });
      this.#running.set(work.name, { work, task });
    }
  }

  /** Who waits longest of those who may go. Where nothing is under way, everyone may. */
  #nextOf(): LaneWork | undefined {
    const { atOnce } = this.#world;
    const running = [...this.#running.values()].map(({ work }) => work);
    const busy = new Map<string, number>();
    for (const { lane } of running) busy.set(lane.partner, (busy.get(lane.partner) ?? 0) + 1);
    const failing = running.filter(({ failures }) => failures > 0).length;
    for (const work of this.#waiting) {
      if (this.#running.has(work.name)) continue;
      if ((busy.get(work.lane.partner) ?? 0) >= Math.max(1, atOnce / 4)) continue;
      if (work.failures > 0 && failing >= Math.max(1, atOnce / 2)) continue;
      return work;
    }
    return undefined;
  }
}

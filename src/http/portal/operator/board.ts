/**
 * What the operator's page is made from, kept for seconds: the newest health object, requests that wait, and when a feed
 * was fetched last. However often the page is looked at, the store is asked no more than that, a few things at once: the
 * requests of partners come first.
 */
import { mapAtOnce } from "../../../at-once.ts";
import { type FoundHealth, readHealth } from "../../../delivery/watch/health.ts";
import type { LogFacts } from "../../../delivery/watch/status.ts";
import { newestTaken } from "../../../delivery/watch/status-read.ts";
import type { HttpWorld } from "../../world.ts";
import { type OpenRequest, openRequests } from "./requests.ts";
import { type FeedRow, type PartnerRow, partnerRows } from "./rows.ts";

/** How long what was read is good for, in milliseconds. */
const goodMs = 5000;

/** The same of when feeds were fetched: it is asked feed by feed. */
const takenGoodMs = 30_000;

/** Feeds of partners that are asked at the same time. */
const takenAtOnce = 4;

/** Feeds of which it is kept when they were fetched. */
const mostTaken = 2000;

/** How the site stands, as of a few seconds ago. */
export interface Standing {
  /** When this was read, in milliseconds. */
  readonly readAt: number;
  readonly found: FoundHealth;
  readonly partners: readonly PartnerRow[];
  readonly requests: readonly OpenRequest[];
}

interface Kept<T> {
  readonly at: number;
  readonly value: Promise<T>;
}

/** What was read of the store for the page, each for its own few seconds. */
export class Board {
  readonly #world: HttpWorld;
  #standing: Kept<Standing> | undefined;
  readonly #taken = new Map<string, Kept<LogFacts["taken"]>>();

  constructor(world: HttpWorld) {
    this.#world = world;
  }

  /** How the site stands. Who asks at the same time waits for the same. @throws what the store throws. */
  standing(): Promise<Standing> {
    const now = this.#world.clock();
    const kept = this.#standing;
    if (kept !== undefined && Math.abs(now - kept.at) < goodMs) return kept.value;
    const value = this.#read(now);
    this.#standing = { at: now, value };
    value.catch(() => {
      if (this.#standing?.value === value) this.#standing = undefined;
    });
    return value;
  }

  async #read(now: number): Promise<Standing> {
    const { store, registry } = this.#world;
    const [found, requests] = await Promise.all([readHealth(store, now), openRequests(this.#world)]);
    const logs = found.state === "found" ? found.health.logs : [];
    return { readAt: now, found, partners: partnerRows(registry.partners.values(), logs, now), requests };
  }

  /** When each of these feeds was taken last, in their order. */
  taken(rows: readonly FeedRow[]): Promise<LogFacts["taken"][]> {
    return mapAtOnce(rows, takenAtOnce, (row) => this.#takenOf(row));
  }

  #takenOf({ partner, feed, seen }: FeedRow): Promise<LogFacts["taken"]> {
    const now = this.#world.clock();
    const name = `${partner}/${feed}`;
    const kept = this.#taken.get(name);
    if (kept !== undefined && Math.abs(now - kept.at) < takenGoodMs) return kept.value;
    const sequence = seen?.sequence ?? 0;
    const value = sequence === 0 ? Promise.resolve(undefined) : newestTaken(this.#world.store, partner, feed, sequence);
    this.#taken.delete(name);
    this.#taken.set(name, { at: now, value });
    const oldest = this.#taken.keys().next().value;
    if (this.#taken.size > mostTaken && oldest !== undefined) this.#taken.delete(oldest);
    value.catch(() => this.#taken.delete(name));
    return value;
  }
}

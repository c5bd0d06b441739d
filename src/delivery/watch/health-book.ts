/** Puts health objects: after a tick, where an hour is over since the last one, or something has changed. */

import { secondsInstant } from "../../feed/period.ts";
import type { Log } from "../../log.ts";
import type { Store } from "../../store/store.ts";
import { healthEveryMs, healthRestMs, type IngestHealth, logHealthOf, putHealth, type TableHealth } from "./health.ts";
import type { LogFacts } from "./status.ts";

/** What health is read from. */
export interface HealthWorld {
  /** The whole store. */
  readonly store: Store;
  ingest(now: number): Promise<IngestHealth>;
  tables(): Promise<readonly TableHealth[]>;
  readonly log: Log;
}

export class HealthBook {
  readonly #world: HealthWorld;
  /** What was put last, and when. */
  #last: { readonly at: number; readonly logs: string } | undefined;

  constructor(world: HealthWorld) {
    this.#world = world;
  }

  /** Takes note of how logs stand. `now` in milliseconds. Never rejects: the next tick tries again. */
  async note(facts: readonly LogFacts[], now: number): Promise<void> {
    const { store, log } = this.#world;
    const logs = facts.map((entry) => logHealthOf(entry, now));
    const text = JSON.stringify(logs);
    if (this.#last) {
      const { at, logs: before } = this.#last;
      if (now - at < (text === before ? healthEveryMs : healthRestMs)) return;
    }
    try {
      const ingest = await this.#attempt(() => this.#world.ingest(now));
      const tables = [...((await this.#attempt(() => this.#world.tables())) ?? [])];
      await putHealth(store, {
        v: 1,
        at: secondsInstant(now),
        logs,
        ...(ingest === undefined ? {} : { ingest }),
        tables,
      });
      this.#last = { at: now, logs: text };
    } catch (error) {
      log.error({ err: error }, "how the site stands can't be put into the store");
    }
  }

  /** What can't be read isn't told; the rest is. */
  async #attempt<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      this.#world.log.error({ err: error }, "how ingest goes can't be told");
      return undefined;
    }
  }
}

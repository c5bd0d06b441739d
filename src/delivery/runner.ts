/**
 * The runner: at each tick it asks what is due, publishes it, brings what was published to where partners want it pushed,
 * and once a day deletes what nothing needs any more. A tick knows nothing of the one before but what saves it work: it may
 * be killed, doubled or left off, and the next one does what is due then.
 */
import { type ScheduledTask, schedule } from "node-cron";
import { isError, SpampotsError } from "../errors.ts";
import type { Partner } from "../feed/partners.ts";
import type { Log } from "../log.ts";
import { type PublishOutcome, type PublishWorld, publish } from "../publication/publish.ts";
import type { Deliveries } from "./deliver.ts";

/** What the runner works with. */
export interface RunnerWorld {
  /**
   * What publishing works with, the configuration read as it stands now.
   *
   * @throws SpampotsError `bad-configuration`: nothing is then published or delivered until it is mended.
   */
  publishWorld(): Promise<PublishWorld>;
  readonly deliveries: Pick<Deliveries, "look" | "idle" | "close">;
  /** Deletes what nothing needs any more. */
  sweep(): Promise<void>;
  /** Is told how each tick ended. Throws nothing, and doesn't wait. */
  readonly signals?: { ticked(tick: Tick): void; tickFailed(error: unknown): void };
  clock(): number;
  readonly log: Log;
}

/** What came of a tick. */
export interface Tick {
  /** When it began, in milliseconds. */
  readonly began: number;
  readonly partners: readonly Partner[];
  readonly outcome: PublishOutcome;
}

/** Milliseconds between two sweeps. */
const sweepMs = 86_400_000;

export class Runner {
  readonly #world: RunnerWorld;
  #sweptAt: number | undefined;
  #ticking: Promise<unknown> | undefined;
  #task: ScheduledTask | undefined;

  constructor(world: RunnerWorld) {
    this.#world = world;
  }

  /** Ticks by a cron expression, in UTC, and once at the beginning. A tick that finds another at work is left out. */
  start(expression: string): void {
    const tick = () => {
      if (this.#ticking !== undefined) return;
      this.#ticking = this.tick()
        .catch((error: unknown) => this.#world.log.error({ err: error }, "a tick failed; the next one tries again"))
        .finally(() => {
          this.#ticking = undefined;
        });
    };
    this.#task = schedule(expression, tick, { timezone: "UTC" });
    tick();
  }

  /** One tick. Deliveries go on after it. @throws what stops all of it; what stops one log alone is in the outcome. */
  async tick(): Promise<Tick> {
    const { signals } = this.#world;
    try {
      const tick = await this.#tick();
      signals?.ticked(tick);
      return tick;
    } catch (error) {
      signals?.tickFailed(error);
      throw error;
    }
  }

  async #tick(): Promise<Tick> {
    const { deliveries, clock } = this.#world;
    const began = clock();
    const world = await this.#world.publishWorld();
    deliveries.look(world.partners);
    const outcome = await publish(world);
    deliveries.look(world.partners);
    const now = clock();
    if (this.#sweptAt === undefined || now - this.#sweptAt >= sweepMs) {
      await this.#world.sweep();
      this.#sweptAt = now;
    }
    return { began, partners: world.partners, outcome };
  }

  /** Lets nothing begin any more, and breaks off deliveries. */
  async close(): Promise<void> {
    await this.#task?.destroy();
    await this.#world.deliveries.close();
    await this.#ticking;
  }
}

/** @throws SpampotsError `some-failed` where a log was stopped by an error. */
export function checkOutcome({ failures }: PublishOutcome): void {
  if (failures.length === 0) return;
  const codes = failures.map(({ error }) => (isError(error) ? error.code : "internal"));
  throw new SpampotsError("some-failed", "Some logs were stopped by an error; what could be published is.", {
    codes: [...new Set(codes)],
    hint: "The log names them; the next tick tries again.",
  });
}

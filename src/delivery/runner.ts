/**
 * The runner: at each tick it asks what is due, publishes it, brings what was published to where partners want it
 * pushed, and once a day deletes what nothing needs any more. A tick knows nothing of the one before but what saves it
 * work: it may be killed, doubled or left off, and the next one does what is due then.
 *
 * What other runners were at when a tick ended is looked at between the ticks, by their leases alone: once one is free,
 * since its work is done or its holder dead, a tick begins.
 */
import { type ScheduledTask, schedule, validate } from "node-cron";
import { isError, SpampotsError, sayError } from "../errors.ts";
import type { Partner } from "../feed/partners.ts";
import { dayId } from "../feed/period.ts";
import type { Log } from "../log.ts";
import { KnownLogs } from "../publication/known-logs.ts";
import { type PublishOutcome, type PublishWorld, publish } from "../publication/publish.ts";
import type { SweepPlace } from "../publication/sweep.ts";
import type { Store } from "../store/store.ts";
import type { Leases } from "./leases.ts";
import type { Deliveries } from "./push/deliver.ts";

/** What the runner works with. */
export interface RunnerWorld {
  /** Another text where anything that {@link RunnerWorld.publishWorld} reads may have changed. */
  digest(): Promise<string>;
  /**
   * What publishing works with, read anew.
   *
   * @throws SpampotsError `bad-configuration`: nothing is then published or delivered until it is mended.
   */
  publishWorld(): Promise<PublishWorld>;
  /** The whole store. */
  readonly store: Store;
  readonly leases: Leases;
  readonly deliveries: Pick<Deliveries, "look" | "lookAgain" | "idle" | "close">;
  /** Deletes what nothing needs any more: on this machine, or of what machines share. */
  sweep(what: SweepPlace): Promise<void>;
  /** Tells this machine's folders from those of other runners: a name for a key of the store. */
  readonly here: string;
  /** Is told how each tick ended. Throws nothing, and doesn't wait. */
  readonly signals?: { ticked(tick: Tick): void; tickFailed(error: unknown): void };
  clock(): number;
  readonly log: Log;
  /** Milliseconds between two looks at what other runners hold. */
  readonly lookAgainEveryMs?: number;
}

/** Of each thing that another runner is at this is one request. */
const usualLookAgainMs = 5_000;

/** What came of a tick. */
export interface Tick {
  /** When it began, in milliseconds. */
  readonly began: number;
  readonly partners: readonly Partner[];
  readonly outcome: PublishOutcome;
}

export class Runner {
  readonly #world: RunnerWorld;
  readonly #known = new KnownLogs();
  /** What is in force, and the digest it was read under. */
  #inForce: { readonly digest: string; readonly world: PublishWorld } | undefined;
  /** Digest of what was refused: that is told once. */
  #refused: string | undefined;
  /** The run that is under way. */
  #publishing: { readonly under: PublishWorld; readonly stop: AbortController } | undefined;
  #ticking: Promise<unknown> | undefined;
  #looking = false;
  #sweeping: Promise<void> | undefined;
  #sweptDay: string | undefined;
  /** Leases of slices that others had when the last tick ended. */
  #elsewhere: readonly string[] = [];
  /** Whether others added to logs that the last tick was to add to, so that they are to be planned anew. */
  #overtaken = false;
  #lookingAgain: Promise<void> | undefined;
  #again: NodeJS.Timeout | undefined;
  #task: ScheduledTask | undefined;
  #closed = false;

  constructor(world: RunnerWorld) {
    this.#world = world;
  }

  /**
   * Ticks by a cron expression, in UTC, once at the beginning, and when work that other runners had is free. A tick that
   * finds another at work begins none, but sees to it that a changed configuration counts, and that what was published so
   * far is delivered.
   */
  start(expression: string): void {
    this.#task = schedule(expression, () => void this.#beat(), { timezone: "UTC" });
    void this.#beat();
    this.#again = setInterval(() => {
      this.#lookingAgain ??= this.#lookAgain().finally(() => {
        this.#lookingAgain = undefined;
      });
    }, this.#world.lookAgainEveryMs ?? usualLookAgainMs);
  }

  /**
   * One tick, the day's sweep with it. Deliveries go on after it.
   *
   * @throws what stops all of it; what stops one log alone is in the outcome.
   */
  async tick(): Promise<Tick> {
    const world = await this.#read();
    this.#world.deliveries.look(world.partners);
    const tick = await this.#publish(world);
    await this.#sweeping;
    return tick;
  }

  /** Lets nothing begin any more, and breaks off deliveries. Settles when the slice that is being made is. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#again);
    await this.#task?.destroy();
    this.#publishing?.stop.abort();
    await this.#world.deliveries.close();
    await this.#ticking;
    await this.#sweeping;
  }

  /** Takes up what other runners had. Never rejects. */
  async #lookAgain(): Promise<void> {
    if (this.#closed) return;
    await this.#world.deliveries.lookAgain();
    // The tick under way asks for itself, after each slice.
    if (this.#ticking !== undefined || !(this.#overtaken || (await this.#isFree()))) return;
    this.#elsewhere = [];
    this.#overtaken = false;
    await this.#beat("slices alone");
  }

  /** Is one of the slices free that others had? */
  async #isFree(): Promise<boolean> {
    for (const name of this.#elsewhere) {
      if (!(await this.#world.leases.isHeld(name).catch(() => true))) return true;
    }
    return false;
  }

  /** Lanes are many, and each asks the store: between ticks only those that were left go on. Never rejects. */
  async #beat(what: "all" | "slices alone" = "all"): Promise<void> {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    const before = this.#inForce?.world;
    const world = await this.#read().catch(() => undefined);
    this.#looking = false;
    if (this.#closed) return;
    // What was begun under another configuration ends with its slice: whom it serves may have been suspended.
    if (this.#publishing !== undefined && this.#publishing.under !== world) this.#publishing.stop.abort();
    if (world === undefined) return;
    if (what === "all" || world !== before) this.#world.deliveries.look(world.partners);
    this.#ticking ??= this.#publish(world)
      .catch((error: unknown) => this.#world.log.error({ err: error }, "a tick failed; the next one tries again"))
      .finally(() => {
        this.#ticking = undefined;
      });
  }

  /** What is in force, read again where it may have changed. Where it can't be, nothing is delivered any more. */
  async #read(): Promise<PublishWorld> {
    const { log, deliveries } = this.#world;
    const digest = await this.#world.digest().catch((error: unknown) => `unread: ${sayError(error)}`);
    if (digest === this.#inForce?.digest) return this.#inForce.world;
    try {
      const world = await this.#world.publishWorld();
      if (this.#refused !== undefined) log.warn("the configuration is mended: publishing and delivering go on");
      else if (this.#inForce !== undefined)
        log.info({ partners: world.partners.length }, "a changed configuration is in force");
      this.#refused = undefined;
      this.#inForce = { digest, world };
      return world;
    } catch (error) {
      // Tried again at each tick, since it may have been half written; told once for each change.
      if (digest !== this.#refused) {
        const problems = isError(error) ? error.problems : [];
        log.error({ err: sayError(error), problems }, "NOTHING is published or delivered until this is mended");
      }
      this.#refused = digest;
      this.#inForce = undefined;
      deliveries.look([]);
      this.#world.signals?.tickFailed(error);
      throw error;
    }
  }

  async #publish(under: PublishWorld): Promise<Tick> {
    const stop = new AbortController();
    this.#publishing = { under, stop };
    const { leases, deliveries, signals, clock } = this.#world;
    const { partners } = under;
    const began = clock();
    try {
      const outcome = await publish({ ...under, known: this.#known, leases, signal: stop.signal });
      if (outcome.published.length > 0 && !stop.signal.aborted) deliveries.look(partners);
      this.#elsewhere = outcome.elsewhere;
      this.#overtaken = outcome.contested > 0;
      const tick = { began, partners, outcome };
      signals?.ticked(tick);
      return tick;
    } catch (error) {
      signals?.tickFailed(error);
      throw error;
    } finally {
      this.#publishing = undefined;
      // Beside the ticks: it takes its time.
      if (!this.#closed) {
        this.#sweeping ??= this.#sweep().finally(() => {
          this.#sweeping = undefined;
        });
      }
    }
  }

  /** Sweeps this machine, and what is shared where no runner did today. Never rejects. */
  async #sweep(): Promise<void> {
    const { store, leases, clock, log } = this.#world;
    const today = dayId(clock());
    if (this.#sweptDay === today) return;
    const done = `leases/swept/${today}`;
    const doneHere = `leases/swept-here/${today}/${this.#world.here}`;
    try {
      if ((await store.stat(doneHere)) === undefined) {
        await this.#world.sweep("here");
        await store.putOnce(doneHere, new Uint8Array());
      }
      const lease = (await store.stat(done)) === undefined ? await leases.take("sweep") : undefined;
      try {
        if (lease !== undefined && (await store.stat(done)) === undefined) {
          await this.#world.sweep("shared");
          await store.putOnce(done, new Uint8Array());
        }
      } finally {
        await lease?.release();
      }
      if ((await store.stat(done)) !== undefined) this.#sweptDay = today;
    } catch (error) {
      log.error({ err: error }, "not swept; the next tick tries again");
    }
  }
}

/** @throws SpampotsError `bad-argument` where the cron expression names what no calendar has. */
export function checkTick(expression: string): void {
  if (validate(expression)) return;
  throw new SpampotsError("bad-argument", "SPAMPOTS_TICK names times that there are not.", {
    tick: expression,
    hint: "Write a cron expression such as */5 * * * * for every five minutes.",
  });
}

/**
 * Signals: what a runner lets others know of how it goes. After each tick it gathers how every log and lane stands, for
 * metrics and readiness, and tells somebody of what needs a person. It holds up no tick, and nothing depends on it.
 */
import type { Registry } from "prom-client";
import { mapAtOnce } from "../../at-once.ts";
import { codeOf, isError } from "../../errors.ts";
import { placeOf } from "../../feed/destinations.ts";
import { parsePeriod } from "../../feed/period.ts";
import type { Log } from "../../log.ts";
import { hourMs } from "../../model.ts";
import type { Manifest } from "../../publication/manifest.ts";
import { logName, type PartnerLog, selectedLogs } from "../../publication/plan.ts";
import type { PublishOutcome } from "../../publication/publish.ts";
import type { KeyFinder } from "../../publication/sign.ts";
import type { Store } from "../../store/store.ts";
import { type ConfiguredLane, type Lane, laneName, lanesOf } from "../push/progress.ts";
import type { Tick } from "../runner.ts";
import { isDoneWithin } from "../within.ts";
import { AlertBook, type Tell } from "./alert-book.ts";
import { type Alert, type AlertKind, alertKinds, logAlerts, tickAlert } from "./alerts.ts";
import { RunMetrics } from "./run-metrics.ts";
import { type LaneFacts, type LogFacts, statusOf } from "./status.ts";
import { laneFacts, readAtOnce, readNewest } from "./status-read.ts";

/** What signals are made with. */
export interface SignalsWorld {
  readonly store: Store;
  readonly keyOf: KeyFinder;
  /** Tells somebody of an alert; absent where nobody wants to know. */
  readonly tell?: Tell;
  /** How far each log is known to go, beside the lake. */
  readonly marks: Store;
  readonly registry: Registry;
  /** Takes note of how logs stand after a tick. Never rejects. */
  readonly health?: { note(logs: readonly LogFacts[], now: number): Promise<void> };
  /** Hours after which what is due makes the runner not ready. */
  readonly readyLagHours: number;
  /** Milliseconds since 1970 UTC. */
  clock(): number;
  readonly log: Log;
}

/** Kinds of alerts that a tick as a whole is judged by; the others are judged where it got through. */
const ofTicks: readonly AlertKind[] = ["configuration-broken", "tick-failing"];

/** How long hooks that are under way are given at the end, in milliseconds. */
const graceMs = 3000;

/** What stopped a log, since when in milliseconds, and at which period. */
interface Stop {
  readonly code: string;
  readonly since: number;
  readonly period?: string;
}

export class Signals {
  readonly #world: SignalsWorld;
  readonly #metrics: RunMetrics;
  readonly #book: AlertBook | undefined;
  readonly #stopping = new AbortController();
  /** Why a log is stopped, and since when without a break, by its name. */
  readonly #stopped = new Map<string, Stop>();
  /** The newest manifest that was seen of a log: undefined for an empty one. */
  readonly #tips = new Map<string, Manifest | undefined>();
  /** The newest publication that a lane is known to have delivered. */
  readonly #delivered = new Map<string, number>();
  #logs: readonly LogFacts[] = [];
  /** When the first of all periods that aren't published is due, or was. */
  #dueFrom = Number.POSITIVE_INFINITY;
  #failingSince: number | undefined;
  /** When the last tick that got through ended; at first, when this process began. */
  #tickedAt: number;
  #looking: Promise<void> | undefined;
  #telling: Promise<void> | undefined;

  constructor(world: SignalsWorld) {
    this.#world = world;
    const { store, tell, clock, log, registry } = world;
    this.#tickedAt = clock();
    this.#metrics = new RunMetrics(registry, () => ({ logs: this.#logs, now: clock() }));
    const onTold = (done: boolean) => this.#metrics.alerts.inc({ outcome: done ? "told" : "failed" });
    this.#book = tell && new AlertBook({ store, tell, clock, log, onTold });
  }

  /** A tick got through. What follows from it goes on after this. */
  ticked(tick: Tick): void {
    const now = this.#world.clock();
    this.#tickedAt = now;
    this.#failingSince = undefined;
    this.#metrics.ticks.inc({ outcome: "done" });
    this.#metrics.tickSeconds.set((now - tick.began) / 1000);
    this.#metrics.lastTick.set(now / 1000);
    this.#count(tick.outcome);
    this.#look(tick);
  }

  /** A tick failed as a whole: nothing was published, and nothing new delivered. */
  tickFailed(error: unknown): void {
    const now = this.#world.clock();
    this.#failingSince ??= now;
    this.#metrics.ticks.inc({ outcome: "failed" });
    this.#countStore(error);
    const alert = tickAlert(error, this.#failingSince, now);
    this.#settle([alert], ofTicks);
  }

  /** A destination took a publication. */
  delivered(lane: Lane, sequence: number): void {
    this.#delivered.set(laneName(lane), sequence);
    this.#metrics.deliveries.inc({ ...lane });
  }

  /** A destination didn't. */
  deliveryFailed(lane: Lane, error: unknown): void {
    this.#metrics.deliveryFailures.inc({ ...lane, code: codeOf(error) });
    this.#countStore(error);
  }

  /**
   * False where a period has been due for too long, or for as long nothing was looked at. Names no partner: it may be
   * asked by anyone.
   */
  ready(): boolean {
    const now = this.#world.clock();
    const most = this.#world.readyLagHours * hourMs;
    if (now - this.#tickedAt > most) return false;
    return now - this.#dueFrom <= most;
  }

  /** Settles once what followed from the last tick is done. */
  async idle(): Promise<void> {
    await this.#looking;
    await this.#telling;
  }

  /** Looks once more at how things stand after a tick, and settles when that is done: for a process that ends. */
  async look(tick: Tick): Promise<void> {
    await this.idle();
    this.#look(tick);
    await this.idle();
  }

  /** Ends. A hook that is under way is given a moment. */
  async close(): Promise<void> {
    await isDoneWithin(graceMs, this.idle());
    this.#stopping.abort();
    await this.idle();
  }

  /** One look at a time: a slow store isn't asked by two ticks. */
  #look(tick: Tick): void {
    this.#looking ??= this.#facts(tick)
      .then((logs) => {
        this.#logs = logs;
        this.#dueFrom = dueFrom(logs, this.#world.clock());
        this.#settle(logAlerts(logs, this.#world.clock()), alertKinds);
        return this.#world.health?.note(logs, this.#world.clock());
      })
      .catch((error: unknown) => this.#world.log.error({ err: error }, "how things stand can't be told"))
      .finally(() => {
        this.#looking = undefined;
      });
  }

  /** A tick that finds an earlier one's hooks at work leaves it to the next. */
  #settle(alerts: readonly Alert[], judged: readonly AlertKind[]): void {
    if (this.#stopping.signal.aborted) return;
    this.#telling ??= this.#book?.settle(alerts, judged, this.#stopping.signal).finally(() => {
      this.#telling = undefined;
    });
  }

  async #facts({ partners, outcome }: Tick): Promise<LogFacts[]> {
    for (const { partner, manifest } of outcome.published) this.#tips.set(logName(partner, manifest.feed), manifest);
    this.#noteFailures(outcome);
    return mapAtOnce(selectedLogs(partners), readAtOnce, (log) => this.#logFacts(log));
  }

  async #logFacts(log: PartnerLog): Promise<LogFacts> {
    const tip = await this.#tip(log);
    const stopped = this.#stopped.get(logName(log.partner.id, log.subscription.feed.id));
    return {
      ...log,
      ...(tip === undefined ? {} : { tip }),
      ...(stopped === undefined ? {} : { stopped: { code: stopped.code, since: stopped.since } }),
      // Of a log that has something, the newest publication tells what is missing.
      due: tip === undefined && stopped?.period !== undefined ? [{ period: parsePeriod(stopped.period) }] : [],
      lanes: await this.#lanes(log, tip),
      late: 0,
    };
  }

  /** Notes what stopped logs. In a tick in which the store is away not all logs are asked: those stay as they were. */
  #noteFailures({ failures }: PublishOutcome): void {
    const now = this.#world.clock();
    const names = new Set(failures.map(({ partner, feed }) => logName(partner, feed)));
    const away = failures.some(({ error }) => isError(error, "store-unavailable"));
    for (const name of [...this.#stopped.keys()]) if (!away && !names.has(name)) this.#stopped.delete(name);
    for (const { partner, feed, period, error } of failures) {
      const name = logName(partner, feed);
      const since = this.#stopped.get(name)?.since ?? now;
      this.#stopped.set(name, { code: codeOf(error), since, ...(period === undefined ? {} : { period }) });
    }
  }

  /** The newest publication as far as known: read once, and again where it should have been followed by now. */
  async #tip(log: PartnerLog): Promise<Manifest | undefined> {
    const name = logName(log.partner.id, log.subscription.feed.id);
    const known = this.#tips.get(name);
    const { dueSince } = statusOf(
      { ...log, ...(known && { tip: known }), due: [], lanes: [], late: 0 },
      this.#world.clock(),
    );
    if (known !== undefined && dueSince === undefined) return known;
    try {
      const { store, marks, keyOf } = this.#world;
      const place = { store, marks, keyOf };
      const tip = await readNewest(place, log.partner.id, log.subscription.feed.id, known?.sequence);
      if (tip !== undefined) this.#tips.set(name, tip.manifest);
    } catch (error) {
      // What is wrong with a log is for publishing to find.
      this.#world.log.debug({ log: name, err: error }, "the newest publication can't be read");
    }
    return this.#tips.get(name);
  }

  async #lanes(log: PartnerLog, tip: Manifest | undefined): Promise<LaneFacts[]> {
    const lanes: LaneFacts[] = [];
    for (const lane of lanesOf(log)) lanes.push(await this.#lane(lane, tip));
    return lanes;
  }

  /** The store is asked only where the destination isn't known to have everything. */
  async #lane(configured: ConfiguredLane, tip: Manifest | undefined): Promise<LaneFacts> {
    const { lane, destination } = configured;
    const delivered = this.#delivered.get(laneName(lane)) ?? 0;
    const known = { destination: destination.name, to: placeOf(destination), delivered };
    if (tip === undefined || delivered >= tip.sequence) return known;
    try {
      const facts = await laneFacts(this.#world, configured, tip);
      this.#delivered.set(laneName(lane), facts.delivered);
      return facts;
    } catch (error) {
      this.#world.log.error({ ...lane, err: error }, "how far a destination is can't be read");
      return known;
    }
  }

  #count({ published, failures }: PublishOutcome): void {
    for (const { manifest } of published) this.#metrics.published(manifest);
    for (const { partner, feed, error } of failures) {
      this.#metrics.publishFailures.inc({ partner, feed, code: codeOf(error) });
      this.#countStore(error);
    }
  }

  #countStore(error: unknown): void {
    if (isError(error, "store-unavailable") || isError(error, "store-denied")) this.#metrics.storeUnavailable.inc();
  }
}

/** Asked once a tick, since anyone may ask whether we are ready. */
function dueFrom(logs: readonly LogFacts[], now: number): number {
  return logs.reduce((first, facts) => {
    const { period, dueSince, nextDue } = statusOf(facts, now);
    const due = dueSince ?? (period === undefined ? undefined : nextDue);
    return Math.min(first, due ?? Number.POSITIVE_INFINITY);
  }, Number.POSITIVE_INFINITY);
}

/**
 * The book of alerts: sees that each is told once, however many runners there are and however often they are started
 * again. What is about one subject is a series of put-once objects:
 *
 *     alerts/<kind>/<subject>/<8-digit n>-firing.json      it began
 *     alerts/<kind>/<subject>/<8-digit n>-recovered.json   it is over; the next time it begins is n + 1
 *     alerts/<kind>/<subject>/<8-digit n>-firing.told      somebody was told, likewise
 *
 * Who puts an entry tells of it. An entry that nobody told of for long (its runner was killed) is told by who finds it.
 */
import { secondsInstant } from "../../feed/period.ts";
import type { Log } from "../../log.ts";
import { sequenceName } from "../../publication/log.ts";
import type { Store } from "../../store/store.ts";
import { type Alert, type AlertKind, alertKinds } from "./alerts.ts";

type State = "firing" | "recovered";

/** What is told: JSON, snake_case, with a sentence in `text`. */
export type AlertMessage = Readonly<Record<string, string | number>>;

/** Tells somebody. @throws anything where that failed: it is tried again. */
export type Tell = (message: AlertMessage, signal: AbortSignal) => Promise<void>;

export interface AlertBookWorld {
  /** The whole store. */
  readonly store: Store;
  readonly tell: Tell;
  clock(): number;
  /** Called after each try to tell. */
  readonly onTold?: (done: boolean) => void;
  readonly log: Log;
}

/** The newest entry of a series, as far as this process knows. */
interface Entry {
  readonly n: number;
  readonly state: State;
  told: boolean;
  /** Whether it is for this process to tell. */
  readonly mine: boolean;
  /** What is to be told; of an entry that others put, once it is looked at. */
  readonly message?: AlertMessage;
}

/** After so long an entry that nobody told of is told by others, in milliseconds. */
const abandonedMs = 600_000;

/** Failures of the hook after which the rest waits for the next tick. */
const mostFailures = 3;

export class AlertBook {
  readonly #world: AlertBookWorld;
  readonly #known = new Map<string, Entry>();
  #read = false;

  constructor(world: AlertBookWorld) {
    this.#world = world;
  }

  /**
   * Takes note of what stands now. Of the `judged` kinds, what isn't among `alerts` any more is over. Tells what is to
   * be told, each within the hook's own time. Never rejects.
   */
  async settle(alerts: readonly Alert[], judged: readonly AlertKind[], signal: AbortSignal): Promise<void> {
    const { log } = this.#world;
    await this.#readAll().catch((error: unknown) => log.error({ err: error }, "what was alerted before can't be read"));
    const standing = new Map(alerts.map((alert) => [nameOf(alert), alert]));
    for (const [name, alert] of standing) {
      if (alert.ripe && this.#known.get(name)?.state !== "firing") await this.#note(name, "firing", alert);
    }
    for (const [name, { state }] of [...this.#known]) {
      if (state === "firing" && !standing.has(name) && endsIn(name, judged)) await this.#note(name, "recovered");
    }
    let failures = 0;
    for (const [name, entry] of [...this.#known]) {
      if (signal.aborted || failures >= mostFailures) return;
      if (!entry.told && !(await this.#tell(name, entry, signal))) failures += 1;
      // Whatever comes next is read from the store.
      if (entry.told && entry.state === "recovered") this.#known.delete(name);
    }
  }

  /** Once: what is standing from before this process. */
  async #readAll(): Promise<void> {
    if (this.#read) return;
    const read = new Map<string, Entry>();
    for await (const [name, entry] of this.#entries("alerts/")) read.set(name, entry);
    // What was told while the store was away is newer.
    for (const [name, entry] of read) if (!this.#known.has(name)) this.#known.set(name, entry);
    this.#read = true;
  }

  /** Entries in the store, the newest of a series last. */
  async *#entries(prefix: string): AsyncGenerator<readonly [name: string, entry: Entry]> {
    for await (const { key } of this.#world.store.list(prefix)) {
      const [, name, n, state, what] = /^alerts\/(.+)\/(\d{8})-(firing|recovered)\.(json|told)$/.exec(key) ?? [];
      if (name === undefined || (state !== "firing" && state !== "recovered")) continue;
      yield [name, { n: Number(n), state, told: what === "told", mine: false }];
    }
  }

  /** Puts the next entry of a series, unless another runner has. Without a store, this process alone knows of it. */
  async #note(name: string, state: State, alert?: Alert): Promise<void> {
    const { store, clock, log } = this.#world;
    const now = clock();
    const message = messageOf(name, state, now, alert);
    try {
      // The end of what the store never knew of.
      if (this.#known.get(name)?.n === 0) throw new Error("its beginning isn't in the store");
      const last = await this.#last(name);
      if (last?.state === state) {
        this.#known.set(name, last);
        return;
      }
      const n = state === "firing" ? (last?.n ?? 0) + 1 : (last?.n ?? 1);
      const body = new TextEncoder().encode(JSON.stringify(message));
      const put = await store.putOnce(`${keyOf(name, n, state)}.json`, body, { contentType: "application/json" });
      const mine = put === "created";
      this.#known.set(name, { n, state, told: false, mine, ...(mine ? { message } : {}) });
    } catch (error) {
      log.error({ err: error }, "an alert can't be noted in the store");
      this.#known.set(name, { n: 0, state, told: false, mine: true, message });
    }
  }

  /** The newest entry in the store. */
  async #last(name: string): Promise<Entry | undefined> {
    let last: Entry | undefined;
    for await (const [, entry] of this.#entries(`alerts/${name}/`)) last = entry;
    return last;
  }

  /** False where the hook failed. */
  async #tell(name: string, entry: Entry, signal: AbortSignal): Promise<boolean> {
    const { store, tell, clock, log } = this.#world;
    try {
      const message = entry.mine ? entry.message : await this.#abandoned(name, entry);
      if (message === undefined) return true;
      await tell(message, signal);
      entry.told = true;
      this.#world.onTold?.(true);
      log.info({ alert: name, state: entry.state }, "alert told");
      if (entry.n > 0) await store.putOnce(`${keyOf(name, entry.n, entry.state)}.told`, toldBody(clock()));
    } catch (error) {
      if (!entry.told) this.#world.onTold?.(false);
      const text = entry.told
        ? "that an alert was told can't be noted"
        : "an alert can't be told; the next tick tries again";
      log.error({ alert: name, state: entry.state, err: error }, text);
    }
    return entry.told;
  }

  /** What another runner should have told long ago; undefined where it has, or still may. */
  async #abandoned(name: string, entry: Entry): Promise<AlertMessage | undefined> {
    const { store, clock } = this.#world;
    const key = keyOf(name, entry.n, entry.state);
    if ((await store.stat(`${key}.told`)) !== undefined) {
      entry.told = true;
      return undefined;
    }
    const bytes = await store.get(`${key}.json`);
    if (bytes === undefined) return undefined;
    const message: AlertMessage = JSON.parse(new TextDecoder().decode(bytes));
    return clock() - Date.parse(String(message.at)) >= abandonedMs ? message : undefined;
  }
}

const nameOf = ({ kind, subject }: Alert) => `${kind}/${subject}`;

const keyOf = (name: string, n: number, state: State) => `alerts/${name}/${sequenceName(n)}-${state}`;

/** Is it of a kind that was looked at, and whose end is told? */
function endsIn(name: string, judged: readonly AlertKind[]): boolean {
  return judged.some((kind) => kind !== "mou-expires" && name.startsWith(`${kind}/`));
}

function messageOf(name: string, state: State, now: number, alert?: Alert): AlertMessage {
  const kind = alertKinds.find((one) => name.startsWith(`${one}/`)) ?? name;
  const subject = name.slice(kind.length + 1);
  const about = subject === "all" ? "" : ` (${subject})`;
  const text = alert?.text ?? `It is over: ${kind}${about}.`;
  return { v: 1, alert: kind, state, at: secondsInstant(now), subject, ...alert?.facts, text };
}

const toldBody = (now: number) => new TextEncoder().encode(`${secondsInstant(now)}\n`);

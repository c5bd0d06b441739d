/**
 * What a publisher that goes on remembers of logs, so that a look at them costs nothing while nothing is due. It may be
 * behind what the store holds: that something is due by it is a reason to read the log, never to publish.
 */
import type { LogState } from "../feed/due.ts";
import { logStateOf } from "./compose.ts";
import type { Publication } from "./log.ts";
import { parseMicroseconds } from "./manifest.ts";

/** A log at the time it was read or written to last. */
export interface KnownLog {
  /** Of its newest publication; 0 for an empty log. */
  readonly sequence: number;
  readonly state: LogState;
  /** When the newest publication was made, in milliseconds; negative infinity for an empty log. */
  readonly publishedAt: number;
}

/** Logs by name (`partner/feed`). */
export class KnownLogs {
  readonly #logs = new Map<string, KnownLog>();
  #live: string | undefined;

  /**
   * Begins a run over these logs: others are forgotten, and all where another key is live, since tips are then to be
   * vouched for.
   */
  begin(names: ReadonlySet<string>, live: string): void {
    for (const name of this.#logs.keys()) if (!names.has(name) || live !== this.#live) this.#logs.delete(name);
    this.#live = live;
  }

  get(name: string): KnownLog | undefined {
    return this.#logs.get(name);
  }

  /** `tip`: the newest publication, `undefined` for an empty log. */
  note(name: string, tip: Publication | undefined): void {
    this.#logs.set(name, {
      sequence: tip?.manifest.sequence ?? 0,
      state: logStateOf(tip),
      publishedAt: tip === undefined ? Number.NEGATIVE_INFINITY : parseMicroseconds(tip.manifest.published_at) / 1000,
    });
  }

  forget(name: string): void {
    this.#logs.delete(name);
  }
}

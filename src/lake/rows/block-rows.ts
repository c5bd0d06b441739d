/**
 * Rows of one block of spool lines while they are made: sorted to their days, with what the batch record wants to know.
 * Part of `block.ts`.
 */
import { dayMs, hourMs, type Side } from "../../model.ts";
import type { Dataset } from "../records.ts";
import { Quarantine } from "./quarantine.ts";
import { RowBuffer } from "./row-buffer.ts";

/** What a block of lines comes to. Text is UTF-8, tab-separated, a line feed after each row. */
export interface BlockResult {
  /** Keyed `captures 2026-11-10`, `requests 2026-11-10`. */
  readonly rows: Map<string, Uint8Array<ArrayBuffer>>;
  /** A number for each capture id and request id, in line order, to notice repeats. */
  readonly ids: Float64Array<ArrayBuffer>;
  readonly quarantine: Pick<Quarantine, "counts" | "listed">;
  readonly counts: Readonly<Record<string, number>>;
  /** Hours since 1970: sensor up, captures in any feed, requests. */
  readonly hours: readonly number[];
  readonly captureHours: readonly number[];
  readonly requestHours: readonly number[];
  /** Hours by `side economy`. */
  readonly concerns: ReadonlyMap<string, readonly number[]>;
  readonly first: number;
  readonly last: number;
}

/** Rows of one block by their day, and what the batch record wants to know of them. */
export class BlockRows {
  /** By day since 1970. */
  readonly #rows = { captures: new Map<number, RowBuffer>(), requests: new Map<number, RowBuffer>() };
  readonly #ids: number[] = [];
  readonly #quarantine = new Quarantine();
  readonly #counts: Record<string, number> = {};
  readonly #hours = { up: new Set<number>(), capture: new Set<number>(), request: new Set<number>() };
  readonly #concerns = { source: new Hours(), target: new Hours(), url: new Hours() };
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;

  readonly #expected: number;

  /** @param expected about as many bytes as rows will have */
  constructor(expected: number) {
    this.#expected = expected;
  }

  count(name: string): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  refuse(line: number, code: string, reason: string): void {
    this.#quarantine.add({ line, code, reason });
  }

  up(at: number): void {
    this.#hours.up.add(Math.floor(at / hourMs));
  }

  /**
   * Notes that there is a row of the dataset at the instant, and gives what it is to be written to.
   *
   * @param id {@link recipientNumber} of the dataset's name and the row's id
   */
  row(dataset: Dataset, id: number, at: number): RowBuffer {
    this.#ids.push(id);
    this.#first = Math.min(this.#first, at);
    this.#last = Math.max(this.#last, at);
    this.up(at);
    const days = this.#rows[dataset];
    const day = Math.floor(at / dayMs);
    let rows = days.get(day);
    if (rows === undefined) {
      // A hostile file may have captures of thousands of days: only the first is expected to have many.
      rows = days.size === 0 ? new RowBuffer(this.#expected) : new RowBuffer();
      days.set(day, rows);
    }
    return rows;
  }

  concern(at: number, side: Side, economy: string): void {
    this.#concerns[side].add(economy, Math.floor(at / hourMs));
  }

  capture(at: number): void {
    this.#hours.capture.add(Math.floor(at / hourMs));
  }

  request(at: number): void {
    this.#hours.request.add(Math.floor(at / hourMs));
  }

  result(): BlockResult {
    const rows = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const dataset of ["captures", "requests"] as const) {
      for (const [day, buffer] of this.#rows[dataset]) rows.set(`${dataset} ${dayText(day)}`, buffer.take());
    }
    const concerns = new Map<string, number[]>();
    for (const side of ["source", "target", "url"] as const) {
      for (const [economy, hours] of this.#concerns[side].all) concerns.set(`${side} ${economy}`, [...hours]);
    }
    return {
      rows,
      ids: Float64Array.from(this.#ids),
      quarantine: { counts: this.#quarantine.counts, listed: this.#quarantine.listed },
      counts: this.#counts,
      hours: [...this.#hours.up],
      captureHours: [...this.#hours.capture],
      requestHours: [...this.#hours.request],
      concerns,
      first: this.#first,
      last: this.#last,
    };
  }
}

/** Hours since 1970 by economy. */
class Hours {
  readonly all = new Map<string, Set<number>>();

  #lastEconomy = "";
  #lastHour = 0;

  add(economy: string, hour: number): void {
    // Lines stand in the order of time, and what they concern repeats.
    if (economy === this.#lastEconomy && hour === this.#lastHour) return;
    this.#lastEconomy = economy;
    this.#lastHour = hour;
    const known = this.all.get(economy);
    if (known === undefined) this.all.set(economy, new Set([hour]));
    else known.add(hour);
  }
}

const dayText = (day: number) => new Date(day * dayMs).toISOString().slice(0, 10);

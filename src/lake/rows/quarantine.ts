/**
 * Lines that are no rows: all counted by code, the first of a file listed one by one. Bounded, because a sensor that is
 * broken, or a compressed file made to be, may hold hundreds of millions of them. Pure.
 */

/** A line that is no row: where, why by code, and the reason in our words. */
export interface Quarantined {
  readonly line: number;
  readonly code: string;
  readonly reason: string;
}

/** Lines of a file that are listed. */
const mostListed = 10_000;

/** Collects lines in any order; what it lists are the first by number, however they came in blocks. */
export class Quarantine {
  /** Lines by code. */
  readonly counts: Record<string, number> = {};
  #listed: Quarantined[] = [];

  /** Lines in all. */
  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  /** The first lines, at most ten thousand, in order. */
  get listed(): readonly Quarantined[] {
    return this.#listed.toSorted((a, b) => a.line - b.line).slice(0, mostListed);
  }

  add(entry: Quarantined): void {
    this.counts[entry.code] = (this.counts[entry.code] ?? 0) + 1;
    this.#list(entry);
  }

  /** Adds what another collected of other lines of the file. */
  merge({ counts, listed }: Pick<Quarantine, "counts" | "listed">): void {
    for (const [code, count] of Object.entries(counts)) this.counts[code] = (this.counts[code] ?? 0) + count;
    for (const entry of listed) this.#list(entry);
  }

  #list(entry: Quarantined): void {
    this.#listed.push(entry);
    if (this.#listed.length >= 2 * mostListed) this.#listed = [...this.listed];
  }
}

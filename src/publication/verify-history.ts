/**
 * Whether manifests fit together, read from the newest to the oldest: so that whatever bears on a publication is known
 * when it is met. Holds digests and numbers, one entry a period. Pure.
 *
 * @see design §3 points 10, 11, 13
 */
import { leastNextPublishedAt, type Manifest, microsecondInstant, parseMicroseconds } from "./manifest.ts";
import type { ProblemWord } from "./verify-report.ts";

/** What is wrong, as a word and a whole sentence. */
export type Fault = readonly [code: ProblemWord, sentence: string];

interface Later {
  readonly sequence: number;
  readonly revision: number;
  readonly supersedes: number | null;
}

export class History {
  /** The publication after the one to come: what it says of its predecessor. */
  #after: { readonly sequence: number; readonly previous: string | null; readonly publishedAt: string } | undefined;
  readonly #periods = new Map<string, Later>();
  /** Withdrawn sequence → what withdrew it, and of which period. */
  readonly #withdrawn = new Map<number, { readonly by: number; readonly period: string }>();
  /** Period → the oldest withdrawal of it so far. */
  readonly #withdrawals = new Map<string, number>();
  readonly #unread = new Set<number>();
  readonly #gaps: { readonly from: number; readonly to: number }[] = [];

  /** True where a later publication withdrew this one. */
  isWithdrawn(sequence: number): boolean {
    return this.#withdrawn.has(sequence);
  }

  /**
   * True where the next later publication vouches for this payload; `undefined` where none says anything.
   */
  vouched(sequence: number, payloadSha256: string): boolean | undefined {
    return this.#after?.sequence === sequence + 1 ? this.#after.previous === payloadSha256 : undefined;
  }

  /** A publication that couldn't be read or doesn't count: nothing is concluded from it. */
  skip(sequence: number): void {
    this.#after = undefined;
    this.#unread.add(sequence);
  }

  /** Publications that aren't there: as if each were skipped. */
  gap(from: number, to: number): void {
    this.#gaps.push({ from, to });
  }

  #unknown(sequence: number): boolean {
    return this.#unread.has(sequence) || this.#gaps.some(({ from, to }) => from <= sequence && sequence <= to);
  }

  /** Everything in which a publication doesn't fit to the later ones. To be called from the newest to the oldest. */
  take(manifest: Manifest): Fault[] {
    const faults = [
      ...this.#timeFaults(manifest),
      ...this.#revisionFaults(manifest),
      ...this.#withdrawalFaults(manifest),
    ];
    const { sequence, previous_sha256, published_at, revision, supersedes } = manifest;
    this.#after = { sequence, previous: previous_sha256, publishedAt: published_at };
    this.#periods.set(manifest.period.id, { sequence, revision, supersedes });
    for (const other of manifest.withdraws?.sequences ?? []) {
      if (!this.#withdrawn.has(other)) this.#withdrawn.set(other, { by: sequence, period: manifest.period.id });
    }
    if (manifest.withdraws) this.#withdrawals.set(manifest.period.id, sequence);
    return faults;
  }

  /** What is wrong once the oldest was taken. */
  end(): Fault[] {
    const faults: Fault[] = [];
    for (const [period, later] of this.#periods) {
      if (later.supersedes === null || this.#unknown(later.supersedes)) continue;
      faults.push([
        "revision",
        `Publication ${later.sequence} of ${period} supersedes publication ${later.supersedes}, which isn't one of that period.`,
      ]);
    }
    return faults;
  }

  #timeFaults(manifest: Manifest): Fault[] {
    if (this.#after?.sequence !== manifest.sequence + 1) return [];
    const least = leastNextPublishedAt(manifest);
    if (parseMicroseconds(this.#after.publishedAt) >= least) return [];
    return [
      [
        "time",
        `Publication ${this.#after.sequence} states that it was published at ${this.#after.publishedAt}; after this one it can't be before ${microsecondInstant(least)}.`,
      ],
    ];
  }

  #revisionFaults({ sequence, revision, period }: Manifest): Fault[] {
    const later = this.#periods.get(period.id);
    if (later === undefined || (later.supersedes !== null && this.#unknown(later.supersedes))) return [];
    if (later.supersedes === sequence && later.revision === revision + 1) return [];
    return [
      [
        "revision",
        `Publication ${later.sequence} of the same period should be revision ${revision + 1} and supersede this one; it is revision ${later.revision} and supersedes ${later.supersedes ?? "none"}.`,
      ],
    ];
  }

  #withdrawalFaults({ sequence, kind, period }: Manifest): Fault[] {
    const withdrawn = this.#withdrawn.get(sequence);
    if (withdrawn && withdrawn.period !== period.id) {
      return [["revision", `Publication ${withdrawn.by} withdraws this one, which is of another period.`]];
    }
    const withdrawal = this.#withdrawals.get(period.id);
    if (withdrawal === undefined || withdrawn || kind === "withdrawal") return [];
    return [["revision", `Publication ${withdrawal} withdraws the period and doesn't name this one.`]];
  }
}

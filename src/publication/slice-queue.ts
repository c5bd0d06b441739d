/**
 * The slices of a run that are still to be made, oldest first, where others may be at some of them. A log takes its
 * periods in their order: while one is another runner's, this log's later ones wait, and everything else goes on. Pure.
 */
import { grouped, logName, type Planned } from "./plan.ts";

const nameOf = ({ partner, subscription }: Planned) => logName(partner.id, subscription.feed.id);

export class SliceQueue {
  /** How many slices there were at the beginning. */
  readonly size: number;
  readonly #groups: Planned[][];
  /** Logs that take nothing more. */
  readonly #stopped = new Set<string>();
  /** Logs whose next slice was another's when it was asked for last. */
  readonly #behind = new Set<string>();

  constructor(planned: readonly Planned[]) {
    this.#groups = grouped(planned);
    this.size = this.#groups.length;
  }

  /** Slices that aren't done. */
  get left(): number {
    return this.#groups.length;
  }

  /** The first slice that may be made, for those of its logs that may go on; `undefined` where there is none. */
  next(): readonly Planned[] | undefined {
    for (let index = 0; index < this.#groups.length; ) {
      const going = (this.#groups[index] ?? []).filter((planned) => !this.#stopped.has(nameOf(planned)));
      const open = going.filter((planned) => !this.#behind.has(nameOf(planned)));
      if (open.length > 0) return open;
      if (going.length > 0) index += 1;
      else this.#groups.splice(index, 1);
    }
    return undefined;
  }

  /** Another runner is at what {@link SliceQueue.next} gave: it comes again when another slice is done. */
  pass(open: readonly Planned[]): void {
    for (const planned of open) this.#behind.add(nameOf(planned));
  }

  /** What {@link SliceQueue.next} gave needs nothing more; what was passed may go now, so it is asked for again. */
  done(open: readonly Planned[]): void {
    const made = new Set(open);
    const index = this.#groups.findIndex((group) => group.some((planned) => made.has(planned)));
    const rest = (this.#groups[index] ?? []).filter((planned) => !made.has(planned));
    if (index >= 0) this.#groups.splice(index, 1, ...(rest.length > 0 ? [rest] : []));
    this.#behind.clear();
  }

  /** A log takes nothing more from this queue. */
  stop(log: string): void {
    this.#stopped.add(log);
  }
}

/** How a run gets on with its store and its cluster: one that is away keeps each log waiting for its whole deadline. Pure. */
import { isError } from "../errors.ts";

/** Logs or slices in a row without an answer after which store or cluster count as away: one may be one ill disk of it. */
const mostUnanswered = 3;

export class Answers {
  readonly #signal: AbortSignal | undefined;
  #unanswered = 0;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** True where nothing more is to be begun: what is left is the next run's, as ever. */
  get over(): boolean {
    return this.#unanswered >= mostUnanswered || this.#signal?.aborted === true;
  }

  /** How one log's, or one slice's, turn ended. */
  heard(error?: unknown): void {
    const isAway = isError(error, "store-unavailable") || isError(error, "engine-unavailable");
    this.#unanswered = isAway ? this.#unanswered + 1 : 0;
  }
}

/**
 * Collects what is wrong with a feed: one by one up to a bound, and publications that are refused for the same reason
 * together, so that a wrong key is one sentence and not a thousand. Pure.
 */
import { logKey } from "./log.ts";
import { type FeedReport, maxProblems, type ProblemWord, type VerifyProblem } from "./verify-report.ts";

interface Refused {
  readonly code: "unknown-key" | "retired-key";
  readonly kid: string;
  first: number;
  readonly last: number;
  count: number;
}

const reasons = {
  "unknown-key": "which isn't known",
  "retired-key": "which isn't trusted (any more), and nothing that a trusted key signed reaches there",
};

export class Findings {
  readonly #place: string;
  readonly #problems: VerifyProblem[] = [];
  readonly #refused = new Map<string, Refused>();
  #count = 0;

  /** `place` comes before every key: the feed's prefix in the store that is verified. */
  constructor(place: string) {
    this.#place = place;
  }

  /** Notes a problem: `sentence` is whole, `key` is below the feed's prefix. */
  wrong(code: ProblemWord, sentence: string, key: string): void {
    this.#count += 1;
    if (this.#problems.length < maxProblems) this.#problems.push({ code, sentence, where: this.#place + key });
  }

  /** Notes that a publication doesn't count because of the key that signed it. To be called newest first. */
  refuse(code: Refused["code"], kid: string, sequence: number): false {
    const id = `${code} ${kid}`;
    const refused = this.#refused.get(id) ?? { code, kid, first: sequence, last: sequence, count: 0 };
    refused.first = sequence;
    refused.count += 1;
    this.#refused.set(id, refused);
    return false;
  }

  /** Everything that was found, by place. */
  end(): Pick<FeedReport, "problems" | "problemCount"> {
    for (const { code, kid, first, last, count } of this.#refused.values()) {
      const all = count === last - first + 1;
      const which = all
        ? publications(first, last, "signed")
        : `${count} publications between ${first} and ${last} are signed`;
      this.wrong(code, `${which} by the key ${kid}, ${reasons[code]}.`, logKey(first));
    }
    this.#refused.clear();
    const problems = this.#problems.toSorted((a, b) => (a.where < b.where ? -1 : a.where > b.where ? 1 : 0));
    return { problems, problemCount: this.#count };
  }
}

/** "Publications 3 to 5 are missing", "Publication 3 is missing". */
export function publications(first: number, last: number, state: string): string {
  return first === last ? `Publication ${first} is ${state}` : `Publications ${first} to ${last} are ${state}`;
}

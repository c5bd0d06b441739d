/**
 * Randomness that can be replayed, and the campaigns made of it. A case is one number: everything random in it is drawn
 * from that number, and a failure says how to run this one case again.
 *
 *     FAULTS=<n>             cases of all kinds together; without it, what continuous integration has time for
 *     FAULTS_FIRST=<k>       number of the first case of each kind: another campaign than the one that begins at 1
 *     FAULTS_SEED=<kind>:<n> this one case alone
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { test } from "node:test";

/**
 * Kinds of cases, each with its share of a campaign. A kind whose case starts five processes and finds what no other kind
 * does is worth more time, but not five times as many cases.
 */
export const kinds = {
  "kill-ingest": 4,
  "kill-compact": 2,
  "kill-publish": 5,
  "kill-again": 2,
  "kill-withdraw": 3,
  "kill-exclude": 1,
  "kill-sweep": 2,
  "kill-run": 4,
  "kill-keys-new": 2,
  "kill-keys-rotate": 4,
  "race-ingest": 3,
  "race-publish": 5,
  "race-withdraw": 3,
  "race-sweep": 3,
  "race-compact": 2,
  "race-keys": 4,
  "race-keys-publish": 4,
  configuration: 32,
  "s3-step": 12,
  "s3-race": 3,
  "s3-command": 3,
  "damage-lake-files": 2,
  "damage-lake-records": 2,
  "damage-spool": 2,
  "damage-store": 2,
  "damage-keys": 2,
  "damage-tips": 1,
  "disk-full": 3,
  "disk-file-limit": 2,
  "disk-read-only": 1,
  "disk-permission": 3,
} as const satisfies Record<string, number>;

export type Kind = keyof typeof kinds;

/** Cases of all kinds together where FAULTS says nothing. */
const casesInContinuousIntegration = 150;

/** A generator of its own for each case: xoshiro128** seeded by the SHA-256 of the case's name. */
export class Random {
  readonly #state: Uint32Array;

  constructor(seed: string) {
    const digest = createHash("sha256").update(seed).digest();
    this.#state = Uint32Array.from({ length: 4 }, (_, index) => digest.readUInt32LE(index * 4));
  }

  #next(): number {
    const state = this.#state;
    const [a = 0, b = 0, c = 0, d = 0] = state;
    const spun = Math.imul(b, 5);
    const result = Math.imul((spun << 7) | (spun >>> 25), 9) >>> 0;
    const mixed = d ^ b;
    state[1] = b ^ c ^ a;
    state[2] = c ^ a ^ (b << 9);
    state[0] = a ^ mixed;
    state[3] = (mixed << 11) | (mixed >>> 21);
    return result;
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.whole(0, choices.length - 1)];
    if (chosen === undefined) throw new Error("There is nothing to choose from.");
    return chosen;
  }
}

/** One case on its way. What it notes stands in the message if it fails. */
export interface Case {
  readonly kind: Kind;
  readonly number: number;
  readonly random: Random;
  note(line: string): void;
}

/** Numbers of a kind's cases in this run. */
export function caseNumbers(kind: Kind, env: Readonly<Record<string, string | undefined>> = process.env): number[] {
  const [onlyKind, only] = (env.FAULTS_SEED ?? "").split(":");
  if (only !== undefined) return onlyKind === kind ? [Number(only)] : [];
  const all = Number(env.FAULTS ?? casesInContinuousIntegration);
  const shares = Object.values(kinds).reduce((sum: number, share) => sum + share, 0);
  const first = Number(env.FAULTS_FIRST ?? 1);
  const count = Math.max(1, Math.round((all * kinds[kind]) / shares));
  return Array.from({ length: count }, (_, index) => first + index);
}

/** One test that runs every case of a kind, as many at once as there are processors; fails with all that failed. */
export function campaign(kind: Kind, run: (one: Case) => Promise<void>): void {
  const numbers = caseNumbers(kind);
  test(`${kind}: ${numbers.length} cases`, { skip: numbers.length === 0 }, async (t) => {
    const failures: string[] = [];
    const waiting = [...numbers];
    const work = async () => {
      for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
        const failure = await outcomeOf(kind, number, run);
        if (failure !== undefined) failures.push(failure);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, work));
    t.diagnostic(`${numbers.length - failures.length} of ${numbers.length} cases of ${kind} ended as they should`);
    assert.equal(failures.length, 0, `\n${failures.slice(0, 5).join("\n\n")}`);
  });
}

async function outcomeOf(kind: Kind, number: number, run: (one: Case) => Promise<void>): Promise<string | undefined> {
  const notes: string[] = [];
  const note = (line: string) => notes.push(line);
  try {
    await run({ kind, number, random: new Random(`${kind}:${number}`), note });
    return undefined;
  } catch (error) {
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return [`FAULTS_SEED=${kind}:${number} npm run test:faults`, ...notes, said].join("\n  ");
  }
}

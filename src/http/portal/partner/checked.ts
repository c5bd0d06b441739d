/**
 * Publications as pages show them: read again from the store for each page, the signature checked, and compared with
 * the chain that this process follows. What doesn't hold isn't shown.
 *
 * @see design §3 points 11 and 15
 */
import { isError, SpampotsError } from "../../../errors.ts";
import type { Publication } from "../../../publication/log.ts";
import type { PublicationFacts, PublishedFeed } from "../../published.ts";

/** A publication whose signature was checked just now, and that is where the chain says. */
export interface CheckedPublication extends Publication {
  readonly facts: PublicationFacts;
}

/** How a feed stands. */
export type FeedState =
  /** Nothing was published. */
  | { readonly state: "empty" }
  /** The newest publication, and the newest of the newest period that isn't withdrawn, where there is one. */
  | { readonly state: "sound"; readonly tip: CheckedPublication; readonly latest?: CheckedPublication }
  /** What is stored doesn't pass its checks. */
  | { readonly state: "unsound"; readonly code: string };

/** Codes of what a log is refused for, whoever asks. */
const unsound = ["verify-failed", "bad-manifest", "log-behind"] as const;

/** Why what is stored can't be relied on; `undefined` for another error. */
export function unsoundCode(error: unknown): string | undefined {
  return unsound.find((code) => isError(error, code));
}

/**
 * Reads a publication that the chain is known to have.
 *
 * @throws SpampotsError `verify-failed` also where the store has another one by now; `bad-manifest`, `log-behind`.
 */
export async function readChecked(published: PublishedFeed, facts: PublicationFacts): Promise<CheckedPublication> {
  const publication = await published.read(facts.sequence);
  if (publication.payloadSha256 === facts.payloadSha256) return { ...publication, facts };
  throw new SpampotsError("verify-failed", "A publication was replaced by another.", { sequence: facts.sequence });
}

/** How a feed stands, as of at most a second ago. `now` in milliseconds. @throws what the store throws. */
export async function feedState(
  published: PublishedFeed,
  now: number,
  onUnsound: (error: unknown) => void,
): Promise<FeedState> {
  try {
    const sequence = await published.tip(now);
    const [last] = sequence === 0 ? [] : await published.publications(now, sequence);
    if (last === undefined) return { state: "empty" };
    const tip = await readChecked(published, last);
    const facts = await published.latest(now);
    if (facts === undefined) return { state: "sound", tip };
    return { state: "sound", tip, latest: facts.sequence === sequence ? tip : await readChecked(published, facts) };
  } catch (error) {
    const code = unsoundCode(error);
    if (code === undefined) throw error;
    onUnsound(error);
    return { state: "unsound", code };
  }
}

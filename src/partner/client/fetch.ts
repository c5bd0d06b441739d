/**
 * Fetch: a partner's own publications from the service into a folder, in the layout of the partner's prefix in the store,
 * everything proven before it is kept. What was fetched before isn't fetched again; killed anywhere, the next run goes on.
 *
 *     token ─▶ keys ─▶ for each feed: manifests in order ─▶ files ─▶ manifest put
 *
 *     DIR/keys/00000001.jws               announcements of keys
 *     DIR/issuer-keys.txt                 thumbprints that were met first, where none were pinned
 *     DIR/<feed>/log/00000001.jws         manifests
 *     DIR/<feed>/artifacts/<16 hex>-…     files
 *     DIR/.tmp/fetch/                     what is on its way
 *
 * @see `docs/partner-guide.md`, "Pull"
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { errorTable, isError, SpampotsError } from "../../errors.ts";
import { identifier, reservedIds } from "../../feed/feeds.ts";
import type { Trust } from "../../publication/trust.ts";
import { openDiskStore } from "../../store/disk.ts";
import { diskError } from "../../store/disk-error.ts";
import { temporaryFolder } from "../../store/temporary.ts";
import { alone } from "./alone.ts";
import { type FetchedFeed, FetchingFeed } from "./fetch-feed.ts";
import { type IssuerKeys, takeKeys } from "./issuer-keys.ts";
import type { Session } from "./session.ts";

export interface FetchRequest {
  readonly session: Session;
  /** Who we are: everything must be this partner's. */
  readonly partner: string;
  /** Feeds that are wanted; all that are subscribed where it is empty. */
  readonly feeds: readonly string[];
  /** The folder. */
  readonly into: string;
  /** Pinned keys of the issuer. */
  readonly trust?: Trust;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  readonly onProgress: (line: string) => void;
  /** Told which keys of the issuer were met first, before they are remembered. */
  readonly onMet?: (met: readonly string[]) => void;
}

export interface FetchReport {
  readonly partner: string;
  readonly issuer?: string;
  /** Thumbprints that were trusted because they were met first, in this run. */
  readonly met?: readonly string[];
  readonly feeds: readonly FetchedFeed[];
  /** What went wrong, by feed; feeds after one by which the service can't be used are not begun. */
  readonly failures: readonly { readonly feed: string; readonly error: unknown }[];
}

const feedsSchema = z.object({ feeds: z.array(z.object({ id: z.string() })).max(1000) });

/**
 * Fetches what is new.
 *
 * @throws SpampotsError before the first feed: `verify-failed` where the keys aren't proven, `already-exists` where another
 *   process is at it, and as the session does. Later failures are in the report.
 */
export async function fetchPublications(request: FetchRequest): Promise<FetchReport> {
  const work = join(temporaryFolder(request.into), "fetch");
  try {
    return await alone(work, () => fetchAll(request, join(work, "parts")));
  } catch (error) {
    throw diskError(error, "");
  }
}

async function fetchAll(request: FetchRequest, parts: string): Promise<FetchReport> {
  const { session, partner, into, trust, now, onProgress, onMet } = request;
  const store = openDiskStore(into);
  const pinned = { ...(trust === undefined ? {} : { trust }), ...(onMet === undefined ? {} : { onMet }) };
  const taking = () => takeKeys({ session, store, partner, ...pinned });
  const first = await taking();
  let current = first;
  const keys = async (again = false): Promise<IssuerKeys> => {
    if (again) current = await taking();
    return current;
  };
  const feeds: FetchedFeed[] = [];
  const failures: { feed: string; error: unknown }[] = [];
  for (const feed of await feedsOf(request)) {
    const own = { store: store.under(feed), folder: join(into, feed) };
    const fetching = new FetchingFeed({ session, partner, feed, ...own, parts, keys, now, onProgress });
    const error = await fetching.run().then(
      () => undefined,
      (failed: unknown) => diskError(failed, feed),
    );
    feeds.push(fetching.report());
    if (error === undefined) continue;
    failures.push({ feed, error });
    // Where a proof failed the next feed may be sound; where the service or disk did, it would fail as well.
    if (!isError(error) || errorTable[error.code].exit !== 3) break;
  }
  // What is left on its way belongs to files that nothing names any more.
  if (failures.length === 0) await rm(parts, { recursive: true, force: true });
  const { issuer, met } = first;
  return {
    partner,
    ...(issuer === undefined ? {} : { issuer }),
    ...(met === undefined ? {} : { met }),
    feeds,
    failures,
  };
}

async function feedsOf({ session, feeds }: FetchRequest): Promise<readonly string[]> {
  const subscribed = (await session.json("/v1/feeds", feedsSchema)).feeds.map(({ id }) => id);
  const strange = subscribed.find((id) => !identifier.safeParse(id).success || reservedIds.includes(id));
  if (strange !== undefined) throw new SpampotsError("verify-failed", "The service names a feed as none can be named.");
  const missing = feeds.filter((feed) => !subscribed.includes(feed));
  if (missing.length === 0) return feeds.length === 0 ? subscribed : [...new Set(feeds)];
  throw new SpampotsError("bad-argument", "You don't receive such a feed.", {
    feed: missing.join(", "),
    hint: `You receive: ${subscribed.join(", ")}.`,
  });
}

/**
 * Verify: proves offline that what a store holds is what the issuer signed, whole, in order and unchanged. Works over a
 * whole store, one partner's prefix or one feed's folder, in a folder or on S3.
 *
 *     shape ─▶ keys ─▶ for each feed: signatures, chain, labels, artifacts, silence ─▶ report
 *
 * The store is not trusted: everything read from it is an opponent's until a signature or digest says otherwise.
 *
 * @see design §3 points 10-14
 */
import { logsAtOnce, mapAtOnce } from "../at-once.ts";
import { SpampotsError } from "../errors.ts";
import { plain } from "../log.ts";
import type { Tlp } from "../model.ts";
import type { Store } from "../store/store.ts";
import { type Chain, readChain } from "./chain.ts";
import { standingOf, type Trust } from "./trust.ts";
import { type Expectation, type FeedProgress, type FeedRequest, listFeed } from "./verify-feed.ts";
import { type FeedReport, provenOf, type VerifyProblem, type VerifyReport } from "./verify-report.ts";

/** A publication that the partner has seen before: `--after`. Of the one partner that is verified. */
export interface Remembered {
  /** Feed id; may be left out where only one feed is verified. */
  readonly feed?: string;
  readonly sequence: number;
  /** Hex SHA-256 of its payload. */
  readonly sha256?: string;
}

export interface VerifyRequest {
  readonly trust: Trust;
  /** Whose publications are expected; in a whole store, the only ones that are verified. */
  readonly partner?: string;
  /** The strictest label that is expected. */
  readonly tlp?: Tlp;
  readonly after?: readonly Remembered[];
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  /** Also unpack, and count rows and objects. */
  readonly deep?: boolean;
  readonly onProgress?: (progress: FeedProgress) => void;
}

/** A prefix that has a chain of announcements and feeds of its own. */
interface Prefix {
  readonly store: Store;
  /** Ends in "/", or is empty. */
  readonly place: string;
  readonly partner?: string;
  readonly feeds: readonly { readonly store: Store; readonly place: string; readonly feed?: string }[];
  /** False for a single feed's folder, which has none beside it. */
  readonly hasKeys: boolean;
  /** True for the root of a whole store: its announcements are of no partner. */
  readonly isRoot?: boolean;
}

/**
 * Verifies what the store holds. What is wrong is reported, never thrown; what the store throws is.
 *
 * @throws SpampotsError `bad-argument` where `after` doesn't say which of several feeds or partners it is about.
 */
export async function verify(store: Store, request: VerifyRequest): Promise<VerifyReport> {
  const prefixes = await findPrefixes(store, request.partner);
  checkRemembered(prefixes, request);
  const deep = request.deep ?? false;
  const requests: FeedRequest[] = [];
  const problems: VerifyProblem[] = [];
  const notes: string[] = [];
  const chains = await mapAtOnce(prefixes, logsAtOnce, chainOf);
  for (const [prefix, chain] of chains) {
    const keys = checkKeys(prefix, chain, request.trust);
    problems.push(...keys.problems, ...checkFeedsThere(prefix, chain, request));
    notes.push(...keys.notes);
    for (const feed of prefix.feeds) requests.push(feedRequest(prefix, feed, chain, request, deep));
  }
  const feeds = await verifyFeeds(requests, deep);
  problems.push(...(await strangers(store)));
  if (feeds.length === 0) problems.push({ code: "empty", sentence: nothingHere(request), where: store.url });
  const proven = feeds.flatMap((feed) => provenOf(feed, deep));
  const ok = problems.length === 0 && feeds.every((feed) => feed.problemCount === 0);
  return { ok, deep, feeds, problems, notes, proven };
}

/** Feeds that are listed before the first of them is verified: bounds the names that are held. */
const feedsListed = 100;

/**
 * Verifies feeds; reports in the order of the requests. The largest come first: while their files are read, by threads,
 * signatures of the others are checked. Unpacking keeps processors busy, and takes memory: one at a time.
 */
async function verifyFeeds(requests: readonly FeedRequest[], deep: boolean): Promise<FeedReport[]> {
  const [together, atOnce] = deep ? [1, 1] : [feedsListed, logsAtOnce];
  const reports: FeedReport[] = [];
  for (let first = 0; first < requests.length; first += together) {
    const listed = await mapAtOnce(requests.slice(first, first + together), logsAtOnce, listFeed);
    const largestFirst = [...listed.entries()].sort(([, a], [, b]) => b.bytes - a.bytes);
    await mapAtOnce(largestFirst, atOnce, async ([index, feed]) => {
      reports[first + index] = await feed.verify();
    });
  }
  return reports;
}

async function chainOf(prefix: Prefix): Promise<readonly [Prefix, Chain]> {
  return [prefix, prefix.hasKeys ? await readChain(prefix.store) : { announcements: [] }];
}

function checkRemembered(prefixes: readonly Prefix[], { after = [] }: VerifyRequest): void {
  const owners = prefixes.filter((prefix) => prefix.feeds.length > 0);
  const feeds = owners.flatMap((prefix) => prefix.feeds);
  const unclear = owners.length > 1 || (feeds.length > 1 && after.some(({ feed }) => feed === undefined));
  if (after.length === 0 || !unclear) return;
  throw new SpampotsError("bad-argument", "It isn't clear of which feed a publication is remembered.", {
    hint: "Name the partner and the feed, or verify the folder of that feed.",
  });
}

function nothingHere({ partner }: VerifyRequest): string {
  return partner === undefined
    ? "Nothing that could be verified is here."
    : `Nothing of ${partner} that could be verified is here.`;
}

/** A log or artifacts beside other things would hide them: what was copied there would be all that is verified. */
async function strangers(store: Store): Promise<VerifyProblem[]> {
  const names = await gather(store.children(""));
  const others = names.filter((name) => name !== "log" && name !== "artifacts");
  if (others.length === 0 || others.length === names.length) return [];
  const sentence = `Beside log/ or artifacts/ stand ${others.length} other folders, such as ${plain(others[0] ?? "")}/: this is neither a feed's folder nor a partner's.`;
  return [{ code: "misplaced", sentence, where: store.url }];
}

/** Looks what kind of place this is. */
async function findPrefixes(store: Store, expected: string | undefined): Promise<Prefix[]> {
  const names = await gather(store.children(""));
  const partner = expected === undefined ? {} : { partner: expected };
  if (names.includes("log") || names.includes("artifacts")) {
    return [{ store, place: "", ...partner, hasKeys: false, feeds: [{ store, place: "" }] }];
  }
  if (!names.includes("partners")) {
    return [{ store, place: "", ...partner, hasKeys: true, feeds: feedsOf(store, "", names) }];
  }
  const partners = (await gather(store.children("partners/"))).filter((name) => (expected ?? name) === name);
  const prefixes = await mapAtOnce(partners, logsAtOnce, (name) => partnerPrefix(store, name));
  // The issuer's own chain: a partner's prefix has a copy of its own, and needs none of this.
  return expected === undefined
    ? [{ store, place: "", hasKeys: true, isRoot: true, feeds: [] }, ...prefixes]
    : prefixes;
}

async function partnerPrefix(store: Store, partner: string): Promise<Prefix> {
  const place = `partners/${partner}/`;
  const own = store.under(place);
  const feeds = feedsOf(own, place, await gather(own.children("")));
  return { store: own, place, partner, hasKeys: true, feeds };
}

async function gather(names: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const name of names) all.push(name);
  return all;
}

function feedsOf(store: Store, place: string, names: readonly string[]): Prefix["feeds"] {
  return names
    .filter((name) => name !== "keys")
    .map((feed) => ({ store: store.under(feed), place: `${place}${feed}/`, feed }));
}

/** Whether the announcements of keys hold, and hang on a trusted key. */
function checkKeys(
  prefix: Prefix,
  chain: Chain,
  trust: Trust,
): { readonly problems: VerifyProblem[]; readonly notes: string[] } {
  const where = `${prefix.place}keys/`;
  const last = chain.announcements.at(-1);
  if (chain.broken !== undefined)
    return { problems: [{ code: "keys-broken", sentence: chain.broken, where }], notes: [] };
  if (last === undefined) return { problems: [], notes: keyNotes(prefix, trust) };
  const elsewhere = whoseElse(prefix, last.said.partner);
  if (elsewhere !== undefined) return { problems: [{ code: "misplaced", sentence: elsewhere, where }], notes: [] };
  if (!standingOf(trust, chain).anchored) {
    const sentence = "No announcement of keys is signed by a key that you trust: the keys here may be anyone's.";
    return { problems: [{ code: "keys-unproven", sentence, where }], notes: [] };
  }
  const unfinished =
    last.signedBy === last.said.live
      ? []
      : [`${where}: the live key was announced by the one before and hasn't taken over yet.`];
  return { problems: [], notes: unfinished };
}

/** What is wrong where announcements stand in a place that isn't theirs: they say nothing of what is beside them. */
function whoseElse({ partner, isRoot = false, feeds }: Prefix, announced: string | undefined): string | undefined {
  const are = `The announcements of keys are of ${announced ?? "no partner"}`;
  if (isRoot) return announced === undefined ? undefined : `${are}, not of the whole store.`;
  if (partner !== undefined) return announced === partner ? undefined : `${are}, not ${partner}.`;
  return announced === undefined && feeds.length > 0 ? `${are}, and beside them are a partner's feeds.` : undefined;
}

/** What to know where there are no announcements. */
function keyNotes(prefix: Prefix, trust: Trust): string[] {
  if (prefix.hasKeys)
    return [`${prefix.place}keys/ holds no announcement of keys: only the keys that were given count.`];
  const hint =
    "A thumbprint alone doesn't prove one feed's folder: give the JWK set, or verify the prefix that holds keys/.";
  return trust.keys.length === 0 ? [hint] : [];
}

/** A feed that an announcement or the partner knows of, and that isn't there at all. */
function checkFeedsThere(prefix: Prefix, chain: Chain, request: VerifyRequest): VerifyProblem[] {
  if (!prefix.hasKeys || (prefix.feeds.length === 0 && prefix.partner === undefined)) return [];
  const announced = standingOf(request.trust, chain).tips.map((tip) => tip.feed);
  const remembered = (request.after ?? []).flatMap(({ feed }) => (feed === undefined ? [] : [feed]));
  const missing = new Set(
    [...announced, ...remembered].filter((feed) => prefix.feeds.every((there) => there.feed !== feed)),
  );
  return [...missing].map((feed) => ({
    code: "cut-off",
    sentence: `There were publications of ${feed}; none is here.`,
    where: `${prefix.place}${feed}/`,
  }));
}

function feedRequest(
  prefix: Prefix,
  feed: Prefix["feeds"][number],
  chain: Chain,
  request: VerifyRequest,
  deep: boolean,
) {
  const standing = standingOf(request.trust, chain);
  const tips = standing.tips.filter((tip) => tip.feed === feed.feed);
  const { now, tlp, onProgress } = request;
  const said = standing.anchored ? chain.announcements.at(-1)?.said : undefined;
  const partner = prefix.partner ?? said?.partner;
  return {
    ...feed,
    ...(partner === undefined ? {} : { partner }),
    ...(said === undefined ? {} : { issuer: said.issuer }),
    standing: { ...standing, tips },
    expectations: [...remembered(feed.feed, request), ...tips.map(announcedTip)],
    ...(tlp === undefined ? {} : { tlp }),
    ...(onProgress === undefined ? {} : { onProgress }),
    now,
    deep,
  };
}

function remembered(feed: string | undefined, { after = [] }: VerifyRequest): Expectation[] {
  const mine = after.filter((entry) => entry.feed === undefined || feed === undefined || entry.feed === feed);
  return mine.map(({ sequence, sha256 }) => ({
    sequence,
    ...(sha256 === undefined ? {} : { sha256 }),
    source: "You remember",
  }));
}

function announcedTip(tip: { readonly sequence: number; readonly payload_sha256: string }): Expectation {
  return { sequence: tip.sequence, sha256: tip.payload_sha256, source: "An announcement of keys states" };
}

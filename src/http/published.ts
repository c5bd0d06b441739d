/**
 * What was published to a partner in one feed, as the doors read it: over a store confined to the feed's prefix, every
 * signature checked, and what later publications say of earlier ones taken into account. A log is read from its end
 * back, as far as somebody asks, and then followed: what a publication needs to be told of stands in it and in those
 * after it.
 *
 * @see design §3 points 10, 13, 15
 */
import { isError, SpampotsError } from "../errors.ts";
import {
  logKey,
  maxJwsBytes,
  type Publication,
  readBounded,
  readManifest,
  refuseForeign,
  tipSequence,
} from "../publication/log.ts";
import {
  type Artifact,
  artifactKey,
  feedPrefix,
  type Manifest,
  stixObjects,
  storedBytes,
} from "../publication/manifest.ts";
import type { KeyFinder } from "../publication/sign.ts";
import type { LinkHeaders, OpenOptions, Store } from "../store/store.ts";

/** What is remembered of each publication. */
export interface PublicationFacts {
  readonly sequence: number;
  readonly kind: Manifest["kind"];
  readonly period: Manifest["period"];
  readonly revision: number;
  /** RFC 3339 in microseconds. */
  readonly publishedAt: string;
  readonly payloadSha256: string;
  /** Of the one before. */
  readonly previousSha256: string | null;
  readonly withdraws: readonly number[];
  readonly reason?: string;
  readonly artifacts: number;
  readonly bytes: number;
  /** STIX objects over all parts, repeats counted. */
  readonly objects: number;
  readonly retainUntil: number;
}

/** Manifests that are read at once. */
const readAhead = 16;

/** How long a look at the log's end is good for, in milliseconds. */
const freshMs = 1000;

/** An artifact that can be handed out, or why it can't. */
export type ArtifactState =
  | { readonly state: "there"; readonly artifact: Artifact; readonly key: string }
  | { readonly state: "withdrawn"; readonly by: number; readonly reason: string }
  | { readonly state: "expired"; readonly until: string };

/** The issuer's keys, as they are known. */
export interface IssuerKeys {
  readonly find: KeyFinder;
  /** Looks whether there are others by now. */
  look(): Promise<void>;
}

/** Whose log it is, and of which feed. */
export interface Whose {
  readonly partner: string;
  readonly feed: string;
}

export class PublishedFeed {
  readonly #store: Store;
  readonly #keys: IssuerKeys;
  readonly #whose: Whose;
  /** From sequence `#first` to the tip, in order; nothing is known yet of those before. */
  readonly #facts: PublicationFacts[] = [];
  #first = 1;
  /** Withdrawn sequence → the publication that withdrew it. */
  readonly #withdrawn = new Map<number, PublicationFacts>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #readingBack: Promise<void> | undefined;

  /** @param store the whole store. */
  constructor(store: Store, keys: IssuerKeys, whose: Whose) {
    this.#store = store.under(feedPrefix(whose.partner, whose.feed));
    this.#keys = keys;
    this.#whose = whose;
  }

  /**
   * Sequence of the newest publication, as of at most a second ago; 0 for an empty log. `now` in milliseconds.
   *
   * @throws SpampotsError as {@link PublishedFeed.publications}
   */
  async tip(now: number): Promise<number> {
    if (now - this.#lookedAt >= freshMs || now < this.#lookedAt) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
      await this.#looking;
      this.#lookedAt = now;
    }
    return this.#tip;
  }

  get #tip(): number {
    return this.#first + this.#facts.length - 1;
  }

  /**
   * Publications from sequence `from` on, in order, as of at most a second ago. `now` in milliseconds.
   *
   * @throws SpampotsError `log-behind`, `verify-failed`, `bad-manifest`: of publications before one that was tampered with,
   *   nothing is told.
   */
  async publications(now: number, from: number): Promise<readonly PublicationFacts[]> {
    await this.tip(now);
    await this.#readBack(from);
    return this.#facts.slice(Math.max(0, from - this.#first));
  }

  /** Learns where the log ends, the first time; afterwards reads what came since. */
  async #look(): Promise<void> {
    const known = this.#tip;
    const tip = await tipSequence(this.#store, known);
    if (known === 0) this.#first = tip + 1;
    while (this.#tip < tip) {
      const from = this.#tip + 1;
      for (const facts of await this.#factsOf(from, Math.min(tip, from + readAhead - 1))) {
        const before = this.#facts.at(-1);
        if (before) checkChain(before, facts, this.#store);
        this.#facts.push(facts);
        this.#takeWithdrawal(facts);
      }
    }
  }

  /** Afterwards all is known from this sequence on. Who waits for the same waits together. */
  async #readBack(from: number): Promise<void> {
    while (this.#first > Math.max(1, from)) {
      this.#readingBack ??= this.#readBefore(this.#first).finally(() => {
        this.#readingBack = undefined;
      });
      await this.#readingBack;
    }
  }

  async #readBefore(first: number): Promise<void> {
    const read = await this.#factsOf(Math.max(1, first - readAhead), first - 1);
    for (const facts of read.reverse()) {
      const after = this.#facts[0];
      if (after) checkChain(facts, after, this.#store);
      this.#facts.unshift(facts);
      this.#first = facts.sequence;
      this.#takeWithdrawal(facts);
    }
  }

  #factsOf(from: number, to: number): Promise<PublicationFacts[]> {
    const sequences = Array.from({ length: to - from + 1 }, (_, index) => from + index);
    return Promise.all(sequences.map(async (sequence) => factsOf(await this.read(sequence))));
  }

  #takeWithdrawal(facts: PublicationFacts): void {
    for (const sequence of facts.withdraws) this.#withdrawn.set(sequence, facts);
  }

  /** A publication that the log is known to have. @throws SpampotsError as {@link PublishedFeed.publications} */
  async read(sequence: number): Promise<Publication> {
    const publication = await this.#readNewly(sequence);
    if (publication === undefined) throw this.#gone(sequence);
    // A signature alone doesn't say where a manifest stands.
    refuseForeign(publication, this.#whose.partner, this.#whose.feed, this.#store);
    return publication;
  }

  #gone(sequence: number): SpampotsError {
    return new SpampotsError("log-behind", "A publication is gone from the log.", { sequence, store: this.#store.url });
  }

  /** Reads a manifest; one by a key that isn't known is read again once keys were looked at, since they are rotated. */
  async #readNewly(sequence: number): Promise<Publication | undefined> {
    const { find, look } = this.#keys;
    try {
      return await readManifest(this.#store, sequence, find);
    } catch (error) {
      const kid = isError(error, "verify-failed") ? error.facts.kid : undefined;
      if (typeof kid !== "string" || find(kid) !== undefined) throw error;
      await look();
      return readManifest(this.#store, sequence, find);
    }
  }

  /** The stored bytes of a publication: the flattened JWS as it was signed. */
  async signed(sequence: number): Promise<Uint8Array> {
    const bytes = await readBounded(this.#store, logKey(sequence), maxJwsBytes);
    if (bytes === undefined) throw this.#gone(sequence);
    return bytes;
  }

  /** The publication that withdrew this one, if any; of one that {@link PublishedFeed.publications} was asked for. */
  withdrawnBy(sequence: number): PublicationFacts | undefined {
    return this.#withdrawn.get(sequence);
  }

  /**
   * The newest publication of the newest period, or of `period`, that is not withdrawn; `undefined` where there is none.
   * As of at most a second ago; reads no further back than it must.
   *
   * @throws SpampotsError as {@link PublishedFeed.publications}
   */
  async latest(now: number, period?: string): Promise<PublicationFacts | undefined> {
    let best: PublicationFacts | undefined;
    for (let sequence = await this.tip(now); sequence > 0; sequence -= 1) {
      if (sequence < this.#first) await this.#readBack(sequence);
      const facts = this.#facts[sequence - this.#first];
      // What is published has ended: from here back, every period ends before the best one starts.
      if (facts === undefined || (best && Date.parse(facts.publishedAt) <= Date.parse(best.period.start))) break;
      if (facts.kind !== "publication" || this.#withdrawn.has(sequence)) continue;
      if (period !== undefined) {
        if (facts.period.id === period) return facts;
      } else if (best === undefined || best.period.start < facts.period.start) best = facts;
    }
    return best;
  }

  /**
   * Whether an artifact of a publication can be handed out; `undefined` where the publication names no such artifact.
   *
   * @throws SpampotsError `store-unavailable` where it should be there and isn't.
   */
  async artifact(manifest: Manifest, name: string, now: number): Promise<ArtifactState | undefined> {
    const artifact = manifest.artifacts.find((entry) => entry.name === name);
    if (artifact === undefined) return undefined;
    await this.#readBack(manifest.sequence);
    const by = this.#withdrawn.get(manifest.sequence);
    if (by) return { state: "withdrawn", by: by.sequence, reason: by.reason ?? "" };
    const key = artifactKey(artifact);
    const there = await this.#store.stat(key);
    if (there?.bytes === artifact.bytes) return { state: "there", artifact, key };
    if (there === undefined && now >= Date.parse(manifest.retain_until))
      return { state: "expired", until: manifest.retain_until };
    throw new SpampotsError("store-unavailable", "An artifact is missing from the store, or damaged.", {
      hint: "Run `spampots verify` on the store; it names everything that is.",
      key,
      store: this.#store.url,
    });
  }

  /** A URL of the store for an artifact, where it has such: see `Store.link`. */
  link(key: string, seconds: number, headers: LinkHeaders): Promise<string | undefined> {
    return this.#store.link(key, seconds, headers);
  }

  /** A stream of bytes [start, end) of a stored artifact: see `Store.open`. */
  open(key: string, range: { readonly start: number; readonly end: number }, options: OpenOptions = {}) {
    return this.#store.open(key, range, options);
  }
}

function factsOf({ manifest, payloadSha256 }: Publication): PublicationFacts {
  const { withdraws } = manifest;
  return {
    sequence: manifest.sequence,
    kind: manifest.kind,
    period: manifest.period,
    revision: manifest.revision,
    publishedAt: manifest.published_at,
    payloadSha256,
    previousSha256: manifest.previous_sha256,
    withdraws: withdraws?.sequences ?? [],
    ...(withdraws === undefined ? {} : { reason: withdraws.reason }),
    artifacts: manifest.artifacts.length,
    bytes: storedBytes(manifest),
    objects: stixObjects(manifest),
    retainUntil: Date.parse(manifest.retain_until),
  };
}

/** @throws SpampotsError `verify-failed` unless the second names the first as the one before it. */
function checkChain(before: PublicationFacts, after: PublicationFacts, store: Store): void {
  if (after.previousSha256 === before.payloadSha256) return;
  throw new SpampotsError("verify-failed", "A publication doesn't follow the one before it.", {
    sequence: after.sequence,
    store: store.url,
  });
}

/** Logs that are followed at the same time: what was asked for longest ago is forgotten. */
const mostFeeds = 2000;

/** The published feeds of all partners, each over its own prefix. */
export class Published {
  readonly #store: Store;
  readonly #keys: IssuerKeys;
  readonly #feeds = new Map<string, PublishedFeed>();

  constructor(store: Store, keys: IssuerKeys) {
    this.#store = store;
    this.#keys = keys;
  }

  feed(whose: Whose): PublishedFeed {
    const prefix = feedPrefix(whose.partner, whose.feed);
    const feed = this.#feeds.get(prefix) ?? new PublishedFeed(this.#store, this.#keys, whose);
    this.#feeds.delete(prefix);
    this.#feeds.set(prefix, feed);
    const oldest = this.#feeds.keys().next().value;
    if (this.#feeds.size > mostFeeds && oldest !== undefined) this.#feeds.delete(oldest);
    return feed;
  }
}

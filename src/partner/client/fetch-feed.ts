/**
 * One feed into a partner's folder: what came after the folder's newest publication, oldest first. Of each publication
 * the manifest is proven first, then its files come, and the manifest is put last: what the folder's log names is there.
 *
 * @see design §3 points 10, 11 and 13; `publication/verify-feed.ts` proves the same of a whole folder
 */
import { join } from "node:path";
import { z } from "zod";
import { mapAtOnce } from "../../at-once.ts";
import { isError, SpampotsError } from "../../errors.ts";
import { logKey, type Publication, readManifest, tipSequence } from "../../publication/log.ts";
import {
  type Artifact,
  artifactKey,
  decodeManifest,
  leastNextPublishedAt,
  type Manifest,
  parseMicroseconds,
  payloadDigest,
} from "../../publication/manifest.ts";
import { jwsMediaType, openJws, readJws } from "../../publication/sign.ts";
import type { Store } from "../../store/store.ts";
import { download } from "./download.ts";
import type { IssuerKeys } from "./issuer-keys.ts";
import type { Session } from "./session.ts";

/** A feed that is fetched, and with what. */
export interface FeedFetch {
  readonly session: Session;
  readonly partner: string;
  readonly feed: string;
  /** The feed's folder: as a store, and as a path. */
  readonly store: Store;
  readonly folder: string;
  /** Folder for files that grow, on the same file system. */
  readonly parts: string;
  /** What counts; asked again where a manifest is signed by a key that came meanwhile. */
  keys(again?: boolean): Promise<IssuerKeys>;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  readonly onProgress: (line: string) => void;
}

/** What was fetched of a feed. */
export interface FetchedFeed {
  readonly feed: string;
  /** Sequence of the folder's newest publication: before, and by now; 0 for none. */
  readonly before: number;
  readonly tip: number;
  /** Files and bytes that were downloaded. */
  readonly files: number;
  readonly bytes: number;
  /** Files that new publications name and that are withdrawn or expired: `sequence/name`. */
  readonly gone: readonly string[];
  /** Files that were deleted here because they were withdrawn. */
  readonly deleted: number;
  /** When the next publication was promised, where that is over. */
  readonly overdue?: string;
}

const item = z.object({
  sequence: z.int().min(1).max(99_999_999),
  payload_sha256: z.string(),
  withdrawn_by: z.int().optional(),
});
const pageSchema = z.object({ publications: z.array(item).max(1000), more: z.boolean() });

/** Files of a publication that are downloaded at once. */
const filesAtOnce = 4;

/** What became of a feed so far; readable also where the work ended in an error. */
export class FetchingFeed {
  readonly #fetch: FeedFetch;
  /** SHA-256 of payloads by retired keys that are known to be reached from one that counts. */
  readonly #reached = new Set<string>();
  #previous: Publication | undefined;
  #before = 0;
  #files = 0;
  #bytes = 0;
  #deleted = 0;
  readonly #gone: string[] = [];

  constructor(fetch: FeedFetch) {
    this.#fetch = fetch;
  }

  /**
   * Fetches everything that is new.
   *
   * @throws SpampotsError `verify-failed`, `bad-manifest`, `log-behind` where something isn't proven: nothing of that
   *   publication is in the log then; as the session and store do.
   */
  async run(): Promise<void> {
    const { store, keys } = this.#fetch;
    this.#before = await tipSequence(store);
    if (this.#before > 0) {
      this.#previous = await readManifest(store, this.#before, (await keys()).keyOf);
      await this.#checkStanding();
    }
    for (;;) {
      const { publications, more } = await this.#list(this.#tip);
      for (const { sequence } of publications) {
        if (sequence !== this.#tip + 1) throw this.#wrong(this.#tip + 1, "The service leaves out a publication.");
        await this.#take(sequence);
      }
      if (!more || publications.length === 0) return;
    }
  }

  /** What was done. */
  report(): FetchedFeed {
    const { feed, now } = this.#fetch;
    const next = this.#previous?.manifest.next_by ?? null;
    return {
      feed,
      before: this.#before,
      tip: this.#tip,
      files: this.#files,
      bytes: this.#bytes,
      gone: this.#gone,
      deleted: this.#deleted,
      ...(next !== null && Date.parse(next) < now ? { overdue: next } : {}),
    };
  }

  get #tip(): number {
    return this.#previous?.manifest.sequence ?? 0;
  }

  #path(...rest: readonly (string | number)[]): string {
    return ["/v1/feeds", this.#fetch.feed, "publications", ...rest].join("/");
  }

  #list(after: number, limit = 100): Promise<z.infer<typeof pageSchema>> {
    return this.#fetch.session.json(`${this.#path()}?after=${after}&limit=${limit}`, pageSchema);
  }

  /** Whether the service's log goes on from ours: what we have must stand there as we have it. */
  async #checkStanding(): Promise<void> {
    const [theirs] = (await this.#list(this.#tip - 1, 1)).publications;
    if (theirs?.sequence === this.#tip && theirs.payload_sha256 === this.#previous?.payloadSha256) return;
    throw this.#wrong(
      this.#tip,
      theirs === undefined
        ? "The service's log ends before the newest publication that you have."
        : "The service has another publication than you under the same number.",
    );
  }

  async #take(sequence: number): Promise<void> {
    const { session, store, feed, onProgress } = this.#fetch;
    onProgress(`${feed} ${sequence}`);
    const file = await session.signed(this.#path(sequence));
    const publication = await this.#open(file, sequence, this.#previous);
    await this.#checkCounts(publication);
    const { manifest } = publication;
    if (manifest.withdraws !== undefined) await this.#deleteWithdrawn(manifest, manifest.withdraws.sequences);
    await mapAtOnce(manifest.artifacts, filesAtOnce, (artifact) => this.#takeArtifact(artifact, manifest));
    const put = await store.putOnce(logKey(sequence), file, { contentType: jwsMediaType });
    if (put === "exists") throw this.#wrong(sequence, "Another program writes into this folder.");
    this.#previous = publication;
  }

  /** A manifest whose signature, place and history hold. */
  async #open(file: Uint8Array, sequence: number, previous: Publication | undefined): Promise<Publication> {
    const publication = await this.#openAlone(file, sequence);
    const { manifest } = publication;
    if (manifest.previous_sha256 !== (previous?.payloadSha256 ?? null))
      throw this.#wrong(sequence, "A manifest names another predecessor than the publication before it.");
    if (previous && parseMicroseconds(manifest.published_at) < leastNextPublishedAt(previous.manifest))
      throw this.#wrong(sequence, "A manifest states that it was published before the one before it.");
    return publication;
  }

  async #openAlone(file: Uint8Array, sequence: number): Promise<Publication> {
    const { keys, partner, feed } = this.#fetch;
    const stated = readJws(file, "spampots-manifest+jws").kid;
    const known = await keys();
    const { keyOf, issuer } = known.keyOf(stated) === undefined ? await keys(true) : known;
    const { kid, payload } = await openJws(file, "spampots-manifest+jws", keyOf);
    const manifest = decodeManifest(payload);
    const expected = { sequence, partner, feed, issuer: issuer ?? manifest.issuer };
    for (const [name, value] of Object.entries(expected)) {
      // The names are members of a manifest; Object.entries forgets that.
      const states = manifest[name as keyof typeof expected];
      if (states !== value)
        throw this.#wrong(sequence, "A manifest is of another place than it was asked from.", {
          [name]: states,
          expected: value,
        });
    }
    return { manifest, payloadSha256: payloadDigest(payload), kid };
  }

  /** By a live key; stated as a tip by a trusted announcement; or reached from such a one through hashes. */
  async #checkCounts(publication: Publication): Promise<void> {
    const { live, tips } = await this.#fetch.keys();
    const counts = ({ kid, payloadSha256 }: Publication) =>
      live.has(kid) ||
      this.#reached.has(payloadSha256) ||
      tips.some((tip) => tip.feed === this.#fetch.feed && tip.payload_sha256 === payloadSha256);
    const passed: string[] = [];
    for (let at = publication; !counts(at); ) {
      passed.push(at.payloadSha256);
      const next = at.manifest.sequence + 1;
      const file = await this.#fetch.session.signed(this.#path(next)).catch((error: unknown) => {
        if (!isError(error, "not-found")) throw error;
        throw this.#wrong(
          publication.manifest.sequence,
          "A manifest is signed by a key that doesn't count (any more), and nothing by one that does reaches it.",
          { kid: publication.kid },
        );
      });
      at = await this.#open(file, next, at);
    }
    for (const sha256 of passed) this.#reached.add(sha256);
  }

  /** Deletes files of withdrawn publications. Comes before the withdrawal is put: a killed run does it again. */
  async #deleteWithdrawn(withdrawal: Manifest, sequences: readonly number[]): Promise<void> {
    const { store, keys } = this.#fetch;
    const kept = new Set(withdrawal.artifacts.map(artifactKey));
    for (const sequence of sequences) {
      const withdrawn = await readManifest(store, sequence, (await keys()).keyOf);
      if (withdrawn?.manifest.period.id !== withdrawal.period.id)
        throw this.#wrong(withdrawal.sequence, "A withdrawal names a publication of another period.", {
          withdraws: sequence,
        });
      for (const key of withdrawn.manifest.artifacts.map(artifactKey)) {
        if (kept.has(key) || (await store.stat(key)) === undefined) continue;
        await store.delete(key);
        this.#deleted += 1;
      }
    }
  }

  async #takeArtifact(artifact: Artifact, manifest: Manifest): Promise<void> {
    const { session, store, folder, parts, feed, onProgress } = this.#fetch;
    const key = artifactKey(artifact);
    const there = await store.digest(key, { bytes: artifact.bytes });
    if (there?.sha256 === artifact.sha256) return;
    const outcome = await download(session, artifact, {
      from: this.#path(manifest.sequence, artifact.name),
      // Files of one publication may have the same bytes, and come at once.
      partial: join(parts, `${artifact.sha256}-${artifact.name}`),
      to: join(folder, key),
      onBytes: (bytes) =>
        onProgress(`${feed} ${manifest.sequence}: ${artifact.name} ${Math.floor((bytes * 100) / artifact.bytes)} %`),
    });
    if (outcome === "there") {
      this.#files += 1;
      this.#bytes += artifact.bytes;
    } else {
      await this.#checkGone(artifact, manifest);
      this.#gone.push(`${manifest.sequence}/${artifact.name}`);
    }
  }

  /** That a file is gone must follow from what was signed: it expired, or a later publication withdraws it. */
  async #checkGone({ name }: Artifact, { sequence, retain_until }: Manifest): Promise<void> {
    if (Date.parse(retain_until) <= this.#fetch.now) return;
    const [standing] = (await this.#list(sequence - 1, 1)).publications;
    const by = standing?.sequence === sequence ? standing.withdrawn_by : undefined;
    if (by !== undefined && by > sequence) {
      const { manifest } = await this.#openAlone(await this.#fetch.session.signed(this.#path(by)), by);
      if (manifest.withdraws?.sequences.includes(sequence)) return;
    }
    throw this.#wrong(sequence, "The service says that a file is gone, and no publication says so.", {
      artifact: name,
    });
  }

  #wrong(sequence: number, message: string, facts: Readonly<Record<string, unknown>> = {}): SpampotsError {
    return new SpampotsError("verify-failed", message, {
      ...facts,
      feed: this.#fetch.feed,
      sequence,
      hint: "Nothing of this publication was kept. Run it again in a while; if that stays, tell the operator.",
    });
  }
}

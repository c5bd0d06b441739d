/**
 * What of a log a destination doesn't have yet: its publications, one at a time, as they are to be sent today. Of what
 * was withdrawn or is expired the manifest goes alone. Memory is that of one manifest, however long the log is.
 */
import { createHash } from "node:crypto";
import { SpampotsError } from "../../errors.ts";
import { maxJwsBytes, readBounded, readSigned, refuseForeign } from "../../publication/log.ts";
import { type Artifact, artifactKey, feedPrefix, type Manifest } from "../../publication/manifest.ts";
import type { KeyFinder } from "../../publication/sign.ts";
import type { Store } from "../../store/store.ts";
import type { Outgoing } from "./destination.ts";

/** Whose log, and what of it is sent. */
export interface BacklogOptions {
  readonly partner: string;
  readonly feed: string;
  readonly keyOf: KeyFinder;
  /** Milliseconds since 1970 UTC. */
  clock(): number;
  /** Which files this destination is handed at all. */
  wants(artifact: Artifact): boolean;
}

type Signed = NonNullable<Awaited<ReturnType<typeof readSigned>>>;

/** A log on its way to one destination. */
export class Backlog {
  readonly #place: Store;
  /** The partner's prefix, where keys are announced. */
  readonly #partner: Store;
  readonly #options: BacklogOptions;
  /** What later publications withdraw, and the last one that was looked through for that. */
  readonly #withdrawn = new Set<number>();
  #looked = 0;
  /** The last one that was read: looking ahead and sending often want the same. */
  #last: { readonly sequence: number; readonly read: Signed } | undefined;

  /** @param store the whole store. */
  constructor(store: Store, options: BacklogOptions) {
    this.#place = store.under(feedPrefix(options.partner, options.feed));
    this.#partner = store.under(`partners/${options.partner}`);
    this.#options = options;
  }

  /**
   * The publication of this number as it is to be sent now; `undefined` where there is none yet. To be asked in rising
   * order: then each manifest is read at most twice, once to send it and once for what it withdraws of those before it.
   *
   * @throws SpampotsError `verify-failed`, `bad-manifest`, and the store's own.
   */
  async read(sequence: number): Promise<Omit<Outgoing, "again"> | undefined> {
    const found = await this.#signed(sequence);
    if (found === undefined) {
      // The end: logs are many, and what rests keeps nothing.
      this.#last = undefined;
      return undefined;
    }
    const { publication, signed } = found;
    return {
      manifest: publication.manifest,
      payloadSha256: publication.payloadSha256,
      signed,
      artifacts: await this.#standing(publication.manifest),
      open: (artifact) => opened(this.#place, artifact),
      announcements: (after) => announcements(this.#partner, after),
    };
  }

  async #signed(sequence: number): Promise<Signed | undefined> {
    if (this.#last?.sequence === sequence) return this.#last.read;
    const read = await readSigned(this.#place, sequence, this.#options.keyOf);
    if (read === undefined) return undefined;
    refuseForeign(read.publication, this.#options.partner, this.#options.feed, this.#place);
    this.#last = { sequence, read };
    return read;
  }

  /**
   * The files of a publication that are still to be had. One that should be, and isn't there, shows when it is opened.
   */
  async #standing({ sequence, artifacts, retain_until }: Manifest): Promise<readonly Artifact[]> {
    const wanted = artifacts.filter((artifact) => this.#options.wants(artifact));
    if (wanted.length === 0 || Date.parse(retain_until) <= this.#options.clock()) return [];
    // Its withdrawal may have been published since the last look, and the files not be deleted yet.
    for (let next = Math.max(sequence, this.#looked) + 1; ; next += 1) {
      const later = await this.#signed(next);
      if (later === undefined) break;
      for (const other of later.publication.manifest.withdraws?.sequences ?? []) this.#withdrawn.add(other);
      this.#looked = next;
    }
    return this.#withdrawn.has(sequence) ? [] : wanted;
  }
}

/** Bytes read at a time: many files are open at once, for destinations that may be slow. */
const chunkBytes = 65_536;

async function opened(place: Store, artifact: Artifact): Promise<AsyncIterable<Uint8Array>> {
  const key = artifactKey(artifact);
  const object = await place.open(key, undefined, { chunkBytes });
  if (object?.bytes === artifact.bytes) return proven(object.body, artifact, place);
  throw damaged(key, place, object === undefined ? "missing" : "of another size");
}

/** The same bytes; the last of them only once all are known to be those that were signed. */
async function* proven(
  body: AsyncIterable<Uint8Array>,
  artifact: Artifact,
  place: Store,
): AsyncGenerator<Uint8Array, void> {
  const hash = createHash("sha256");
  let held: Uint8Array | undefined;
  for await (const chunk of body) {
    hash.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (hash.digest("hex") !== artifact.sha256) throw damaged(artifactKey(artifact), place, "changed");
  if (held !== undefined) yield held;
}

const damaged = (key: string, place: Store, found: string) =>
  new SpampotsError("verify-failed", "An artifact in the store isn't what its manifest says.", {
    hint: "Bring it back from a copy, or withdraw the publication; `spampots verify` on the store names everything that is damaged.",
    key,
    reason: `an artifact in the store is ${found}`,
    store: place.url,
  });

async function* announcements(partner: Store, after?: string): ReturnType<Outgoing["announcements"]> {
  for await (const { key } of partner.list("keys/", after === undefined ? {} : { after })) {
    const signed = await readBounded(partner, key, maxJwsBytes);
    if (signed !== undefined) yield { name: key, signed };
  }
}

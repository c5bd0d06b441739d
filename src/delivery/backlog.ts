/** What of a log a destination doesn't have yet: its publications in order, as they are to be sent today. */
import { SpampotsError } from "../errors.ts";
import { refuseForeign } from "../publication/behind.ts";
import { logKey, maxJwsBytes, type Publication, readBounded, readManifest } from "../publication/log.ts";
import { type Artifact, artifactKey, feedPrefix } from "../publication/manifest.ts";
import type { KeyFinder } from "../publication/sign.ts";
import type { Store } from "../store/store.ts";
import type { Outgoing } from "./destination.ts";

/** Whose log. */
export interface Whose {
  readonly partner: string;
  readonly feed: string;
}

/**
 * The publications (from, tip], oldest first, each read and opened when it is asked for. Of what a later one of them
 * withdraws, and of what is expired, the manifest goes alone.
 *
 * @param store the whole store.
 * @throws SpampotsError `log-behind`, `verify-failed`, `bad-manifest`; `store-unavailable` where an artifact is missing.
 */
export async function* backlog(
  store: Store,
  { partner, feed }: Whose,
  { from, tip, keyOf }: { readonly from: number; readonly tip: number; readonly keyOf: KeyFinder },
): AsyncGenerator<Outgoing> {
  const place = store.under(feedPrefix(partner, feed));
  const read = async (sequence: number): Promise<Publication> => {
    const publication = await readManifest(place, sequence, keyOf);
    if (publication === undefined) {
      throw new SpampotsError("log-behind", "A publication is gone from the log.", { sequence, store: place.url });
    }
    refuseForeign(publication, partner, feed, place);
    return publication;
  };
  const withdrawn = new Set<number>();
  for (let sequence = from + 1; sequence <= tip; sequence += 1) {
    for (const other of (await read(sequence)).manifest.withdraws?.sequences ?? []) withdrawn.add(other);
  }
  for (let sequence = from + 1; sequence <= tip; sequence += 1) {
    const publication = await read(sequence);
    const signed = await readBounded(place, logKey(sequence), maxJwsBytes);
    if (signed === undefined)
      throw new SpampotsError("log-behind", "A publication is gone from the log.", { sequence });
    const artifacts = withdrawn.has(sequence) ? [] : await standing(place, publication);
    yield {
      manifest: publication.manifest,
      payloadSha256: publication.payloadSha256,
      signed,
      artifacts,
      open: (artifact) => opened(place, artifact),
      announcements: () => announcements(store.under(`partners/${partner}`)),
    };
  }
}

/**
 * The artifacts of a publication, or none where they are gone for a reason: expired, or withdrawn since the log's end was
 * looked at (the withdrawal, which is next, says so).
 */
async function standing(place: Store, { manifest }: Publication): Promise<readonly Artifact[]> {
  for (const artifact of manifest.artifacts) {
    if ((await place.stat(artifactKey(artifact))) === undefined) return [];
  }
  return manifest.artifacts;
}

async function opened(place: Store, artifact: Artifact): Promise<AsyncIterable<Uint8Array>> {
  const key = artifactKey(artifact);
  const object = await place.open(key);
  if (object?.bytes === artifact.bytes) return object.body;
  throw new SpampotsError("store-unavailable", "An artifact is missing from the store, or damaged.", {
    hint: "Run `spampots verify` on the store; it names everything that is.",
    key,
    store: place.url,
  });
}

async function* announcements(partner: Store): AsyncGenerator<{ name: string; signed: Uint8Array }> {
  for await (const { key } of partner.list("keys/")) {
    const signed = await readBounded(partner, key, maxJwsBytes);
    if (signed !== undefined) yield { name: key, signed };
  }
}

/**
 * Deletes an artifact that no manifest needs, though a publisher may be about to name it again: the same content has the
 * same key. A look before the deletion can't be enough, since a publisher may commit between the look and the deed. So
 * the look comes after: what a manifest of that time names is put back from a copy. A publisher looks for its artifacts
 * after its commit. Whichever of the two is later sees the other's deed.
 *
 * @see design §3 point 10
 */
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Store, StoreEntry } from "../store/store.ts";
import { readThere, tipSequence } from "./log.ts";
import { type Artifact, artifactKey } from "./manifest.ts";
import { putArtifact } from "./put-artifacts.ts";
import type { KeyFinder } from "./sign.ts";

/** What was known when the artifact was found to be unneeded. */
export interface Judged {
  readonly keyOf: KeyFinder;
  /** The log's newest sequence at that time. */
  readonly tip: number;
  /** Path for a copy, which is gone afterwards. */
  readonly copy: string;
}

/**
 * True where the artifact is gone; false where a manifest names it by now, and it is there as before.
 *
 * @param store confined to the feed's prefix.
 * @throws SpampotsError as the store and {@link readThere} do; the artifact is there then, unless the store failed.
 */
export async function deleteUnneeded(store: Store, { key }: StoreEntry, judged: Judged): Promise<boolean> {
  const { copy } = judged;
  const object = await store.open(key);
  if (object === undefined) return false;
  await mkdir(dirname(copy), { recursive: true });
  try {
    await pipeline(Readable.from(object.body), createWriteStream(copy, { flags: "wx" }));
    await store.delete(key);
    const named = await namedSince(store, key, judged);
    if (named === undefined) return true;
    await putArtifact(store, named, { path: copy, bytes: object.bytes });
    return false;
  } finally {
    await rm(copy, { force: true });
  }
}

/** The entry of the artifact in a manifest that was committed after the judgement. */
async function namedSince(store: Store, key: string, { keyOf, tip }: Judged): Promise<Artifact | undefined> {
  for (let sequence = await tipSequence(store, tip); sequence > tip; sequence -= 1) {
    const { manifest } = await readThere(store, sequence, keyOf);
    const found = manifest.artifacts.find((artifact) => artifactKey(artifact) === key);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Which artifacts of a feed nothing needs any more, told from its log: expired ones, withdrawn ones that a killed
 * withdrawal left, and orphans that no manifest names. Manifests are read one at a time, newest first, until every file
 * is known to be needed.
 *
 * @see design §3 points 10 and 13
 */
import { dayMs } from "../model.ts";
import type { Store, StoreEntry } from "../store/store.ts";
import { readThere, tipSequence } from "./log.ts";
import { artifactKey, type Manifest } from "./manifest.ts";
import type { KeyFinder } from "./sign.ts";

/** Why an artifact isn't needed. */
export type ArtifactFate = "expired" | "withdrawn" | "orphaned";

/** An artifact that can go. Its `modifiedAt` tells a publisher's fresh copy from it. */
export interface DeadArtifact {
  readonly fate: ArtifactFate;
  readonly entry: StoreEntry;
}

/**
 * Artifacts that can go, in the order of their keys. An orphan must be a day old: a publisher puts artifacts before the
 * manifest that names them.
 *
 * @param store confined to the feed's prefix.
 * @throws SpampotsError `log-behind`, `verify-failed`, `bad-manifest`: nothing can be told then.
 */
export async function deadArtifacts(store: Store, keyOf: KeyFinder, now: number): Promise<readonly DeadArtifact[]> {
  const files = new Map<string, StoreEntry>();
  for await (const entry of store.list("artifacts/")) files.set(entry.key, entry);
  const fates = await fatesOf(store, files, keyOf, now);
  return [...files.values()].flatMap((entry) => {
    const fate = fates.get(entry.key) ?? (isOld(entry, now) ? "orphaned" : "needed");
    return fate === "needed" ? [] : [{ fate, entry }];
  });
}

const isOld = (entry: StoreEntry, now: number) => entry.modifiedAt <= now - dayMs;

/** What manifests say of the files: "needed" by any of them wins. Files that none names are absent. */
async function fatesOf(
  store: Store,
  files: ReadonlyMap<string, StoreEntry>,
  keyOf: KeyFinder,
  now: number,
): Promise<Map<string, ArtifactFate | "needed">> {
  const fates = new Map<string, ArtifactFate | "needed">();
  const withdrawn = new Set<number>();
  /** Old files that no manifest was found to need: the rest of the log is read for them alone. */
  const open = new Set([...files.values()].filter((entry) => isOld(entry, now)).map((entry) => entry.key));
  for (let sequence = open.size > 0 ? await tipSequence(store) : 0; sequence > 0 && open.size > 0; sequence -= 1) {
    const { manifest } = await readThere(store, sequence, keyOf);
    for (const other of manifest.withdraws?.sequences ?? []) withdrawn.add(other);
    const fate = fateOf(manifest, withdrawn, now);
    for (const key of manifest.artifacts.map(artifactKey)) {
      if (!files.has(key) || fates.get(key) === "needed") continue;
      fates.set(key, fate);
      if (fate === "needed") open.delete(key);
    }
  }
  return fates;
}

function fateOf(manifest: Manifest, withdrawn: ReadonlySet<number>, now: number): ArtifactFate | "needed" {
  if (withdrawn.has(manifest.sequence)) return "withdrawn";
  return Date.parse(manifest.retain_until) <= now ? "expired" : "needed";
}

/**
 * Every publication of one period, read from a log: what a withdrawal names, and which files nothing needs any more.
 *
 * @see design §3 point 13
 */
import type { Store } from "../store/store.ts";
import { type Publication, readManifest } from "./log.ts";
import { artifactKey, type Manifest } from "./manifest.ts";
import type { KeyFinder } from "./sign.ts";

/**
 * The manifests of the period that publication `sequence` is of, newest first, withdrawals among them; `undefined` where
 * there is no such publication. `tip` is the newest publication of the log.
 *
 * @param store confined to the feed's prefix.
 * @throws SpampotsError `verify-failed`, `bad-manifest`.
 */
export async function periodHistory(
  store: Store,
  tip: Publication,
  sequence: number,
  keyOf: KeyFinder,
): Promise<readonly Manifest[] | undefined> {
  const read = async (number: number) => (await readManifest(store, number, keyOf))?.manifest;
  const known = sequence >= 1 && sequence <= tip.manifest.sequence;
  const named = known ? await read(sequence) : undefined;
  if (named === undefined) return undefined;
  const history: Manifest[] = [];
  let at: Manifest | undefined = await newestOf(named, tip, read);
  while (at !== undefined) {
    history.push(at);
    at = at.supersedes === null ? undefined : await read(at.supersedes);
  }
  return history;
}

/** The newest manifest of a period: the tip knows it while the period is open, else the log is gone back. */
async function newestOf(
  named: Manifest,
  { manifest: tip }: Publication,
  read: (sequence: number) => Promise<Manifest | undefined>,
): Promise<Manifest> {
  const period = named.period.id;
  const open = tip.open_periods.find((entry) => entry.period === period);
  if (open !== undefined) return (await read(open.sequence)) ?? named;
  for (let sequence = tip.sequence; sequence > named.sequence; sequence -= 1) {
    const manifest = await read(sequence);
    if (manifest?.period.id === period) return manifest;
  }
  return named;
}

/** Sequences of the history that a withdrawal in it names. */
export function withdrawnSequences(history: readonly Manifest[]): ReadonlySet<number> {
  return new Set(history.flatMap((manifest) => manifest.withdraws?.sequences ?? []));
}

/** Keys of the artifacts of withdrawn publications, but for those that a publication which still stands names too. */
export function withdrawnArtifacts(history: readonly Manifest[]): ReadonlySet<string> {
  const withdrawn = withdrawnSequences(history);
  const keys = (standing: boolean) =>
    history.filter(({ sequence }) => withdrawn.has(sequence) !== standing).flatMap(({ artifacts }) => artifacts);
  const needed = new Set(keys(true).map(artifactKey));
  return new Set(
    keys(false)
      .map(artifactKey)
      .filter((key) => !needed.has(key)),
  );
}

/**
 * Every publication of one period, read from a log: what a withdrawal names, and which files nothing needs any more.
 *
 * @see design §3 point 13
 */
import type { Store } from "../store/store.ts";
import { type Publication, readThere } from "./log.ts";
import { artifactKey, type Manifest } from "./manifest.ts";
import type { KeyFinder } from "./sign.ts";

/**
 * The manifests of the period that publication `sequence` is of, newest first, withdrawals among them; `undefined` where
 * there is no such publication. `tip` is the newest publication of the log.
 *
 * @param store confined to the feed's prefix.
 * @throws SpampotsError `log-behind` where a number of the log is missing, `verify-failed`, `bad-manifest`.
 */
export async function periodHistory(
  store: Store,
  tip: Publication,
  sequence: number,
  keyOf: KeyFinder,
): Promise<readonly Manifest[] | undefined> {
  const read = async (number: number) => (await readThere(store, number, keyOf)).manifest;
  if (sequence < 1 || sequence > tip.manifest.sequence) return undefined;
  const named = await read(sequence);
  const history: Manifest[] = [];
  let at: Manifest | undefined = await newestOf(named, tip, read);
  while (at !== undefined) {
    history.push(at);
    at = at.supersedes === null ? undefined : await read(at.supersedes);
  }
  return history;
}

/** The newest manifest of a period: the tip knows it while the period is open, else it is found going back. */
async function newestOf(
  named: Manifest,
  { manifest: tip }: Publication,
  read: (sequence: number) => Promise<Manifest>,
): Promise<Manifest> {
  const period = named.period.id;
  const open = tip.open_periods.find((entry) => entry.period === period);
  if (open !== undefined) return read(open.sequence);
  for (let sequence = tip.sequence; sequence > named.sequence; sequence -= 1) {
    const manifest = await read(sequence);
    if (manifest.period.id === period) return manifest;
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

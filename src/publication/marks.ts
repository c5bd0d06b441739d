/**
 * Marks: how far each log is known to go, kept beside the lake and not in the store, so that a store restored from an
 * old copy, or whose newest manifests were removed, is noticed before a number is given out twice. A mark is an empty
 * object `<partner>/<feed>/<8-digit sequence>-<32 hex of the payload's digest>`; the newest one counts.
 *
 * @see design §3 point 11; `behind.ts` looks for the same in the store
 */
import { SpampotsError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { type Publication, sequenceName } from "./log.ts";

const nameOf = ({ manifest, payloadSha256 }: Publication) =>
  `${sequenceName(manifest.sequence)}-${payloadSha256.slice(0, 32)}`;

/** The newest mark of a log. To be read before the log is: who commits in between only makes the log longer. */
export async function readMark(marks: Store, partner: string, feed: string): Promise<string | undefined> {
  const prefix = `${partner}/${feed}/`;
  let newest: string | undefined;
  for await (const { key } of marks.list(prefix)) newest = key.slice(prefix.length);
  return newest;
}

/** The sequence that a mark names; 0 for none. */
export function markedSequence(mark: string | undefined): number {
  return mark === undefined ? 0 : Number(mark.slice(0, 8));
}

/** True where the mark names this publication: it was published from here. */
export function isMarked(mark: string | undefined, publication: Publication): boolean {
  return mark === nameOf(publication);
}

/**
 * Compares a log's newest publication with what this site published last.
 *
 * @throws SpampotsError `log-behind` where the log is shorter, or another publication stands under the number.
 */
export function checkMark(mark: string | undefined, tip: Publication | undefined, place: Store): void {
  if (mark === undefined) return;
  const marked = markedSequence(mark);
  const stands = tip?.manifest.sequence ?? 0;
  if (stands > marked || (tip !== undefined && isMarked(mark, tip))) return;
  throw new SpampotsError("log-behind", "The log isn't the one that was published from here.", {
    hint: "The store was restored from an old copy, or changed. Bring back the publications up to the one named here; to go on without them, delete the mark below tips/.",
    store: place.url,
    published: marked,
    found: stands,
  });
}

/**
 * Notes a log's newest publication where it goes further than its mark: another site publishes to it too, or a publisher
 * was killed before it noted what it had committed. So it can't vanish unnoticed.
 */
export async function keepMark(marks: Store, partner: string, feed: string, tip: Publication): Promise<void> {
  const mark = await readMark(marks, partner, feed);
  if (markedSequence(mark) < tip.manifest.sequence) await putMark(marks, partner, feed, tip);
}

/** Notes a publication that was just committed; older marks of the log are removed. */
export async function putMark(marks: Store, partner: string, feed: string, publication: Publication): Promise<void> {
  const prefix = `${partner}/${feed}/`;
  const name = nameOf(publication);
  await marks.putOnce(`${prefix}${name}`, new Uint8Array());
  for await (const { key } of marks.list(prefix)) if (key < `${prefix}${name}`) await marks.delete(key);
}

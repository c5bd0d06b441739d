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

async function newestMark(marks: Store, prefix: string): Promise<string | undefined> {
  let newest: string | undefined;
  for await (const { key } of marks.list(prefix)) newest = key.slice(prefix.length);
  return newest;
}

/**
 * Compares a log's newest publication with what this site published last.
 *
 * @throws SpampotsError `log-behind` where the log is shorter, or another publication stands under the number.
 */
export async function checkMark(
  marks: Store,
  partner: string,
  feed: string,
  tip: Publication | undefined,
): Promise<void> {
  const mark = await newestMark(marks, `${partner}/${feed}/`);
  if (mark === undefined) return;
  const marked = Number(mark.slice(0, 8));
  const stands = tip?.manifest.sequence ?? 0;
  if (stands > marked || (tip !== undefined && nameOf(tip) === mark)) return;
  throw new SpampotsError("log-behind", "The log isn't the one that was published from here.", {
    hint: "The store was restored from an old copy, or changed. Bring back the publications up to the one named here; to go on without them, delete the mark below tips/.",
    partner,
    feed,
    published: marked,
    found: stands,
  });
}

/** Notes a publication that was just committed; older marks of the log are removed. */
export async function putMark(marks: Store, partner: string, feed: string, publication: Publication): Promise<void> {
  const prefix = `${partner}/${feed}/`;
  const name = nameOf(publication);
  await marks.putOnce(`${prefix}${name}`, new Uint8Array());
  for await (const { key } of marks.list(prefix)) if (key < `${prefix}${name}`) await marks.delete(key);
}

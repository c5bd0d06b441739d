/** Logs of many publications without files, as a feed by the hour has them after some time. */
import { periodAt, previousPeriod, secondsInstant } from "../../src/feed/period.ts";
import { type Cadence, hourMs } from "../../src/model.ts";
import { append, readTip } from "../../src/publication/log.ts";
import { feedPrefix, type Manifest, microsecondInstant, nextPublishedAt } from "../../src/publication/manifest.ts";
import { aManifest, finder, type Issuer, testNow } from "../publication/issuer.ts";

/** One publication: of the period that ended last by then, or of one some periods before it; or a withdrawal. */
export interface Entry {
  readonly now: number;
  readonly every: Cadence;
  /** Periods before the one that ended last. */
  readonly back: number;
  readonly withdraws?: number;
}

interface Whose {
  readonly partner: string;
  readonly feed: string;
}

/** So many hours in a row, the first of them after `skipped` others. */
export const hourly = (count: number, skipped = 0): Entry[] =>
  Array.from({ length: count }, (_, index) => ({ now: testNow + (skipped + index) * hourMs, every: "hour", back: 0 }));

/** Appends publications to a log, in order; they say that they are of the log `says`. */
export async function appendLog(
  { store, keyring }: Pick<Issuer, "store" | "keyring">,
  whose: Whose,
  entries: readonly Entry[],
  says = whose,
): Promise<Manifest[]> {
  const own = store.under(feedPrefix(whose.partner, whose.feed));
  const made: Manifest[] = [];
  for (const { now, every, back, withdraws } of entries) {
    const tip = await readTip(own, finder(keyring), made.at(-1)?.sequence);
    let period = previousPeriod(periodAt(every, now));
    for (let count = 0; count < back; count += 1) period = previousPeriod(period);
    const [start, end] = [secondsInstant(period.start), secondsInstant(period.end)];
    const manifest = aManifest({
      ...says,
      sequence: (tip?.manifest.sequence ?? 0) + 1,
      previous_sha256: tip?.payloadSha256 ?? null,
      period: { every, id: period.id, start, end },
      covers: { from: start, to: end },
      published_at: microsecondInstant(nextPublishedAt(now * 1000, tip?.manifest)),
      issuer: whose === says ? "CERT.br" : "CERT.br again",
      ...(withdraws === undefined
        ? {}
        : { kind: "withdrawal", withdraws: { sequences: [withdraws], reason: "Wrong.", revoked: false } }),
    });
    await append(own, manifest, keyring.signer);
    made.push(manifest);
  }
  return made;
}

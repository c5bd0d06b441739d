/**
 * The periods of a trend, from the log of a feed: the newest one and those right before it, of each the newest publication
 * that isn't withdrawn. The log is read no further back than it must.
 */
import { SpampotsError } from "../../../errors.ts";
import { parsePeriod, previousPeriod } from "../../../feed/period.ts";
import type { Cadence } from "../../../model.ts";
import type { PublicationFacts, PublishedFeed } from "../../published.ts";
import type { TrendPeriod } from "../charts/trend.ts";
import { readSummary } from "./read-summary.ts";

/** Periods side by side: a quarter of weeks, two weeks of days, a day of hours. */
const periodsOf: Readonly<Record<Cadence, number>> = { week: 13, day: 14, hour: 24 };

/** Publications that are read back at a time, and at most: each week of a quarter may be revised each day for four weeks. */
const step = 32;
const mostPublications = 512;

/**
 * Periods of a feed, oldest first, from the first that was published; none where nothing was. `now` in milliseconds.
 *
 * @throws SpampotsError `store-unavailable`, `verify-failed`, and others as `PublishedFeed.publications`
 */
export async function trendPeriods(published: PublishedFeed, now: number): Promise<TrendPeriod[]> {
  const newest = await published.latest(now);
  if (newest === undefined) return [];
  const ids = [newest.period.id];
  let period = parsePeriod(newest.period.id);
  while (ids.length < periodsOf[period.every]) {
    period = previousPeriod(period);
    ids.unshift(period.id);
  }
  const log = await since(published, now, period.start);
  const inLog = new Set(log.map((facts) => facts.period.id));
  const first = ids.findIndex((id) => inLog.has(id));
  return Promise.all(ids.slice(first).map((id) => trendPeriod(published, log, id, now)));
}

/** Publications that can be of periods from `start` on: what is published of a period comes after it began. */
async function since(published: PublishedFeed, now: number, start: number): Promise<readonly PublicationFacts[]> {
  const tip = await published.tip(now);
  for (let back = step; ; back += step) {
    const log = await published.publications(now, Math.max(1, tip - back + 1));
    const oldest = log[0];
    if (back >= Math.min(tip, mostPublications) || (oldest && Date.parse(oldest.publishedAt) <= start)) return log;
  }
}

async function trendPeriod(
  published: PublishedFeed,
  log: readonly PublicationFacts[],
  id: string,
  now: number,
): Promise<TrendPeriod> {
  const facts = log.findLast((entry) => entry.period.id === id);
  if (facts === undefined) return { id, missing: "missing" };
  if (facts.kind === "withdrawal" || published.withdrawnBy(facts.sequence)) return { id, missing: "withdrawn" };
  const { manifest, payloadSha256 } = await published.read(facts.sequence);
  if (payloadSha256 !== facts.payloadSha256) {
    throw new SpampotsError("verify-failed", "A publication was replaced by another.", { sequence: facts.sequence });
  }
  const found = await readSummary(published, manifest, now);
  return found.state === "there"
    ? { id, summary: found.summary }
    : { id, missing: found.state === "none" ? "missing" : found.state };
}

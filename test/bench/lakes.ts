/** Lakes of weeks of several sizes, on disk, that figures on the cluster share: made once, a day at a time, and kept. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type Place, spampots, week } from "./bench.ts";
import { emptied, filesIn, kept, site, sourcesDigest } from "./data.ts";
import { ingestWeek, prepareSite } from "./figures/scale.ts";
import { type Measured, run } from "./process.ts";

/**
 * Sources that decide what is in a lake's rows. The rest of the lake's code is left out on purpose: ten weeks' worth of
 * captures take half an hour to make. Remove the folders by hand where files are written in another way.
 */
const makers = /^src\/(capture|enrich)\/|^src\/fields\.ts$|^src\/lake\/(block|row)/;

/** Captures that are ingested at once: their spool files needn't go to make room. */
const atOnce = 1_000_000;

/** A site with a week of so many captures in its lake. */
export async function weekSite(bench: Bench, captures: number): Promise<Place> {
  if (captures <= atOnce) return site(bench, captures);
  const data = await kept(bench, `lake-${captures}`, sourcesDigest(makers), async (half) => {
    const place = { data: half, sensors: join(half, "sensors.yaml") };
    await prepareSite(bench, place);
    await ingestWeek(bench, place, captures);
    rmSync(join(half, "done"), { recursive: true, force: true });
  });
  return { data, sensors: join(data, "sensors.yaml") };
}

/** Days after the week: it may be compacted. */
const afterwards = "2026-11-20T00:00:00Z";

/**
 * A copy of a site with its lake compacted, each day's small files made one, those that were replaced swept; and what
 * compacting took. It is to be removed after use.
 */
export async function compactedSite(
  bench: Bench,
  from: Place,
  captures: number,
): Promise<{ place: Place; taken: Measured }> {
  const data = emptied(bench, "compacted");
  cpSync(from.data, data, { recursive: true });
  const old = new Set(filesIn(join(data, "lake"), /\.parquet$/));
  const place = { ...from, data };
  const call = spampots(bench, place, "lake", "compact");
  const { stdout: _, ...taken } = await run({
    ...call,
    args: call.args.map((arg) => (arg === week.now ? afterwards : arg)),
  });
  for (const path of old) rmSync(path);
  return { place, taken: { ...taken, units: captures } };
}

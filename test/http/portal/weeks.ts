/** Weeks of summaries in the log of a served partner, as the portal's tests look at them. */
import { parsePeriod, previousPeriod, secondsInstant } from "../../../src/feed/period.ts";
import type { Manifest } from "../../../src/publication/manifest.ts";
import type { Summary } from "../../../src/publication/summary.ts";
import { aManifest, publish } from "../../publication/issuer.ts";
import type { Served } from "../served.ts";
import { figure, largeSummary } from "./summaries.ts";

/** The period some weeks before the one that has just ended. */
function weekBefore(weeks: number) {
  let period = parsePeriod("2026-W46");
  for (let count = 0; count < weeks; count += 1) period = previousPeriod(period);
  return period;
}

/** The large summary as of some weeks before; `more` replaces members. */
export function summaryOf(weeksAgo: number, more: Partial<Summary> = {}): Summary {
  const [now, last] = [weekBefore(weeksAgo), weekBefore(weeksAgo + 1)];
  const instants = (period: typeof now) => [secondsInstant(period.start), secondsInstant(period.end)] as const;
  const [[start, end], [from, to]] = [instants(now), instants(last)];
  const scale = 1 + weeksAgo / 10 + (weeksAgo % 3) / 7;
  const { captures, sources } = largeSummary.totals;
  return {
    ...largeSummary,
    period: { id: now.id, start, end },
    covers: { from: start, to: end },
    before: { id: last.id, from, to },
    totals: {
      ...largeSummary.totals,
      captures: figure(Math.round(captures.now * scale), captures.before),
      sources: figure(Math.round(sources.now * scale), sources.before),
    },
    ...more,
  };
}

/** Publishes a summary as the next publication of a partner. */
export function publishSummary(
  served: Served,
  summary: Summary,
  { partner = "twcert", more = {} }: { readonly partner?: string; readonly more?: Partial<Manifest> } = {},
): Promise<Manifest> {
  const { id, start, end } = summary.period;
  return publish(served, {
    partner,
    feed: "summary",
    files: [{ suffix: ".json", mediaType: "application/json", content: `${JSON.stringify(summary, null, 1)}\n` }],
    more: {
      period: { every: "week", id, start, end },
      covers: summary.covers,
      policy: { ...aManifest().policy, covers: summary.covers, tlp: summary.tlp },
      simulated: summary.simulated,
      tlp: summary.tlp,
      feed_definition: { grain: "summary", title: summary.title },
      ...more,
    },
  });
}

/**
 * What changed since the period before, in sentences: what stands against a comparison first, then totals, and the
 * autonomous systems that rose and fell most. Where the periods can't be compared as they are, shares of each are. Pure.
 */
import type { Summary } from "../../../publication/summary.ts";
import { figureTexts } from "../texts/figures.ts";
import { coveragePercent, obstacles } from "./comparability.ts";
import { percentOf, share, systemInSentence } from "./words.ts";

type System = Summary["source_asns"][number];

/** Systems that are named of each kind. */
const named = 2;

/** Sentences, the most important first; never none. */
export function whatChanged(summary: Summary): string[] {
  const { before, coverage } = summary;
  const against = obstacles(summary);
  if (before === null) return [...against, ...crossing(summary)];
  if (coverage.sensor_hours_seen === 0 || coverage.sensor_hours_seen_before === 0) return against;
  if (against.length > 0) return [...against, figureTexts.changes.shares, ...shifts(summary), ...crossing(summary)];
  const then = percentOf(coverage.sensor_hours_seen_before, coverage.sensor_hours_expected_before);
  return [
    ...totals(summary),
    ...movers(summary),
    ...crossing(summary),
    figureTexts.changes.comparable(coveragePercent(summary), then),
  ];
}

function totals({ totals: { captures, sources }, before }: Summary): string[] {
  if (captures.now === 0 && captures.before === 0) return [figureTexts.changes.nothing];
  const { messages, sources: addresses } = figureTexts.changes;
  return [
    figureTexts.changes.total(messages, captures, before?.id ?? ""),
    figureTexts.changes.total(addresses, sources, before?.id ?? ""),
  ];
}

const nameOf = ({ asn, as_name }: System) => systemInSentence(asn, as_name);

/** Systems by how much they rose and fell in messages; those that weren't there, or aren't any more, are named as such. */
function movers({ source_asns: systems, totals: { captures }, before }: Summary): string[] {
  const least = Math.max(1, Math.max(captures.now, captures.before) / 100);
  const moved = systems
    .map((system) => ({ system, by: system.now - system.before }))
    .filter(({ by }) => Math.abs(by) >= least)
    .sort((a, b) => Math.abs(b.by) - Math.abs(a.by));
  const tell = (wanted: (system: System) => boolean, say: (name: string, system: System, period: string) => string) =>
    moved
      .filter(({ system }) => wanted(system))
      .slice(0, named)
      .map(({ system }) => say(nameOf(system), system, before?.id ?? ""));
  return [
    ...tell(({ now, before: then }) => then > 0 && now > then, figureTexts.changes.rose),
    ...tell(({ now, before: then }) => now > 0 && now < then, figureTexts.changes.fell),
    ...tell(({ before: then }) => then === 0, figureTexts.changes.appeared),
    ...tell(({ now }) => now === 0, figureTexts.changes.vanished),
  ];
}

/** Systems whose share of all messages changed by a percentage point or more: shares hold where counts don't. */
function shifts({ source_asns: systems, totals: { captures } }: Summary): string[] {
  if (captures.now === 0 || captures.before === 0) return [];
  return systems
    .map((system) => ({ system, by: system.now / captures.now - system.before / captures.before }))
    .filter(({ by }) => Math.abs(by) >= 0.01)
    .sort((a, b) => Math.abs(b.by) - Math.abs(a.by))
    .slice(0, 2 * named)
    .map(({ system, by }) => {
      const [now, then] = [share(system.now, captures.now), share(system.before, captures.before)];
      return by > 0
        ? figureTexts.changes.shareRose(nameOf(system), then, now)
        : figureTexts.changes.shareFell(nameOf(system), then, now);
    });
}

/** How much of what is known on both ends crosses from one economy to another. */
function crossing({ crossing: { known, differing }, before }: Summary): string[] {
  if (known.now === 0) return [];
  const now = share(differing.now, known.now);
  if (before === null || known.before === 0) return [figureTexts.changes.crossing(now)];
  return [figureTexts.changes.crossingBoth(now, share(differing.before, known.before), before.id)];
}

/** What changed, and whether it is getting cleaner: computed from summaries, and honest where they can't be compared. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { whatChanged } from "../../../src/http/portal/charts/changes.ts";
import { type TrendPeriod, trendFigure } from "../../../src/http/portal/charts/trend.ts";
import type { Summary } from "../../../src/publication/summary.ts";
import { anySummary, figure, largeSummary } from "./summaries.ts";
import { summaryOf } from "./weeks.ts";

const coverage = (seen: number, before: number): Pick<Summary, "coverage"> => ({
  coverage: {
    sensor_hours_expected: 1680,
    sensor_hours_seen: seen,
    sensor_hours_expected_before: 1680,
    sensor_hours_seen_before: before,
  },
});

test("comparable periods: totals, then who rose, fell, came and went, and that they can be compared", () => {
  assert.deepEqual(whatChanged(largeSummary), [
    "Messages rose 10 %, from 5,301,992 to 5,812,440.",
    "Source addresses fell 10 %, from 3,377 to 3,051.",
    "AS3462 (Data Communication Business Group) rose from 2,204,118 to 2,911,034 messages.",
    "AS4780 (Digital United Inc.) fell from 930,018 to 701,220 messages.",
    "AS18182 (Sony Network Taiwan Limited) is new since 2026-W45, with 211,004 messages.",
    "AS9919 (New Century InfoComm Tech Co., Ltd.) is gone: 60,110 messages in 2026-W45, none now.",
    "In 94 % of the messages where both are known, source and target economy differ (89 % in 2026-W45).",
    "The honeypots reported for 98 % of their hours, 100 % before: the two periods can be compared.",
  ]);
});

test("where the honeypots saw less, that comes first, and shares stand for counts", () => {
  const told = whatChanged({ ...largeSummary, ...coverage(840, 1680) });
  assert.deepEqual(told.slice(0, 3), [
    "The honeypots saw less: 840 sensor hours in 2026-W46 (50 % of those expected), after 1,680 sensor hours in 2026-W45 (100 % of those expected).",
    "So the counts of the two periods can't be compared. Shares of each period's messages can:",
    "AS3462 (Data Communication Business Group) rose from 41 % of messages to 50 %.",
  ]);
  const reversed = { ...largeSummary, ...coverage(840, 1680), source_asns: largeSummary.source_asns.toReversed() };
  assert.deepEqual(whatChanged(reversed), told, "the largest change first, whatever the order of the rank");
  assert.ok(told.every((sentence) => !/Messages (rose|fell)|can be compared\.$|is new|is gone/.test(sentence)));
});

test("where the MoU covered less of one period, counts aren't compared", () => {
  const covers = { from: "2026-11-12T00:00:00Z", to: "2026-11-16T00:00:00Z" };
  const [first, second] = whatChanged({ ...largeSummary, covers });
  assert.equal(first, "Your MoU covers 96 hours of 2026-W46 and 168 hours of 2026-W45.");
  assert.match(second ?? "", /can't be compared/);
});

test("a period that nobody saw is no clean period", () => {
  assert.deepEqual(whatChanged({ ...largeSummary, ...coverage(0, 1680) }), [
    "No sensor reported in 2026-W46: nothing was seen then, whatever there was.",
  ]);
  assert.match(whatChanged({ ...largeSummary, ...coverage(1680, 0) })[0] ?? "", /No sensor reported in 2026-W45/);
});

test("nothing before, nothing at all, and the same again", () => {
  const { totals } = largeSummary;
  assert.match(whatChanged({ ...largeSummary, before: null })[0] ?? "", /did not cover the period before/);
  const none = { ...totals, captures: figure(0, 0), sources: figure(0, 0) };
  const nothing = whatChanged({
    ...largeSummary,
    totals: none,
    source_asns: [],
    crossing: { known: figure(0, 0), differing: figure(0, 0) },
  });
  assert.equal(nothing[0], "Nothing was seen in either period.");
  const same = { ...totals, captures: figure(5, 5), sources: figure(1, 0) };
  assert.deepEqual(whatChanged({ ...largeSummary, totals: same, source_asns: [] }).slice(0, 2), [
    "Messages are as many as in 2026-W45: 5.",
    "Source addresses rose, from 0 to 1.",
  ]);
});

test("whatever a summary holds, there is something to say, and it is plain text of one line", () => {
  fc.assert(
    fc.property(anySummary, (summary) => {
      const sentences = whatChanged(summary);
      assert.ok(sentences.length > 0 && sentences.length < 20);
      for (const sentence of sentences) {
        assert.doesNotMatch(sentence, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]|NaN|Infinity|undefined|null/u);
        assert.ok(sentence.length < 400);
      }
      if (summary.before === null) assert.doesNotMatch(sentences.join(), /2026-W45/);
    }),
    { numRuns: 200 },
  );
});

const periods = (...summaries: readonly Summary[]): TrendPeriod[] =>
  summaries.map((summary) => ({ id: summary.period.id, summary }));

/** A week with so many messages, seen for so many of 1,680 sensor hours. */
const week = (weeksAgo: number, captures: number, seen = 1680): Summary =>
  summaryOf(weeksAgo, { ...coverage(seen, 1680), totals: { ...largeSummary.totals, captures: figure(captures, 0) } });

test("a trend compares messages per sensor hour of periods that were seen whole", () => {
  const finding = (...summaries: readonly Summary[]) => trendFigure(periods(...summaries))?.finding ?? "";
  assert.match(
    finding(week(2, 16_800), week(1, 33_600), week(0, 12_600)),
    /^Cleaner: 2026-W46 had 7\.5 messages per sensor hour, 50 % less than the average of the 2 comparable/,
  );
  assert.match(
    finding(week(1, 16_800), week(0, 33_600)),
    /^Not cleaner: .* 20 messages per sensor hour, 100 % more than the one comparable period before it\.$/,
  );
  assert.match(finding(week(1, 16_800), week(0, 17_000)), /^As before/);
  assert.match(finding(week(1, 0), week(0, 17_000)), /^Not cleaner: .*had none/);
  // Half the sensors, half the messages: that isn't cleaner.
  assert.match(finding(week(1, 16_800), week(0, 8400, 840)), /was not seen whole/);
  assert.match(finding(week(1, 16_800, 840), week(0, 8400)), /only period that was seen whole/);
  assert.match(finding(week(0, 8400)), /only period that was seen whole/);
  assert.match(
    finding({ ...week(1, 16_800), economies: ["TW", "JP"] }, week(0, 8400)),
    /only period that was seen whole/,
  );
  assert.match(finding({ ...week(1, 16_800), simulated: false }, week(0, 8400)), /only period that was seen whole/);
});

test("a trend's table has each period's own numbers, its columns are hollow or gaps where they must be", () => {
  const [first, second, last] = [week(3, 16_800), week(1, 9000, 840), week(0, 12_600)];
  const figures = trendFigure([
    { id: first.period.id, summary: first },
    { id: "2026-W44", missing: "withdrawn" },
    { id: second.period.id, summary: second },
    { id: last.period.id, summary: last },
  ]);
  assert.ok(figures?.chart?.kind === "columns");
  assert.deepEqual(
    figures.chart.columns.map(({ gap, partial }) => gap ?? partial),
    [false, "withdrawn", true, false],
  );
  assert.deepEqual(
    figures.chart.panels.map(({ values }) => values),
    [
      [16_800, null, 9000, 12_600],
      [first.totals.sources.now, null, second.totals.sources.now, last.totals.sources.now],
      [31, null, 31, 31],
    ],
  );
  const values = figures.table.rows.map((row) => row.map(({ value }) => value));
  assert.deepEqual(values[1], ["2026-W44", ...Array.from({ length: 10 }, () => null), "withdrawn"]);
  assert.deepEqual(values[2]?.slice(0, 9), [
    "2026-W45",
    9000,
    53_117_004,
    second.totals.sources.now,
    31,
    840,
    1680,
    50,
    10.714,
  ]);
  assert.equal(trendFigure([{ id: "2026-W46", missing: "expired" }]), undefined);
});

test("whatever the summaries of a trend hold, it can be told", () => {
  fc.assert(
    fc.property(fc.array(anySummary, { minLength: 1, maxLength: 5 }), (summaries) => {
      const trend = trendFigure(periods(...summaries));
      assert.doesNotMatch(JSON.stringify(trend), /NaN|Infinity|undefined/);
      assert.equal(trend?.table.rows.length, summaries.length);
    }),
    { numRuns: 100 },
  );
});

/**
 * Periods side by side: are we getting cleaner? From the summaries of one feed, each of the newest publication of its period
 * that isn't withdrawn. What wasn't seen whole is drawn hollow and takes no part in the comparison. Pure.
 */
import type { Summary } from "../../../publication/summary.ts";
import { figureTexts } from "../texts/figures.ts";
import { number } from "../texts/language.ts";
import type { ColumnsChart, PageFigure } from "./chart.ts";
import { capturesPerSensorHour, coveragePercent, seenWhole } from "./comparability.ts";
import { type CellValue, type Column, tableOf } from "./table.ts";
import { dayName, rate as rateText } from "./words.ts";

/** One period of a trend: its summary, or why there is none. */
export type TrendPeriod = { readonly id: string } & (
  | { readonly summary: Summary }
  | { readonly missing: "missing" | "withdrawn" | "expired" }
);

const summaryOf = (period: TrendPeriod | undefined): Summary | undefined =>
  period !== undefined && "summary" in period ? period.summary : undefined;

/** True where two summaries answer the same question on the same economies. */
const sameQuestion = (one: Summary, other: Summary) =>
  one.feed === other.feed &&
  one.simulated === other.simulated &&
  JSON.stringify(one.economies) === JSON.stringify(other.economies);

/** A difference of this percentage or less says nothing. */
const noise = 5;

type State = "whole" | "part" | "different";

function stateOf(summary: Summary, newest: Summary): State {
  if (!sameQuestion(summary, newest)) return "different";
  return seenWhole(summary) ? "whole" : "part";
}

/** The figure of a trend, oldest period first; `undefined` where no period has a summary. */
export function trendFigure(periods: readonly TrendPeriod[]): PageFigure | undefined {
  const newest = periods.map(summaryOf).findLast((summary) => summary !== undefined);
  if (newest === undefined) return undefined;
  const hasOther = periods.some((period) => {
    const summary = summaryOf(period);
    return summary !== undefined && stateOf(summary, newest) === "different";
  });
  return {
    id: "trend",
    title: figureTexts.trend.title,
    finding: findingOf(periods, newest),
    note: hasOther ? `${figureTexts.trend.note} ${figureTexts.trend.different}` : figureTexts.trend.note,
    ...(periods.length > 1 ? { chart: chartOf(periods, newest) } : {}),
    table: tableOf(periods, columnsOf(newest)),
  };
}

/** The newest period against the average of those before it, by messages per sensor hour. */
function findingOf(periods: readonly TrendPeriod[], newest: Summary): string {
  if (stateOf(newest, newest) !== "whole") return figureTexts.trend.unseen(newest.period.id);
  const rates = periods
    .map(summaryOf)
    .filter((summary) => summary !== undefined && summary !== newest && stateOf(summary, newest) === "whole")
    .map((summary) => summary && capturesPerSensorHour(summary))
    .filter((rate) => typeof rate === "number");
  const rate = capturesPerSensorHour(newest);
  if (rate === null || rates.length === 0) return figureTexts.trend.single(newest.period.id);
  const average = rates.reduce((sum, value) => sum + value, 0) / rates.length;
  const percent = average === 0 ? 0 : Math.round((rate / average - 1) * 100);
  const { id } = newest.period;
  if (average === 0 && rate > 0) return figureTexts.trend.risen(id, rate, rates.length);
  if (Math.abs(percent) <= noise) return figureTexts.trend.same(id, rate, rates.length);
  return percent < 0
    ? figureTexts.trend.cleaner(id, rate, -percent, rates.length)
    : figureTexts.trend.dirtier(id, rate, percent, rates.length);
}

/** `W46`, and its year where it isn't that of the period before it; `9 Nov`; `13:00`. */
function labelOf(id: string, before: string | undefined): string[] {
  const year = id.slice(0, 4);
  if (id.includes("W")) return before?.startsWith(year) ? [id.slice(5)] : [id.slice(5), year];
  const [, ...date] = dayName(id.slice(0, 10)).split(" ");
  if (id.length === 10) return before?.startsWith(id.slice(0, 7)) ? [date[0] ?? ""] : [...date];
  return before?.startsWith(id.slice(0, 10)) ? [id.slice(11)] : [id.slice(11), date.join(" ")];
}

function chartOf(periods: readonly TrendPeriod[], newest: Summary): ColumnsChart {
  const summaries = periods.map(summaryOf);
  const values = (value: (summary: Summary) => number) =>
    summaries.map((summary) => (summary === undefined ? null : value(summary)));
  const quiet = (text: string) => ({ text, tone: "quiet" as const });
  return {
    kind: "columns",
    columns: periods.map((period, index) => {
      const label = labelOf(period.id, periods[index - 1]?.id);
      if ("missing" in period) return { label, gap: figureTexts.trend.gap[period.missing] };
      return { label, partial: stateOf(period.summary, newest) !== "whole" };
    }),
    panels: [
      { title: figureTexts.trend.messages, values: values(({ totals }) => totals.captures.now) },
      { title: figureTexts.trend.sources, values: values(({ totals }) => totals.sources.now) },
      { title: figureTexts.trend.systems, values: values(({ totals }) => totals.asns.now) },
    ],
    lines: [
      {
        title: figureTexts.trend.coverage,
        texts: summaries.map((summary) =>
          quiet(summary === undefined ? figureTexts.none : number(coveragePercent(summary))),
        ),
      },
      {
        title: figureTexts.trend.rate,
        texts: summaries.map((summary) => {
          const rate = summary === undefined ? null : capturesPerSensorHour(summary);
          return rate === null ? quiet(figureTexts.none) : { text: rateText(rate) };
        }),
      },
    ],
  };
}

/** Columns of the table; nothing but the period where it has no summary. */
function columnsOf(newest: Summary): Column<TrendPeriod>[] {
  const column = (name: string, label: string, value: (summary: Summary) => CellValue): Column<TrendPeriod> => ({
    name,
    label,
    value: (period) => {
      const summary = summaryOf(period);
      return summary === undefined ? null : value(summary);
    },
  });
  const { trend, columns } = figureTexts;
  return [
    { name: "period", label: trend.period, value: ({ id }) => id },
    column("captures", columns.messages, ({ totals }) => totals.captures.now),
    column("recipients", columns.recipients, ({ totals }) => totals.recipients.now),
    column("sources", columns.sources, ({ totals }) => totals.sources.now),
    column("asns", trend.systems, ({ totals }) => totals.asns.now),
    column("sensor_hours_seen", trend.seen, ({ coverage }) => coverage.sensor_hours_seen),
    column("sensor_hours_expected", trend.expected, ({ coverage }) => coverage.sensor_hours_expected),
    column("coverage_percent", trend.coverageColumn, coveragePercent),
    column("captures_per_sensor_hour", trend.rate, (summary) => {
      const rate = capturesPerSensorHour(summary);
      return rate === null ? null : Math.round(rate * 1000) / 1000;
    }),
    column("covers_from", trend.from, ({ covers }) => covers.from),
    column("covers_to", trend.to, ({ covers }) => covers.to),
    {
      name: "state",
      label: trend.state,
      value: (period) => ("missing" in period ? period.missing : stateOf(period.summary, newest)),
      text: (period) =>
        "missing" in period ? trend.gap[period.missing] : trend.states[stateOf(period.summary, newest)],
    },
  ];
}

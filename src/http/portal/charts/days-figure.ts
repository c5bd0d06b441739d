/** Messages, sources and sensors of each day. A day on which no sensor reported is a gap: nothing is known of it. Pure. */
import type { Summary } from "../../../publication/summary.ts";
import { figureTexts } from "../texts/figures.ts";
import { number } from "../texts/language.ts";
import type { ColumnsChart, PageFigure } from "./chart.ts";
import { tableOf } from "./table.ts";
import { dayName } from "./words.ts";

type Day = Summary["days"][number];

const isGap = (day: Day) => day.sensors_reporting === 0 && day.captures === 0;

/** Messages, sources and sensors by day: what was not seen stands as a gap, not as zero. */
export function daysFigure({ days }: Summary): PageFigure {
  const { columns } = figureTexts;
  return {
    id: "days",
    title: figureTexts.days.title,
    finding: findingOf(days),
    ...(days.length > 1 ? { chart: chartOf(days) } : {}),
    table: tableOf(days, [
      { name: "day", label: figureTexts.days.day, value: ({ day }) => day },
      { name: "captures", label: columns.messages, value: ({ captures }) => captures },
      { name: "recipients", label: columns.recipients, value: ({ recipients }) => recipients },
      { name: "sources", label: columns.sources, value: ({ sources }) => sources },
      { name: "sensors_reporting", label: figureTexts.days.sensorsColumn, value: (day) => day.sensors_reporting },
    ]),
  };
}

function findingOf(days: readonly Day[]): string {
  const seen = days.filter((day) => !isGap(day)).sort((a, b) => b.captures - a.captures);
  const [most, least] = [seen[0], seen.at(-1)];
  if (most === undefined || least === undefined) return figureTexts.days.none;
  const gaps = seen.length < days.length ? figureTexts.days.gaps(days.length - seen.length) : "";
  if (most.captures === 0) return figureTexts.days.nothing + gaps;
  const top = figureTexts.days.top(dayName(most.day), most.captures, most.sources);
  return (seen.length === 1 ? top : figureTexts.days.range(top, dayName(least.day), least.captures)) + gaps;
}

const chartOf = (days: readonly Day[]): ColumnsChart => ({
  kind: "columns",
  columns: days.map((day) => {
    const [weekday = "", ...date] = dayName(day.day).split(" ");
    return { label: [weekday, date.join(" ")], ...(isGap(day) ? { gap: figureTexts.days.gap } : {}) };
  }),
  panels: [
    { title: figureTexts.days.messages, values: days.map((day) => (isGap(day) ? null : day.captures)) },
    { title: figureTexts.days.sources, values: days.map((day) => (isGap(day) ? null : day.sources)) },
  ],
  lines: [
    {
      title: figureTexts.days.sensors,
      texts: days.map(({ sensors_reporting: sensors }) => ({
        text: number(sensors),
        tone: sensors === 0 ? ("up" as const) : ("quiet" as const),
      })),
    },
  ],
});

/** Messages, sources and sensors of each day. A day on which no sensor reported is a gap: nothing is known of it. Pure. */
import type { Summary } from "../../../publication/summary.ts";
import type { ColumnsChart, PageFigure } from "./chart.ts";
import { tableOf } from "./table.ts";
import { texts } from "./texts.ts";
import { dayName, number } from "./words.ts";

type Day = Summary["days"][number];

const isGap = (day: Day) => day.sensors_reporting === 0 && day.captures === 0;

/** Messages, sources and sensors by day: what was not seen stands as a gap, not as zero. */
export function daysFigure({ days }: Summary): PageFigure {
  const { columns } = texts;
  return {
    id: "days",
    title: texts.days.title,
    finding: findingOf(days),
    ...(days.length > 1 ? { chart: chartOf(days) } : {}),
    table: tableOf(days, [
      { name: "day", label: texts.days.day, value: ({ day }) => day },
      { name: "captures", label: columns.messages, value: ({ captures }) => captures },
      { name: "recipients", label: columns.recipients, value: ({ recipients }) => recipients },
      { name: "sources", label: columns.sources, value: ({ sources }) => sources },
      { name: "sensors_reporting", label: texts.days.sensorsColumn, value: (day) => day.sensors_reporting },
    ]),
  };
}

function findingOf(days: readonly Day[]): string {
  const seen = days.filter((day) => !isGap(day)).sort((a, b) => b.captures - a.captures);
  const [most, least] = [seen[0], seen.at(-1)];
  if (most === undefined || least === undefined) return texts.days.none;
  const gaps = seen.length < days.length ? texts.days.gaps(days.length - seen.length) : "";
  if (most.captures === 0) return texts.days.nothing + gaps;
  const top = texts.days.top(dayName(most.day), most.captures, most.sources);
  return (seen.length === 1 ? top : texts.days.range(top, dayName(least.day), least.captures)) + gaps;
}

const chartOf = (days: readonly Day[]): ColumnsChart => ({
  kind: "columns",
  columns: days.map((day) => {
    const [weekday = "", ...date] = dayName(day.day).split(" ");
    return { label: [weekday, date.join(" ")], ...(isGap(day) ? { gap: texts.days.gap } : {}) };
  }),
  panels: [
    { title: texts.days.messages, values: days.map((day) => (isGap(day) ? null : day.captures)) },
    { title: texts.days.sources, values: days.map((day) => (isGap(day) ? null : day.sources)) },
  ],
  lines: [
    {
      title: texts.days.sensors,
      texts: days.map(({ sensors_reporting: sensors }) => ({
        text: number(sensors),
        tone: sensors === 0 ? ("up" as const) : ("quiet" as const),
      })),
    },
  ],
});

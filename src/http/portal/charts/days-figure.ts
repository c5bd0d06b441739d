/** Messages, sources and sensors of each day. A day on which no sensor reported is a gap: nothing is known of it. Pure. */
import type { Summary } from "../../../publication/summary.ts";
import type { ColumnsChart, PageFigure } from "./chart.ts";
import { tableOf } from "./table.ts";
import { counted, dayName, number } from "./words.ts";

type Day = Summary["days"][number];

const isGap = (day: Day) => day.sensors_reporting === 0 && day.captures === 0;

export function daysFigure({ days }: Summary): PageFigure {
  return {
    id: "days",
    title: "Messages, source addresses and sensors, by day (UTC)",
    finding: findingOf(days),
    ...(days.length > 1 ? { chart: chartOf(days) } : {}),
    table: tableOf(days, [
      { name: "day", label: "day (UTC)", value: ({ day }) => day },
      { name: "captures", label: "messages", value: ({ captures }) => captures },
      { name: "recipients", label: "potential recipients", value: ({ recipients }) => recipients },
      { name: "sources", label: "source addresses", value: ({ sources }) => sources },
      { name: "sensors_reporting", label: "sensors reporting", value: ({ sensors_reporting }) => sensors_reporting },
    ]),
  };
}

function findingOf(days: readonly Day[]): string {
  const seen = days.filter((day) => !isGap(day));
  const gaps = days.length - seen.length;
  const unseen = gaps === 0 ? "" : ` No sensor reported on ${counted(gaps, "day")}: what happened then is not known.`;
  if (seen.length === 0) return `No sensor reported on any day.`;
  const most = seen.reduce((best, day) => (day.captures > best.captures ? day : best));
  if (most.captures === 0) return `Nothing was seen on ${days.length === 1 ? "this day" : "any day"}.${unseen}`;
  const least = seen.reduce((best, day) => (day.captures < best.captures ? day : best));
  const top = `${dayName(most.day)}: ${counted(most.captures, "message")} from ${counted(most.sources, "address", "addresses")}`;
  if (seen.length === 1) return `${top}.${unseen}`;
  return `Most on ${top}; fewest on ${dayName(least.day)}: ${number(least.captures)}.${unseen}`;
}

const chartOf = (days: readonly Day[]): ColumnsChart => ({
  kind: "columns",
  columns: days.map((day) => {
    const [weekday = "", ...date] = dayName(day.day).split(" ");
    return { label: [weekday, date.join(" ")], ...(isGap(day) ? { gap: "no sensor" } : {}) };
  }),
  panels: [
    { title: "Messages", values: days.map((day) => (isGap(day) ? null : day.captures)) },
    { title: "Source addresses", values: days.map((day) => (isGap(day) ? null : day.sources)) },
  ],
  lines: [
    {
      title: "Sensors reporting",
      texts: days.map(({ sensors_reporting: sensors }) => ({
        text: number(sensors),
        tone: sensors === 0 ? ("up" as const) : ("quiet" as const),
      })),
    },
  ],
});

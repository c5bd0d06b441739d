/** Ranks as a Vega specification: bars in one unit, names on their left (above them on the narrow sheet), numbers on their right. Pure. */
import type { Mark, Spec } from "vega";
import type { ChartRow, RowsChart } from "./chart.ts";
import {
  constant,
  field,
  inTone,
  type PlacedText,
  type SheetSize,
  sheetWidth,
  smallType,
  specOf,
  toneOf,
  typeSize,
} from "./sheet.ts";
import { fitted, textWidth } from "./words.ts";

/** Places on a sheet, in px. */
interface Places {
  readonly width: number;
  /** Of the bars. */
  readonly left: number;
  readonly right: number;
  /** Of a column of numbers. */
  readonly column: number;
  /** Where rows begin, and how far one is from the next. */
  readonly top: number;
  readonly step: number;
  readonly barTop: number;
  readonly barHeight: number;
  /** Of a row's texts, below its top. */
  readonly baseline: number;
  readonly labelWidth: number;
}

function placesOf({ heads, legend }: RowsChart, size: SheetSize): Places {
  const width = sheetWidth[size];
  // Without a legend, the heads stand on its line.
  const top = legend.length === 0 ? 24 : 46;
  if (size === "narrow") {
    const column = heads.length > 2 ? 54 : 68;
    const labelWidth = width - heads.length * column - 4;
    return { width, left: 0, right: width, column, top, step: 42, barTop: 19, barHeight: 13, baseline: 14, labelWidth };
  }
  const column = 82;
  const right = width - heads.length * column - 8;
  return { width, left: 250, right, column, top, step: 27, barTop: 6, barHeight: 15, baseline: 18, labelWidth: 240 };
}

/** The specification of a chart. `foot` stands below it. */
export function rowsSpec(chart: RowsChart, size: SheetSize, foot: string): Spec {
  const places = placesOf(chart, size);
  const { left, right, top, step } = places;
  const ends = chart.rows.flatMap(({ bars, tick = 0 }) => [tick, ...bars.flatMap(({ from, to }) => [from, to])]);
  const least = Math.min(0, ...ends);
  const height = top + chart.rows.length * step;
  return specOf({
    size,
    height,
    foot,
    scales: [
      { name: "x", type: "linear", domain: [least, Math.max(...ends, least + 1)], range: [left, right] },
      { name: "row", type: "band", domain: chart.rows.map((_, row) => row), range: [top, height] },
    ],
    data: [
      { name: "bars", values: chart.rows.flatMap(barsOf) },
      { name: "ticks", values: chart.rows.flatMap(({ tick }, row) => (tick === undefined ? [] : [{ row, tick }])) },
      { name: "keys", values: keysOf(chart) },
    ],
    marks: [barMarks(places), ...lineMarks(places, height), ...keyMarks],
    texts: [
      ...legendTexts(chart),
      ...headTexts(chart, places),
      ...chart.rows.flatMap((row, index) => rowTexts(row, index, places)),
    ],
  });
}

const barsOf = ({ bars }: ChartRow, row: number) =>
  bars.map(({ tone, from, to, hollow = false }) => ({
    row,
    tone,
    from,
    to,
    fill: hollow ? 0 : 1,
    line: hollow ? 1 : 0,
  }));

const barMarks = ({ barTop, barHeight }: Places): Mark => ({
  type: "rect",
  from: { data: "bars" },
  encode: {
    enter: {
      x: { scale: "x", field: "from" },
      x2: { scale: "x", field: "to" },
      y: { scale: "row", field: "row", offset: barTop },
      height: constant(barHeight),
      fill: inTone,
      fillOpacity: field("fill"),
      stroke: inTone,
      strokeOpacity: field("line"),
    },
  },
});

/** The line that bars begin at, and those across them. */
const lineMarks = ({ top, barTop, barHeight }: Places, bottom: number): Mark[] => [
  {
    type: "rule",
    encode: {
      enter: { x: { scale: "x", value: 0 }, y: constant(top), y2: constant(bottom), stroke: toneOf("rule") },
    },
  },
  {
    type: "rect",
    from: { data: "ticks" },
    encode: {
      enter: {
        x: { scale: "x", field: "tick", offset: -1 },
        width: constant(2),
        y: { scale: "row", field: "row", offset: barTop - 3 },
        height: constant(barHeight + 6),
        fill: toneOf("before"),
      },
    },
  },
];

/** Where the keys of the legend stand: behind each other, on one line. */
function keysOf({ legend }: RowsChart) {
  let x = 1;
  return legend.map((entry) => {
    const width = entry.as === "tick" ? 2 : 13;
    const key = { ...entry, x, width, text: x + width + 5, fill: entry.as === "hollow" ? 0 : 1 };
    x = key.text + textWidth(entry.text, smallType) + 18;
    return key;
  });
}

const keyMarks: readonly Mark[] = [
  {
    type: "rect",
    from: { data: "keys" },
    encode: {
      enter: {
        x: field("x"),
        width: field("width"),
        y: constant(3),
        height: constant(12),
        fill: inTone,
        fillOpacity: field("fill"),
        stroke: inTone,
      },
    },
  },
];

const legendTexts = (chart: RowsChart): PlacedText[] =>
  keysOf(chart).map((key, index) => ({ x: key.text, y: 14, text: chart.legend[index]?.text ?? "", size: smallType }));

const headTexts = ({ heads }: RowsChart, { width, column, top }: Places): PlacedText[] =>
  heads.map((text, index) => ({
    x: width - (heads.length - 1 - index) * column,
    y: top - 8,
    text,
    align: "right",
    size: smallType,
    tone: "quiet",
  }));

function rowTexts({ label, cells }: ChartRow, index: number, places: Places): PlacedText[] {
  const { width, column, top, step, baseline, labelWidth } = places;
  const y = top + index * step + baseline;
  return [
    { x: 0, y, text: fitted(label, labelWidth, typeSize) },
    ...cells.map(({ text, tone = "ink" as const }, cell) => ({
      x: width - (cells.length - 1 - cell) * column,
      y,
      text,
      tone,
      align: "right" as const,
    })),
  ];
}

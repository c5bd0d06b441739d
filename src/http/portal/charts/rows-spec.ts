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
  readonly narrow: boolean;
  /** Of the bars. */
  readonly left: number;
  readonly right: number;
  /** Right ends of the columns of numbers. */
  readonly columns: readonly number[];
  /** Where rows begin, and how far one is from the next. */
  readonly top: number;
  readonly step: number;
  readonly barTop: number;
  readonly barHeight: number;
  /** Of a row's texts, below its top. */
  readonly baseline: number;
  readonly labelWidth: number;
}

/** Free width in front of a column of numbers. */
const gutter = 14;

/** Right ends of the columns of numbers, each as wide as what stands in it; the last at the sheet's. */
function columnsOf({ heads, rows }: RowsChart, width: number): { readonly ends: number[]; readonly left: number } {
  let left = width;
  const ends = heads.map(() => 0);
  for (let column = heads.length - 1; column >= 0; column -= 1) {
    ends[column] = left;
    const cells = rows.map(({ cells }) => textWidth(cells[column]?.text ?? "", typeSize));
    left -= Math.max(textWidth(heads[column] ?? "", smallType), ...cells) + gutter;
  }
  return { ends, left };
}

function placesOf(chart: RowsChart, size: SheetSize): Places {
  const width = sheetWidth[size];
  const { ends: columns, left: right } = columnsOf(chart, width);
  if (size === "narrow") {
    // Without a legend, the heads stand on its line; a narrow sheet has no room for both.
    const top = chart.legend.length === 0 ? 24 : 46;
    return {
      narrow: true,
      left: 1,
      right: width - 1,
      columns,
      top,
      step: 42,
      barTop: 19,
      barHeight: 13,
      baseline: 14,
      labelWidth: right,
    };
  }
  return {
    narrow: false,
    left: 250,
    right: right - 6,
    columns,
    top: 28,
    step: 27,
    barTop: 6,
    barHeight: 15,
    baseline: 18,
    labelWidth: 236,
  };
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
      { name: "rows", values: chart.rows.map((_, row) => ({ row })) },
      { name: "bars", values: chart.rows.flatMap(barsOf) },
      { name: "ticks", values: chart.rows.flatMap(({ tick }, row) => (tick === undefined ? [] : [{ row, tick }])) },
      { name: "keys", values: keysOf(chart) },
    ],
    marks: [barMarks(places), ...lineMarks(places), ...keyMarks],
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

/** The line that bars begin at, and those across them. On the narrow sheet names stand between the bars. */
const lineMarks = ({ step, barTop, barHeight, narrow }: Places): Mark[] => [
  {
    type: "rect",
    from: { data: "rows" },
    encode: {
      enter: {
        x: { scale: "x", value: 0, offset: -0.5 },
        width: constant(1),
        y: { scale: "row", field: "row", offset: narrow ? barTop - 3 : 0 },
        height: constant(narrow ? barHeight + 6 : step),
        fill: toneOf("rule"),
      },
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

const headTexts = ({ heads }: RowsChart, { columns, top }: Places): PlacedText[] =>
  heads.map((text, index) => ({
    x: columns[index] ?? 0,
    y: top - 10,
    text,
    align: "right",
    size: smallType,
    tone: "quiet",
  }));

function rowTexts({ label, cells }: ChartRow, index: number, places: Places): PlacedText[] {
  const { columns, top, step, baseline, labelWidth } = places;
  const y = top + index * step + baseline;
  return [
    { x: 0, y, text: fitted(label, labelWidth, typeSize) },
    ...cells.map(({ text, tone = "ink" as const }, cell) => ({
      x: columns[cell] ?? 0,
      y,
      text,
      tone,
      align: "right" as const,
    })),
  ];
}

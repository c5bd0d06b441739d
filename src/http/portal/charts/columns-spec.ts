/** Times as a Vega specification: columns over the same times, each panel with a unit of its own, lines of text beneath. Pure. */
import type { Data, Mark, Scale, Spec } from "vega";
import { number } from "../texts/language.ts";
import type { ColumnsChart } from "./chart.ts";
import {
  constant,
  field,
  type PlacedText,
  type SheetSize,
  sheetWidth,
  smallType,
  specOf,
  toneOf,
  typeSize,
} from "./sheet.ts";
import { shortestNumber, shortNumber, textWidth } from "./words.ts";

/** Heights in px: titles of panels and lines, numbers over columns, columns of the first panel and of others. */
const titleHeight = 24;
const numberHeight = 18;
const firstHeight = 120;
const otherHeight = 56;
const panelGap = 14;
const lineHeight = 42;

/** Part of a place between two columns that is left free. */
const padding = 0.22;

/** A panel in place. */
interface PlacedPanel {
  readonly title: string;
  readonly values: readonly (number | null)[];
  readonly top: number;
  /** Where columns stand. */
  readonly bottom: number;
}

/** The specification of a chart. `foot` stands below it. */
export function columnsSpec(chart: ColumnsChart, size: SheetSize, foot: string): Spec {
  const panels = placed(chart);
  const labelTop = (panels.at(-1)?.bottom ?? 0) + 6;
  const labelLines = Math.max(...chart.columns.map(({ label }) => label.length));
  const linesTop = labelTop + 15 * labelLines + 12;
  const width = sheetWidth[size];
  const step = width / Math.max(1, chart.columns.length);
  const centre = (column: number) => (column + 0.5) * step;
  return specOf({
    size,
    height: linesTop + chart.lines.length * lineHeight - (chart.lines.length > 0 ? 8 : 12),
    foot,
    scales: [timeScale(chart, size), ...panels.map(valueScale)],
    data: [gapData(chart), ...panels.map((panel, index) => valueData(panel, index, chart))],
    marks: [
      gapMark(labelTop - 4),
      ...panels.flatMap(({ bottom }, index) => [columnMark(index, bottom), baseline(bottom)]),
    ],
    texts: within(width, [
      ...panels.flatMap((panel) => [titleText(panel.title, panel.top), ...numberTexts(panel, step, centre)]),
      ...gapTexts(chart, panels, step, centre),
      ...labelTexts(chart, labelTop + 12, step, centre),
      ...chart.lines.flatMap((line, index) => lineTexts(line, linesTop + index * lineHeight, step, centre)),
    ]),
  });
}

/** Texts that would leave the sheet, moved back onto it. */
const within = (width: number, texts: readonly PlacedText[]): PlacedText[] =>
  texts.map((text) => {
    if (text.align !== "center") return text;
    const half = Math.max(...[text.text].flat().map((line) => textWidth(line, text.size ?? typeSize))) / 2;
    return { ...text, x: Math.min(Math.max(text.x, half), width - half) };
  });

function placed({ panels }: ColumnsChart): PlacedPanel[] {
  let top = 0;
  return panels.map((panel, index) => {
    const bottom = top + titleHeight + numberHeight + (index === 0 ? firstHeight : otherHeight);
    const place = { ...panel, top, bottom };
    top = bottom + panelGap;
    return place;
  });
}

const timeScale = ({ columns }: ColumnsChart, size: SheetSize): Scale => ({
  name: "time",
  type: "band",
  domain: columns.map((_, column) => column),
  range: [0, sheetWidth[size]],
  paddingInner: padding,
  paddingOuter: padding / 2,
});

const largest = (values: readonly (number | null)[]) => Math.max(1, ...values.map((value) => value ?? 0));

const valueScale = ({ values, top, bottom }: PlacedPanel, index: number): Scale => ({
  name: `value${index}`,
  type: "linear",
  domain: [0, largest(values)],
  range: [bottom, top + titleHeight + numberHeight],
});

const valueData = ({ values }: PlacedPanel, index: number, { columns }: ColumnsChart): Data => ({
  name: `panel${index}`,
  values: values.flatMap((value, column) =>
    value === null ? [] : [{ column, value, fill: columns[column]?.partial === true ? 0 : 1 }],
  ),
});

const gapData = ({ columns }: ColumnsChart): Data => ({
  name: "gaps",
  values: columns.flatMap(({ gap }, column) => (gap === undefined ? [] : [{ column }])),
});

/** Shade behind what nothing is known of. */
const gapMark = (bottom: number): Mark => ({
  type: "rect",
  from: { data: "gaps" },
  encode: {
    enter: {
      x: { scale: "time", field: "column" },
      width: { scale: "time", band: 1 },
      y: constant(titleHeight),
      y2: constant(bottom),
      fill: toneOf("gap"),
    },
  },
});

const columnMark = (index: number, bottom: number): Mark => ({
  type: "rect",
  from: { data: `panel${index}` },
  encode: {
    enter: {
      x: { scale: "time", field: "column" },
      width: { scale: "time", band: 1 },
      y: { scale: `value${index}`, field: "value" },
      y2: constant(bottom),
      fill: toneOf("now"),
      fillOpacity: field("fill"),
      stroke: toneOf("now"),
    },
  },
});

const baseline = (y: number): Mark => ({
  type: "rule",
  encode: { enter: { x: constant(0), x2: { signal: "width" }, y: constant(y), stroke: toneOf("rule") } },
});

const titleText = (text: string, top: number): PlacedText => ({ x: 0, y: top + 13, text, weight: "bold" });

/** Every column, or every second, third … counted from the last, where their texts have no room side by side. */
function roomy(texts: readonly (readonly string[])[], size: number, step: number): (column: number) => boolean {
  const widest = Math.max(0, ...texts.flat().map((text) => textWidth(text, size)));
  const every = Math.max(1, Math.ceil((widest + 4) / step));
  return (column) => (texts.length - 1 - column) % every === 0;
}

function labelTexts(
  { columns }: ColumnsChart,
  y: number,
  step: number,
  centre: (column: number) => number,
): PlacedText[] {
  const labels = columns.map(({ label }) => label);
  const wanted = roomy(labels, smallType, step);
  return labels.flatMap((text, column): PlacedText[] =>
    wanted(column) ? [{ x: centre(column), y, text, align: "center", size: smallType }] : [],
  );
}

/** Numbers over the columns: all of them where they have room, or else the first, the last and the largest. */
function numberTexts(
  { values, top, bottom }: PlacedPanel,
  step: number,
  centre: (column: number) => number,
): PlacedText[] {
  const fits = (write: (value: number) => string) =>
    values.every((value) => value === null || textWidth(write(value), smallType) <= step - 2);
  const write = [number, shortNumber].find(fits) ?? shortestNumber;
  const most = largest(values);
  const full = bottom - top - titleHeight - numberHeight;
  const wanted = fits(write) ? values.map((_, column) => column) : told(values);
  return wanted.flatMap((column) => {
    const value = values[column] ?? null;
    if (value === null) return [];
    const y = bottom - (full * value) / most - 5;
    return [{ x: centre(column), y, text: write(value), align: "center" as const, size: smallType }];
  });
}

/** The largest value, and the first and last where they stand off from it. */
function told(values: readonly (number | null)[]): number[] {
  const most = values.indexOf(largest(values));
  const ends = [0, values.length - 1].filter((column) => most < 0 || Math.abs(column - most) > 1);
  return most < 0 ? ends : [most, ...ends];
}

/** Why there is nothing, in the first panel; upright where a column is narrow. */
function gapTexts(
  { columns }: ColumnsChart,
  [first]: readonly PlacedPanel[],
  step: number,
  centre: (column: number) => number,
): PlacedText[] {
  if (first === undefined) return [];
  return columns.flatMap(({ gap }, column): PlacedText[] => {
    if (gap === undefined) return [];
    const upright = textWidth(gap, smallType) > step * (1 - padding) - 4;
    const text = { text: gap, size: smallType, tone: "quiet" as const };
    return upright
      ? [{ ...text, x: centre(column) + 4, y: first.bottom - 8, angle: -90 }]
      : [{ ...text, x: centre(column), y: first.bottom - 8, align: "center" }];
  });
}

function lineTexts(
  { title, texts }: ColumnsChart["lines"][number],
  top: number,
  step: number,
  centre: (column: number) => number,
): PlacedText[] {
  const wanted = roomy(
    texts.map(({ text }) => [text]),
    typeSize,
    step,
  );
  const line = texts.flatMap(({ text, tone = "ink" }, column): PlacedText[] =>
    wanted(column) ? [{ x: centre(column), y: top + 30, text, tone, align: "center", size: typeSize }] : [],
  );
  return [{ x: 0, y: top + 12, text: title, weight: "bold" }, ...line];
}

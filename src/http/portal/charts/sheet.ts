/**
 * What both kinds of charts are set with: sizes of the two sheets, type, colours by custom properties of the page's
 * stylesheet (with the light ones beside them, for a chart that was taken out of its page), and texts.
 *
 * @see https://vega.github.io/vega/docs/specification/
 */
import type { Data, Mark, Scale, Spec } from "vega";
import { type Tone, tones } from "./chart.ts";

/** A wide sheet for screens and paper, and a narrow one for telephones: type has the same size on both. */
export const sheetSizes = ["wide", "narrow"] as const;
/** One of them. */
export type SheetSize = (typeof sheetSizes)[number];

/** In px. */
export const sheetWidth: Readonly<Record<SheetSize, number>> = { wide: 680, narrow: 340 };

/** Sizes of type, in px. */
export const typeSize = 13;
/** Of feet and of what stands beside an axis, in px. */
export const smallType = 12;

/** Height of the line that says under which label the chart may be passed on. */
const footHeight = 28;

/** Colours of tones: in the light, in the dark. Each has a contrast of 4.5 or more against the page where it is text. */
export const chartColours: Readonly<Record<Tone, readonly [light: string, dark: string]>> = {
  ink: ["#1b1d21", "#e8eaed"],
  quiet: ["#565b63", "#a7adb6"],
  rule: ["#b9bec6", "#545a63"],
  now: ["#1f6aa5", "#69b1ec"],
  before: ["#1b1d21", "#ffffff"],
  fresh: ["#b8510d", "#f79a55"],
  gone: ["#6a707a", "#9aa1ab"],
  gap: ["#eceef1", "#2b2f36"],
  up: ["#a3261c", "#ff9a8f"],
  down: ["#196b3c", "#7fd8a1"],
};

/** Tone → colour. */
const toneScale: Scale = {
  name: "tone",
  type: "ordinal",
  domain: [...tones],
  range: tones.map((tone) => `var(--chart-${tone}, ${chartColours[tone][0]})`),
};

/** Encodings of Vega: a mark's own tone, one tone for all, a member of the row, a value. */
export const inTone = { scale: "tone", field: "tone" };
export const toneOf = (tone: Tone) => ({ scale: "tone", value: tone });
export const field = (name: string) => ({ field: name });
export const constant = <Value>(value: Value) => ({ value });

/** A text in place: `y` of its (first) baseline. */
export interface PlacedText {
  readonly x: number;
  readonly y: number;
  readonly text: string | readonly string[];
  readonly tone?: Tone;
  readonly align?: "left" | "center" | "right";
  readonly size?: number;
  readonly angle?: number;
  readonly weight?: "bold";
}

const textData = (texts: readonly PlacedText[]): Data => ({
  name: "texts",
  values: texts.map((text) => ({
    ...{ tone: "ink", align: "left", size: typeSize, angle: 0, weight: "normal" },
    ...text,
  })),
});

const textMark: Mark = {
  type: "text",
  from: { data: "texts" },
  encode: {
    enter: {
      x: field("x"),
      y: field("y"),
      text: field("text"),
      align: field("align"),
      fontSize: field("size"),
      fontWeight: field("weight"),
      angle: field("angle"),
      fill: inTone,
      font: constant("system-ui, sans-serif"),
      lineHeight: constant(15),
    },
  },
};

/** Everything on a sheet. `height` is that of the chart itself; marks are painted in order, texts last. */
export interface Sheet {
  readonly size: SheetSize;
  readonly height: number;
  readonly scales: readonly Scale[];
  readonly data: readonly Data[];
  readonly marks: readonly Mark[];
  readonly texts: readonly PlacedText[];
  /** Stands below everything. */
  readonly foot: string;
}

/** The sheet as Vega takes it. */
export function specOf({ size, height, scales, data, marks, texts, foot }: Sheet): Spec {
  const footed = [...texts, { x: 0, y: height + footHeight - 8, text: foot, size: smallType, tone: "quiet" as const }];
  return {
    width: sheetWidth[size],
    height: height + footHeight,
    padding: 0,
    autosize: "none",
    scales: [toneScale, ...scales],
    data: [...data, textData(footed)],
    // The chart is one picture with a title and a description; its numbers stand in the table.
    marks: [...marks, textMark].map((mark) => ({ ...mark, aria: false })),
  };
}

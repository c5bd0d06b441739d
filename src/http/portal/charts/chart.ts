/**
 * What a chart shows, before anybody draws it: values, labels and tones, no places and no colours. Two kinds are enough:
 * ranks are rows, times are columns. Pure.
 */
import type { FigureTable } from "./table.ts";

/** What a mark or text stands for; the stylesheet gives it a colour. */
export const tones = ["ink", "quiet", "rule", "now", "before", "fresh", "gone", "gap", "up", "down"] as const;
export type Tone = (typeof tones)[number];

/** Ranks: a bar beside a name, and numbers in columns behind it. */
export interface RowsChart {
  readonly kind: "rows";
  /** What the marks stand for, in order. */
  readonly legend: readonly { readonly tone: Tone; readonly text: string; readonly as: "bar" | "hollow" | "tick" }[];
  /** Heads of the columns of numbers. */
  readonly heads: readonly string[];
  readonly rows: readonly ChartRow[];
}

export interface ChartRow {
  readonly label: string;
  /** From and to in the values' unit; below 0 stands left of the line. */
  readonly bars: readonly {
    readonly tone: Tone;
    readonly from: number;
    readonly to: number;
    readonly hollow?: boolean;
  }[];
  /** Where a line across the bar stands: the period before. */
  readonly tick?: number;
  readonly cells: readonly { readonly text: string; readonly tone?: Tone }[];
}

/** Times: columns side by side, one panel below the other, and lines of text beneath. */
export interface ColumnsChart {
  readonly kind: "columns";
  readonly columns: readonly {
    /** Lines beneath it. */
    readonly label: readonly string[];
    /** Shaded, and why: nothing is known of it. */
    readonly gap?: string;
    /** Known in part: hollow columns. */
    readonly partial?: boolean;
  }[];
  /** Values, null where nothing is known. */
  readonly panels: readonly { readonly title: string; readonly values: readonly (number | null)[] }[];
  readonly lines: readonly {
    readonly title: string;
    readonly texts: readonly { readonly text: string; readonly tone?: Tone }[];
  }[];
}

export type Chart = RowsChart | ColumnsChart;

/** A figure of the page. */
export interface PageFigure {
  /** Such as `source-asns`: in addresses and file names. */
  readonly id: string;
  /** What is shown. */
  readonly title: string;
  /** What it says, in one sentence. */
  readonly finding: string;
  /** What a reader has to know beside it. */
  readonly note?: string;
  /** Left out where there is nothing to compare by eye. */
  readonly chart?: Chart;
  readonly table: FigureTable;
}

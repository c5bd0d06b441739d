/** What figures of ranks share: bars with the period before across them, columns of the table, sentences on the first. Pure. */
import type { Summary } from "../../../publication/summary.ts";
import type { ChartRow, RowsChart, Tone } from "./chart.ts";
import type { Column } from "./table.ts";
import { type Compared, change, number, roomyNumber, share } from "./words.ts";

/** Rows that are drawn; the table has them all. */
const drawnRows = 10;

export const headOf = <Row>(rows: readonly Row[]): readonly Row[] => rows.slice(0, drawnRows);

/** `first 10 of 20`, for figures that draw fewer rows than their table has. */
export const drawnNote = (rows: readonly unknown[]): string | undefined =>
  rows.length > drawnRows ? `The chart shows the first ${drawnRows}; the table has ${rows.length}.` : undefined;

const toneOfChange = ({ now, before }: Compared): Tone => (now > before ? "up" : now < before ? "down" : "quiet");

/** A rank of messages. Where the MoU did not cover the period before, nothing is said of it. */
export function rankChart<Row extends Compared>(
  { period, before }: Summary,
  rows: readonly Row[],
  label: (row: Row) => string,
  unit = "messages",
): RowsChart {
  const legend = [{ tone: "now", text: period.id, as: "bar" }] as const;
  return {
    kind: "rows",
    legend: before === null ? legend : [...legend, { tone: "before", text: before.id, as: "tick" }],
    heads: before === null ? [unit] : [unit, "change"],
    rows: headOf(rows).map((row): ChartRow => {
      const bar = { label: label(row), bars: [{ tone: "now" as const, from: 0, to: row.now }] };
      const count = { text: roomyNumber(row.now) };
      if (before === null) return { ...bar, cells: [count] };
      return { ...bar, tick: row.before, cells: [count, { text: change(row), tone: toneOfChange(row) }] };
    }),
  };
}

/** Columns of now, before and the change. */
export function comparedColumns<Row extends Compared>({ period, before }: Summary): Column<Row>[] {
  const now: Column<Row> = { name: "now", label: period.id, value: (row) => row.now };
  // The CSV has the summary's members whatever they are; on the page, a period that wasn't covered is no 0.
  const uncovered = before === null ? { text: () => "–" } : {};
  return [
    now,
    { name: "before", label: before?.id ?? "before", value: (row) => row.before, ...uncovered },
    {
      name: "change_percent",
      label: "change",
      value: (row) => row.change_percent,
      text: (row) => (before === null ? "–" : change(row)),
    },
  ];
}

/** `, up 12 % on 2026-W45`; nothing where there is nothing to compare with. */
export function against({ before }: Summary, compared: Compared): string {
  const percent = compared.change_percent;
  if (before === null) return "";
  if (percent === null) return compared.now > 0 ? `, new since ${before.id}` : "";
  if (percent === 0) return `, as in ${before.id}`;
  return `, ${percent > 0 ? "up" : "down"} ${number(Math.abs(percent))} % on ${before.id}`;
}

/** `X: 73 % of messages (48,211), up 12 % on 2026-W45.` */
export function leads(summary: Summary, name: string, row: Compared, whole: number): string {
  const part = whole >= row.now ? `${share(row.now, whole)} of messages (${number(row.now)})` : number(row.now);
  return `${name}: ${part}${against(summary, row)}.`;
}

/** What figures of ranks share: bars with the period before across them, columns of the table, sentences on the first. Pure. */
import type { Summary } from "../../../publication/summary.ts";
import { figureTexts } from "../texts/figures.ts";
import type { ChartRow, RowsChart, Tone } from "./chart.ts";
import { comparable, seenBefore } from "./comparability.ts";
import type { Column } from "./table.ts";
import { type Compared, change, roomyNumber, share } from "./words.ts";

/** Rows that are drawn; the table has them all. */
const drawnRows = 10;

export const headOf = <Row>(rows: readonly Row[]): readonly Row[] => rows.slice(0, drawnRows);

/** Notes of a figure, the last one on rows that the chart leaves out; nothing where there are none. */
export function noted(rows: readonly unknown[], ...notes: readonly string[]): { readonly note?: string } {
  const all = rows.length > drawnRows ? [...notes, figureTexts.drawn(drawnRows, rows.length)] : notes;
  return all.length === 0 ? {} : { note: all.join(" ") };
}

/** That a figure's comparison doesn't hold, where it doesn't. */
export const caution = (summary: Summary): readonly string[] =>
  seenBefore(summary) === null || comparable(summary) ? [] : [figureTexts.caution];

const toneOfChange = ({ now, before }: Compared): Tone => (now > before ? "up" : now < before ? "down" : "quiet");

/** A rank of messages. Where nothing is known of the period before, nothing is said of it. */
export function rankChart<Row extends Compared>(
  summary: Summary,
  rows: readonly Row[],
  label: (row: Row) => string,
  unit: string = figureTexts.columns.messages,
): RowsChart {
  const { period } = summary;
  const before = seenBefore(summary);
  const toneOf = comparable(summary) ? toneOfChange : () => "quiet" as const;
  return {
    kind: "rows",
    legend:
      before === null
        ? []
        : [
            { tone: "now", text: period.id, as: "bar" },
            { tone: "before", text: before.id, as: "tick" },
          ],
    heads: before === null ? [unit] : [unit, figureTexts.columns.change],
    rows: headOf(rows).map((row): ChartRow => {
      const bar = { label: label(row), bars: [{ tone: "now" as const, from: 0, to: row.now }] };
      const count = { text: roomyNumber(row.now) };
      if (before === null) return { ...bar, cells: [count] };
      const cells = [count, { text: change(row), tone: toneOf(row) }];
      return row.before === 0 ? { ...bar, cells } : { ...bar, tick: row.before, cells };
    }),
  };
}

/** Columns of now, before and the change. */
export function comparedColumns<Row extends Compared>(summary: Summary): Column<Row>[] {
  const { period } = summary;
  const before = seenBefore(summary);
  // The CSV has the summary's members whatever they are; on the page, a period of which nothing is known is no 0.
  const uncovered = before === null ? { text: () => figureTexts.none } : {};
  return [
    { name: "now", label: period.id, value: (row) => row.now },
    {
      name: "before",
      label: summary.before?.id ?? figureTexts.columns.before,
      value: (row) => row.before,
      ...uncovered,
    },
    {
      name: "change_percent",
      label: figureTexts.columns.change,
      value: (row) => row.change_percent,
      text: (row) => (before === null ? figureTexts.none : change(row)),
    },
  ];
}

function against(summary: Summary, { now, change_percent: percent }: Compared): string {
  const { before } = summary;
  if (before === null || !comparable(summary)) return "";
  if (percent === null) return now > 0 ? figureTexts.leads.new(before.id) : "";
  if (percent === 0) return figureTexts.leads.same(before.id);
  return percent > 0 ? figureTexts.leads.up(percent, before.id) : figureTexts.leads.down(-percent, before.id);
}

/** What the first row that was seen in this period says, of all messages; `name` as it stands in a sentence. */
export function finding<Row extends Compared>(
  summary: Summary,
  rows: readonly Row[],
  name: (row: Row) => string,
): string {
  const first = rows.find(({ now }) => now > 0);
  if (first === undefined) return summary.totals.captures.now === 0 ? figureTexts.nothing : figureTexts.unknown;
  const part = share(first.now, summary.totals.captures.now);
  return figureTexts.leads.of(name(first), part, first.now, against(summary, first));
}

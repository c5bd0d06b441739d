/**
 * The table of a figure, for the page and as CSV: cells of the CSV are the summary's own values under their names there;
 * those of the page are the same, written for people. Pure.
 *
 * @see RFC 4180; `publication/csv-cells.ts` for what a spreadsheet could take for a formula
 */
import { FinishedTexts, headerLine } from "../../../publication/csv-cells.ts";
import { number } from "../texts/language.ts";

export type CellValue = string | number | null;

/** A column over rows of one type. */
export interface Column<Row> {
  /** In the CSV; as the summary has it. */
  readonly name: string;
  /** On the page. */
  readonly label: string;
  readonly value: (row: Row) => CellValue;
  /** On the page: the value itself by default, numbers with separators. */
  readonly text?: (row: Row) => string;
}

export interface FigureTable {
  readonly head: readonly { readonly name: string; readonly label: string; readonly numeric: boolean }[];
  readonly rows: readonly (readonly { readonly value: CellValue; readonly text: string }[])[];
}

/** The table of rows, in their order. A column is numeric where every value of it is a number, or missing. */
export function tableOf<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): FigureTable {
  const cells = rows.map((row) =>
    columns.map((column) => {
      const value = column.value(row);
      return { value, text: column.text?.(row) ?? (typeof value === "number" ? number(value) : (value ?? "")) };
    }),
  );
  const head = columns.map(({ name, label }, index) => ({
    name,
    label,
    numeric: rows.length > 0 && cells.every((row) => typeof row[index]?.value !== "string"),
  }));
  return { head, rows: cells };
}

/** The table as CSV, each record with the label under which it may be passed on. */
export function csvOf(table: FigureTable, tlp: string): string {
  const texts = new FinishedTexts();
  const cell = (value: CellValue) =>
    value === null ? "" : typeof value === "number" ? String(value) : (texts.get(value) ?? texts.learn(value));
  const lines = table.rows.map((row) => [...row.map(({ value }) => cell(value)), cell(tlp)].join(","));
  return [headerLine([...table.head.map(({ name }) => name), "tlp"]), ...lines, ""].join("\r\n");
}

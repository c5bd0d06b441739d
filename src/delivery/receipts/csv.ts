/** Receipts as CSV, one a line: for an auditor's spreadsheet, from the command line and from the portal. Pure. */
import { FinishedTexts, headerLine } from "../../publication/csv-cells.ts";
import type { Receipt } from "./receipt.ts";

/** Columns, in their order. */
const columns = [
  "at",
  "feed",
  "sequence",
  "artifact",
  "sha256",
  "how",
  "destination",
  "to",
  "token",
  "address",
  "range_from",
  "range_to",
  "refused",
] as const;

/** The header line, with its line break. */
export const receiptCsvHead = `${headerLine(columns)}\r\n`;

/** Writes lines by RFC 4180, with their line breaks; texts that a spreadsheet takes for formulas are escaped as in feeds. */
export function receiptCsvLines(): (receipt: Receipt) => string {
  const texts = new FinishedTexts();
  const cell = (value: string | number | undefined) => {
    if (typeof value === "number" || value === undefined || value === "") return String(value ?? "");
    return texts.get(value) ?? texts.learn(value);
  };
  return (receipt) => `${cellsOf(receipt).map(cell).join(",")}\r\n`;
}

function cellsOf(receipt: Receipt): readonly (string | number | undefined)[] {
  const { at, feed, sequence, artifact, sha256, how } = receipt;
  const common = [at, feed, sequence, artifact, sha256, how];
  if ("destination" in receipt) return [...common, receipt.destination, receipt.to, "", "", "", "", receipt.refused];
  const [from, to] = receipt.range ?? [];
  return [...common, "", "", receipt.token, receipt.address, from, to, ""];
}

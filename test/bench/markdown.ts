/** Numbers and tables of docs/performance.md. */

/** Three figures that count, or all before the point: `0.297`, `4.06`, `1,235`. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const digits = value === 0 ? 2 : Math.max(0, Math.min(3, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A whole number with commas: `7,879,900`. */
export const grouped = (value: number): string => Math.round(value).toLocaleString("en");

export const megabytes = (value: number): string => `${grouped(value)} MB`;

/** A table; `align` has an l or r for each column. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[], align: string): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = [...align].map((side) => (side === "r" ? "--:" : ":--"));
  return `${[head, rule, ...rows].map(line).join("\n")}\n`;
}

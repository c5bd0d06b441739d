/** What a change of policy adds to a slice, takes from it and changes in it: one query over both slices. Pure. */
import type { Query } from "../model.ts";
import type { Slice } from "./slice.ts";
import { type Form, inForms } from "./sql.ts";

/**
 * The text that follows `WITH captures AS (…)`, as that of a slice does; its one row counts the rows that are new, that are
 * gone, and that stay with another cell.
 *
 * @param columns those that are compared: of the feed, and empty in neither slice.
 */
export function differenceSql(before: Slice, after: Slice, columns: readonly string[]): Query {
  return inForms((form) => said(before, after, columns, form));
}

function said(before: Slice, after: Slice, columns: readonly string[], form: Form): string {
  const differs = columns.map((name) => `o.${name} IS DISTINCT FROM n.${name}`).join(" OR ");
  const rows = (slice: Slice) => `SELECT ${["row_key", ...columns].join(", ")} FROM (WITH ${slice.sql[form]}) s`;
  const count = (condition: string) => `CAST(coalesce(sum(CASE WHEN ${condition} THEN 1 ELSE 0 END), 0) AS BIGINT)`;
  const both = "o.row_key IS NOT NULL AND n.row_key IS NOT NULL";
  return `old_rows AS (${rows(before)}),
new_rows AS (${rows(after)})
SELECT ${count("o.row_key IS NULL")} AS added, ${count("n.row_key IS NULL")} AS removed, ${count(`${both} AND (${differs === "" ? "FALSE" : differs})`)} AS changed
FROM old_rows o FULL OUTER JOIN new_rows n ON o.row_key = n.row_key`;
}

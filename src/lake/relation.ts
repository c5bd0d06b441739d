/**
 * A selection as SQL: the relation that a query reads, with the visible rows of its files, each capture once. What
 * engines have in common; how each names files and types is its own. Pure.
 *
 * @see design §3 point 2
 */
import { literals } from "../feed/sql.ts";
import { captureColumns, type LakeColumn, requestColumns } from "../fields.ts";
import type { Selection } from "./engine.ts";
import type { Dataset } from "./records.ts";

/** Columns of the lake's files, in their order. */
export const columnsOf: Readonly<Record<Dataset, readonly LakeColumn[]>> = {
  captures: captureColumns,
  requests: requestColumns,
};

/** What engines say differently. */
export interface RelationWords {
  /** These files' rows: what stands behind FROM, and a condition where one is needed. */
  readonly rowsOf: (files: readonly string[]) => readonly [from: string, ...conditions: string[]];
  readonly typeOf: (type: LakeColumn["type"]) => string;
}

/** The text of a selection, to stand in parentheses. */
export function relationSql(selection: Selection, { rowsOf, typeOf }: RelationWords): string {
  const { whole, mixed, overlapping } = selection;
  const columns = columnsOf[selection.dataset];
  const names = columns.map(({ name }) => name).join(", ");
  const select = ([from, ...conditions]: readonly string[]) =>
    `SELECT ${names} FROM ${from}${conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : ""}`;
  const parts: string[] = [];
  if (whole.length > 0) parts.push(select(rowsOf(whole)));
  if (mixed.length > 0) parts.push(select([...rowsOf(mixed), countedSql(selection)]));
  if (parts.length === 0)
    return `SELECT ${columns.map(({ name, type }) => `CAST(NULL AS ${typeOf(type)}) AS ${name}`).join(", ")} WHERE FALSE`;
  const all = parts.join(" UNION ALL ");
  if (overlapping.length === 0) return all;
  const among = literals(overlapping);
  return `SELECT ${names} FROM (${all}) a WHERE batch NOT IN ${among} UNION ALL SELECT ${names} FROM (SELECT *, row_number() OVER (PARTITION BY sensor, capture_id ORDER BY batch, captured_at) AS place FROM (${all}) b WHERE batch IN ${among}) o WHERE place = 1`;
}

/** Which rows of compacted files count. */
const countedSql = ({ counted: { only, batches } }: Selection) =>
  `substr(batch, 1, 16) || ':' || CAST(generation AS VARCHAR) ${only ? "IN" : "NOT IN"} ${literals(batches)}`;

/**
 * The slices' SQL in DuckDB's words. Slices are written so that Trino runs them as they are; here is what DuckDB names or
 * plans differently and no macro can mend. Literals are left alone. Pure.
 */

/** An instant in milliseconds as DuckDB's timestamp. */
const timestamp = "make_timestamp(1000 * CAST(instant AS BIGINT))";

/** Functions that DuckDB lacks and macros can give it; the last two no engine has, and Trino takes as SQL functions, too. */
export const macros: readonly string[] = [
  "CREATE OR REPLACE TEMP MACRO array_join(list, separator) AS array_to_string(list, separator)",
  "CREATE OR REPLACE TEMP MACRO to_utf8(text) AS encode(text)",
  `CREATE OR REPLACE TEMP MACRO instant_text(instant) AS strftime(${timestamp}, '%Y-%m-%dT%H:%M:%SZ')`,
  `CREATE OR REPLACE TEMP MACRO day_text(instant) AS strftime(${timestamp}, '%Y-%m-%d')`,
];

/** What stands for what, outside literals. */
const words: readonly (readonly [RegExp, string])[] = [
  // A macro takes no lambda.
  [/\btransform\(/g, "list_transform("],
  // Read again from Parquet, a few columns at a time, rather than kept in memory with every column that anyone asks for.
  [/\bscoped AS \(/g, "scoped AS NOT MATERIALIZED ("],
  // The join would be planned as one over row numbers, with the whole relation in memory: ten times the time.
  [/SELECT (\w+)\.\*, e FROM \1 CROSS JOIN UNNEST\((\w+)\) AS t\(e\)/g, "SELECT $1.*, unnest($2) AS e FROM $1"],
];

/** A slice's text as DuckDB runs it best. */
export function duckdbSql(sql: string): string {
  const replaced = (text: string) => words.reduce((said, [standard, ours]) => said.replace(standard, ours), text);
  // Quotes inside a literal are doubled, so that every second piece lies outside.
  return sql
    .split("'")
    .map((piece, index) => (index % 2 === 0 ? replaced(piece) : piece))
    .join("'");
}

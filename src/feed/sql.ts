/**
 * Pieces of SQL that mean the same to DuckDB and to Trino: literals, lists, ranks, and the partner's economies on
 * each side. Pure.
 *
 * Rules that keep one text running on both engines: instants are BIGINT milliseconds; sums are cast; no `/`, no floats;
 * rows inside `max` hold no NULL. What DuckDB says otherwise (`array_join`, `transform`, {@link unnested}) its own file
 * of the lake knows.
 */
import { partSeparator } from "../fields.ts";
import type { Query, Side } from "../model.ts";
import type { Policy } from "./policy.ts";

/**
 * How a query says what it needs of a relation more than once. `kept`: it names the relation again, since the engine keeps
 * what it worked out, or works a few columns out again cheaply (DuckDB). `inlined`: it names each relation once wherever
 * that is possible, since the engine works it out anew, down to the files, wherever it is named (Trino).
 */
export type Form = keyof Query;

/** What `say` makes of a query in either form. */
export const inForms = (say: (form: Form) => string): Query => ({ kept: say("kept"), inlined: say("inlined") });

/** A text literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A list of literals in parentheses, for IN. */
export function literals(values: readonly (string | number)[]): string {
  return `(${values.map((value) => (typeof value === "number" ? String(value) : literal(value))).join(", ")})`;
}

/** The separator of the parts of a list cell, as SQL. */
export const separator = `chr(${partSeparator.charCodeAt(0)})`;

/** Part `index` (from 1) of a list element; NULL where it is empty. */
export function part(element: string, index: number): string {
  return `nullif(split_part(${element}, ${separator}, ${index}), '')`;
}

/**
 * True where `test(code)` holds for one of the policy's economies at the capture's instant. With `all` nothing is asked,
 * so that captures of unknown economy are in.
 */
export function economyHolds(policy: Policy, test: (codes: readonly string[]) => string): string {
  if (policy.economies === "all") return "TRUE";
  const always = policy.economies.filter((economy) => economy.since === undefined).map((economy) => economy.code);
  const later = policy.economies.flatMap((economy) =>
    economy.since === undefined ? [] : [`(captured_at >= ${economy.since} AND ${test([economy.code])})`],
  );
  const tests = always.length > 0 ? [test(always), ...later] : later;
  return `(${tests.join(" OR ")})`;
}

const listHolds = (column: string) => (codes: readonly string[]) =>
  `(${codes.map((code) => `contains(${column}, ${literal(code)})`).join(" OR ")})`;

/** Predicate of each side over the lake's columns. */
export function sideHolds(policy: Policy, side: Side): string {
  if (side === "source")
    return `(handshake AND ${economyHolds(policy, (codes) => `source_economy IN ${literals(codes)}`)})`;
  return economyHolds(policy, listHolds(side === "target" ? "target_economies" : "url_economies"));
}

/** Milliseconds at which the capture's UTC day begins. */
export const dayOf = "captured_at - captured_at % 86400000";

/**
 * The rows of a named relation, once for each element `e` of one of its lists. Always in this form, which the engine's
 * file may know by sight: DuckDB runs such a join ten times slower than the same said its own way.
 */
export function unnested(relation: string, list: string): string {
  return `SELECT ${relation}.*, e FROM ${relation} CROSS JOIN UNNEST(${list}) AS t(e)`;
}

/** CTEs that end in `<name>(<keys>, pairs)`: the `count` largest values by `n` of a relation `keys, v, n`, as `v:n;v:n`. */
export function topPairs(name: string, relation: string, keys: readonly string[], count: number): string[] {
  const by = keys.join(", ");
  return [
    `ranked_${name} AS (SELECT ${by}, v, n, row_number() OVER (PARTITION BY ${by} ORDER BY n DESC, v) AS place FROM (${relation}) r)`,
    `${name} AS (SELECT ${by}, array_join(array_agg(v || ':' || CAST(n AS VARCHAR) ORDER BY n DESC, v), ';') AS pairs FROM ranked_${name} WHERE place <= ${count} GROUP BY ${by})`,
  ];
}

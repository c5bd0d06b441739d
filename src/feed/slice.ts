/**
 * Slice: one SQL text from feed × policy × period, over the relation `captures` that the engine names. The result's
 * first column is the row's natural key, which is not rendered; then come the feed's columns but `row_id` and `tlp`.
 * Total order, so that any engine gives the same rows in the same places. Pure.
 *
 * @see docs/fields.md for the columns and the rules behind them
 */
import { SpampotsError } from "../errors.ts";
import type { Period, Side } from "../model.ts";
import { type Feed, filterColumns } from "./feeds.ts";
import { type Policy, withheldColumns } from "./policy.ts";
import { captureSlice } from "./slice-captures.ts";
import { sourceSlice } from "./slice-sources.ts";
import { targetSlice } from "./slice-targets.ts";
import { urlSlice } from "./slice-urls.ts";
import { dayOf, literal, literals, sideHolds } from "./sql.ts";

/** A grain's part: CTEs after `scoped`, expressions by column, the natural key and the order. */
export interface GrainSql {
  readonly ctes: readonly string[];
  readonly from: string;
  /** Expression of each column; a column that isn't here is a literal NULL. */
  readonly columns: Readonly<Record<string, string>>;
  /** Where a row withholds a column by itself: the condition. */
  readonly withheld: Readonly<Record<string, string>>;
  readonly key: string;
  readonly order: string;
}

export interface SliceContext {
  readonly feed: Feed;
  readonly policy: Policy;
  /** Predicate that a capture passes the feed's filters. */
  readonly filtered: string;
  readonly sides: readonly Side[];
  /** Hosts whose rows are marked benign: each with all below it. */
  readonly benignHosts: readonly string[];
}

/** A slice's SQL (to follow the engine's `WITH captures AS (…)`) and the names of its columns after the key. */
export interface Slice {
  readonly sql: string;
  readonly columns: readonly string[];
  /** The same rows in fewer columns: see {@link Packed}. */
  packed(groups: Packed): string;
}

/**
 * Groups of column names. Each becomes one column: of a single name the column as it is; of more their texts, NULL as
 * nothing, joined by {@link cellSeparator}. Millions of rows are read several times faster so.
 */
export type Packed = readonly (readonly string[])[];

/** Between the cells of a packed column. No text of the lake holds it. */
export const cellSeparator = "\u001e";

const grainSql: Readonly<Record<string, (context: SliceContext) => GrainSql>> = {
  "source-day": sourceSlice,
  "target-day": targetSlice,
  "url-day": urlSlice,
  capture: captureSlice,
};

/** Captures of the slice before filters: in what is covered, no probe, concerned by one of the feed's sides. */
export function scopedCaptures(policy: Policy, sides: readonly Side[]): string {
  const concerned = sides.map((side) => sideHolds(policy, side)).join(" OR ");
  return `scoped AS (SELECT *, ${dayOf} AS day FROM captures WHERE captured_at >= ${policy.covers.from} AND captured_at < ${policy.covers.to} AND NOT probe AND (${concerned}))`;
}

/** Builds the slice of a feed of any grain but `summary`. */
export function buildSlice(feed: Feed, policy: Policy, period: Period, benignHosts: readonly string[]): Slice {
  const build = grainSql[feed.grain];
  if (build === undefined)
    throw new SpampotsError("internal", "A summary is not made of rows.", {
      feed: feed.id,
      period: period.id,
    });
  const filters = Object.entries(feed.filters).map(([name, values]) => {
    // The keys of `filters` are those of `filterColumns` by the feed's schema; Object.entries forgets that.
    return `${filterColumns[name as keyof typeof filterColumns]} IN ${literals(values)}`;
  });
  const filtered = filters.length > 0 ? filters.join(" AND ") : "TRUE";
  const grain = build({
    feed,
    policy,
    filtered,
    sides: feed.sides,
    benignHosts,
  });
  const withheld = withheldColumns(feed, policy);
  const columns = feed.columns.filter((name) => name !== "row_id" && name !== "tlp");
  const redacted = columns.flatMap((name) => {
    if (withheld.has(name)) return [literal(name)];
    const condition = grain.withheld[name];
    return condition === undefined ? [] : [`CASE WHEN ${condition} THEN ${literal(name)} END`];
  });
  const expressions = columns.map((name) => {
    if (name === "redacted") return redacted.length > 0 ? `concat_ws(';', ${redacted.join(", ")})` : "''";
    return withheld.has(name) ? "NULL" : (grain.columns[name] ?? "NULL");
  });
  const select = (list: readonly string[]) =>
    `${[scopedCaptures(policy, feed.sides), ...grain.ctes].join(",\n")}\nSELECT ${grain.key} AS row_key, ${list.join(", ")}\nFROM ${grain.from}\nORDER BY ${grain.order}`;
  const expressionOf = new Map(columns.map((name, index) => [name, expressions[index] ?? "NULL"]));
  return {
    sql: select(columns.map((name) => `${expressionOf.get(name)} AS ${name}`)),
    packed: (groups) =>
      select(
        groups.map(
          (names, index) => `${joinedCells(names.map((name) => expressionOf.get(name) ?? "NULL"))} AS g${index}`,
        ),
      ),
    columns,
  };
}

/** One expression of several; a single one is left as it is. */
function joinedCells(expressions: readonly string[]): string {
  const [first, ...more] = expressions;
  if (more.length === 0) return first ?? "NULL";
  const texts = expressions.map((expression) => `coalesce(CAST(${expression} AS VARCHAR), '')`);
  return `concat(${texts.join(`, chr(${cellSeparator.charCodeAt(0)}), `)})`;
}

/**
 * Slice: one query from feed × policy × period, over the relation `captures` that the engine names. The result's
 * first column is the row's natural key, which is not rendered; then come the feed's columns but `row_id` and `tlp`.
 * Total order, so that any engine gives the same rows in the same places. Pure.
 *
 * @see docs/fields.md for the columns and the rules behind them
 */
import { SpampotsError } from "../errors.ts";
import { fields } from "../fields.ts";
import type { Period, Query, Side } from "../model.ts";
import { type Feed, filterColumns } from "./feeds.ts";
import { type Policy, withheldColumns } from "./policy.ts";
import { captureSlice } from "./slice-captures.ts";
import { sourceSlice } from "./slice-sources.ts";
import { targetSlice } from "./slice-targets.ts";
import { urlSlice } from "./slice-urls.ts";
import { dayOf, type Form, inForms, literal, literals, sideHolds } from "./sql.ts";

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
  readonly form: Form;
}

/** A slice's SQL (to follow the engine's `WITH captures AS (…)`) and the names of its columns after the key. */
export interface Slice {
  readonly sql: Query;
  readonly columns: readonly string[];
  /** The same rows as CSV wants them: see {@link Packed}. */
  packed(how: Packed): Query;
}

/**
 * How rows are packed: the first column is one text of key (in bytes of UTF-8), cells {@link beside} it and all cells of the row in the feed's
 * order, each as it stands in CSV but for quotes and escapes, NULL as nothing; parts are separated by {@link partOfRow}
 * and cells by {@link cellSeparator}. Then come the columns that are asked for {@link alone}, too; `row_key` is the key.
 */
export interface Packed {
  readonly beside: readonly string[];
  readonly alone: readonly string[];
}

/** Between the parts of a packed row. No text of the lake holds it. */
export const partOfRow = "\u001d";

/** Between the cells of a packed row. No text of the lake holds it. */
export const cellSeparator = "\u001e";

const grainSql: Readonly<Record<string, (context: SliceContext) => GrainSql>> = {
  "source-day": sourceSlice,
  "target-day": targetSlice,
  "url-day": urlSlice,
  capture: captureSlice,
};

/** Captures of the slice before filters: in what is covered, no probe, concerned by one of the feed's sides. */
function scopedCaptures(policy: Policy, sides: readonly Side[]): string {
  const concerned = sides.map((side) => sideHolds(policy, side)).join(" OR ");
  return `scoped AS (SELECT *, ${dayOf} AS day FROM captures WHERE captured_at >= ${policy.covers.from} AND captured_at < ${policy.covers.to} AND NOT probe AND (${concerned}))`;
}

/** A slice in one form. */
interface Said {
  readonly sql: string;
  packed(how: Packed): string;
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
  const columns = feed.columns.filter((name) => name !== "row_id" && name !== "tlp");
  const say = (form: Form): Said => {
    const context = { feed, policy, filtered, sides: feed.sides, benignHosts, form };
    return saidSlice(context, columns, build(context));
  };
  const said = { kept: say("kept"), inlined: say("inlined") };
  return {
    sql: inForms((form) => said[form].sql),
    packed: (how) => inForms((form) => said[form].packed(how)),
    columns,
  };
}

function saidSlice({ feed, policy }: SliceContext, columns: readonly string[], grain: GrainSql): Said {
  const withheld = withheldColumns(feed, policy);
  const redacted = columns.flatMap((name) => {
    if (withheld.has(name)) return [literal(name)];
    const condition = grain.withheld[name];
    return condition === undefined ? [] : [`CASE WHEN ${condition} THEN ${literal(name)} END`];
  });
  const expressions = columns.map((name) => {
    if (name === "redacted") return redacted.length > 0 ? `concat_ws(';', ${redacted.join(", ")})` : "''";
    return withheld.has(name) ? "NULL" : (grain.columns[name] ?? "NULL");
  });
  const expressionOf = new Map([
    ["row_key", grain.key],
    ...columns.map((name, index) => [name, expressions[index] ?? "NULL"] as const),
  ]);
  const of = (name: string) => expressionOf.get(name) ?? "NULL";
  const aliased = (names: readonly string[]) => names.map((name) => `${of(name)} AS ${name}`);
  const texts = (names: readonly string[]) => names.map((name) => textOf(name, of(name)));
  const select = (list: readonly string[]) =>
    `${[scopedCaptures(policy, feed.sides), ...grain.ctes].join(",\n")}\nSELECT ${list.join(", ")}\nFROM ${grain.from}\nORDER BY ${grain.order}`;
  return {
    sql: select(aliased(["row_key", ...columns])),
    packed: ({ beside, alone }) =>
      select([`${packedRow(grain.key, texts(beside), texts(columns))} AS packed`, ...aliased(alone)]),
  };
}

/** A column's cell as the text that stands in CSV. `publication/cells.ts` makes the same of cells that come by column. */
function textOf(column: string, expression: string): string {
  if (expression === "NULL") return "CAST(NULL AS VARCHAR)";
  switch (fields.get(column)?.type) {
    case "instant":
      return `instant_text(${expression})`;
    case "day":
      return `day_text(${expression})`;
    case "exemplars":
      return `array_join(transform(${expression}, x -> instant_text(x.instant) || '|' || CAST(x.port AS VARCHAR) || '|' || CAST(x.abused AS VARCHAR)), ';')`;
    default:
      return `CAST(${expression} AS VARCHAR)`;
  }
}

/** `parts` are texts. */
function packedRow(key: string, beside: readonly string[], cells: readonly string[]): string {
  const separator = (text: string) => `chr(${text.charCodeAt(0)})`;
  const joined = (expressions: readonly string[]) =>
    expressions.flatMap((expression, index) => [
      ...(index === 0 ? [] : [separator(cellSeparator)]),
      `coalesce(${expression}, '')`,
    ]);
  return `to_utf8(concat(${[key, separator(partOfRow), ...joined(beside), separator(partOfRow), ...joined(cells)].join(", ")}))`;
}

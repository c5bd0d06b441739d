/**
 * Which attacker-written texts are common enough to leave: seen at enough sensors and for enough distinct recipients. Pure.
 *
 * Said in two forms with the same answer (see {@link Form}): joined to a relation for each kind of text, or looked up in
 * maps that one pass over the captures makes.
 *
 * @see `docs/decisions/0025-queries-in-two-forms.md`
 */
import { type Form, unnested } from "./sql.ts";

/** What a text needs before it leaves; at most eight recipients, as many as a capture's sample holds. */
export interface Least {
  readonly sensors: number;
  readonly recipients: number;
}

/** Common texts of several kinds, of a relation that the query names `c`. */
export interface CommonTexts {
  /** CTEs before the query. */
  readonly ctes: readonly string[];
  /** What stands behind the relation in FROM. */
  readonly joins: string;
  /** The text of a kind where it is common, else NULL. */
  shown(kind: string): string;
}

const sampled = "sensor, recipient_distinct, recipient_sample";

/** A value with an address sign never leaves. */
const mayLeave =
  "v IS NOT NULL AND strpos(v, '@') = 0 AND strpos(v, '＠') = 0 AND strpos(v, '﹫') = 0 AND strpos(v, '%40') = 0";

/**
 * Common texts of a relation's columns.
 *
 * @param columns column by kind: both are names.
 */
export function commonTexts(
  form: Form,
  relation: string,
  columns: Readonly<Record<string, string>>,
  least: Least,
): CommonTexts {
  const kinds = Object.entries(columns);
  if (form === "kept") {
    return {
      ctes: kinds.flatMap(([kind, column]) =>
        commonValues(kind, `SELECT ${column} AS v, ${sampled} FROM ${relation}`, least),
      ),
      joins: kinds.map(([kind, column]) => `LEFT JOIN common_${kind} ON c.${column} = common_${kind}.v`).join(" "),
      shown: (kind) => `common_${kind}.v`,
    };
  }
  const values = kinds.map(([kind, column]) => ({ kind, values: `ARRAY[${column}]` }));
  return {
    ...commonMaps(relation, values, least),
    shown: (kind) => ifCommon(kind, `c.${columns[kind]}`),
  };
}

/** The text itself where it is common, else NULL: by a map of {@link commonMaps}. */
export function ifCommon(kind: string, text: string): string {
  return `element_at(common.${kind}, ${text})`;
}

/**
 * CTEs that end in `common_<name>(v)`: the common values of `values`, a query of `v, sensor, recipient_distinct,
 * recipient_sample`. A value that one capture alone carried to enough recipients needs no counting; for the rest the
 * samples hold all recipients. `values` is asked twice rather than kept: it is as large as the slice.
 */
export function commonValues(name: string, values: string, least: Least): string[] {
  return [
    `seen_${name} AS (SELECT v, max(recipient_distinct) AS most FROM (${values}) x WHERE ${mayLeave} GROUP BY v HAVING count(DISTINCT sensor) >= ${least.sensors})`,
    `rare_${name} AS (SELECT s.v, x.recipient_sample FROM seen_${name} s JOIN (${values}) x ON x.v = s.v WHERE s.most < ${least.recipients})`,
    `few_${name} AS (SELECT v FROM (${unnested(`rare_${name}`, "recipient_sample")}) r GROUP BY v HAVING count(DISTINCT e) >= ${least.recipients})`,
    `common_${name} AS (SELECT v FROM seen_${name} WHERE most >= ${least.recipients} UNION ALL SELECT v FROM few_${name})`,
  ];
}

/**
 * CTEs that end in `common(<kind>, …)`, to be joined: one row with a map for each kind, from each common text to itself, NULL
 * where a kind has none. One pass over the relation: recipients are counted beside sensors, but only of captures that had fewer
 * than a text needs.
 *
 * @param kinds each kind's texts in a row of the relation, as an array.
 */
export function commonMaps(
  relation: string,
  kinds: readonly { readonly kind: string; readonly values: string }[],
  least: Least,
): Pick<CommonTexts, "ctes" | "joins"> {
  if (kinds.length === 0) return { ctes: [], joins: "" };
  const texts = kinds.map(({ values }, place) => `transform(${values}, v -> ROW(${place}, v))`);
  const few = `CASE WHEN recipient_distinct < ${least.recipients} THEN recipient_sample END`;
  const maps = kinds.map(({ kind }, place) => `map_agg(v, v) FILTER (WHERE kind = ${place}) AS ${kind}`);
  const ctes = [
    `texts AS (SELECT kind, v, sensor, recipient_distinct, ${few} AS few FROM ${relation} CROSS JOIN UNNEST(${texts.length > 1 ? `concat(${texts.join(", ")})` : texts[0]}) AS t(kind, v) WHERE ${mayLeave})`,
    `common_texts AS (SELECT kind, v FROM texts LEFT JOIN UNNEST(few) AS t(e) ON TRUE GROUP BY kind, v HAVING count(DISTINCT sensor) >= ${least.sensors} AND (max(recipient_distinct) >= ${least.recipients} OR count(DISTINCT e) >= ${least.recipients}))`,
    `common AS (SELECT ${maps.join(", ")} FROM common_texts)`,
  ];
  return { ctes, joins: "CROSS JOIN common" };
}
